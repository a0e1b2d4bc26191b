import { eventIdOf } from '../kernel/derived-ids.js';
import { GatewayError } from '../kernel/errors.js';
import type { JsonObject, JsonValue, Relation } from '../kernel/events.js';
import type { Fqid, TenantId } from '../kernel/ids.js';
import type { RoomMember } from '../store/repositories/rooms.repository.js';

type Members = ReadonlyMap<Fqid, RoomMember>;

/** What clients write, in words that every server understands: people by FQID, the event replied to by its relation. */
export function toWire(content: JsonObject, members: Members): JsonObject {
  const { reply_to_event_id: _relation, mentions, ...rest } = content;
  if (mentions === undefined) return rest;
  if (!Array.isArray(mentions)) throw new GatewayError('SW_BAD_SCHEMA', 'mentions', { publicDetail: 'content.mentions must be an array.' });
  const byId = new Map<JsonValue, Fqid>([...members.values()].map((member) => [member.participantId, member.fqid]));
  return { ...rest, mentions: mentions.map((id: JsonValue) => byId.get(id) ?? notInRoom()) };
}

/** A signed content in the tenant's own terms: people by participant id, the event replied to by local id. */
export function toLocal(tenant: TenantId, content: JsonObject, relation: Relation | undefined, members: Members): JsonObject {
  const { mentions, reply_to_event_id: _foreign, ...rest } = content;
  const local: Record<string, JsonValue> = { ...rest };
  if (Array.isArray(mentions)) {
    local['mentions'] = mentions.flatMap((fqid: JsonValue) => members.get(fqid as Fqid)?.participantId ?? []);
  }
  if (relation?.rel === 'reply') local['reply_to_event_id'] = eventIdOf(tenant, relation.origin, relation.id);
  return local;
}

function notInRoom(): never {
  throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', 'a mention names nobody in the room');
}
