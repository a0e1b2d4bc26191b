import { eventIdOf } from '../kernel/derived-ids.js';
import { isStateType, stateTarget, type JsonObject, type WireEvent } from '../kernel/events.js';
import { isBridgeFqid, type EventId, type ParticipantId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { AdmittedEvent } from '../admit/admit-event.js';
import type { AppendItem } from '../store/repositories/log-items.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import { toLocal } from './content.js';

/** What the readers of this tenant should see of an event, where it differs from what was signed. */
export interface LocalView {
  /** Null for a home's own voice, which is nobody. */
  readonly senderId: ParticipantId | null;
  /** Equal on every repeat of the same request. Absent: the event hash. */
  readonly dedupeHash?: Buffer;
  /** `bridge:<id>` for bridged people; absent: the origin, if it is foreign. */
  readonly foreignOrigin?: string;
  /** The person a `.member` entry is about. */
  readonly about?: ParticipantId | undefined;
}

/** An admitted event in the tenant's own terms, ready for a place. */
export function toAppendItem(ctx: TenantContext, snapshot: RoomSnapshot, { proven, roomId, epoch }: AdmittedEvent, view: LocalView): AppendItem {
  const { event, eventHash, jws } = proven;
  return {
    roomId,
    epoch,
    eventId: eventIdOf(ctx.tenantId, event.origin, event.id),
    origin: event.origin,
    wireId: event.id,
    type: event.type,
    sender: event.sender,
    senderId: view.senderId,
    foreignOrigin: view.foreignOrigin ?? (event.origin === ctx.serverName ? null : event.origin),
    target: isStateType(event.type) ? stateTarget(event) : null,
    eventHash,
    dedupeHash: view.dedupeHash ?? eventHash,
    jws,
    content: localContent(ctx, snapshot, event, view.about),
    relatesTo: relatedId(ctx, proven.event),
    via: event.via ?? [],
    originTs: event.origin_ts,
  };
}

/** A `.member` entry also says which participant of ours it is about. */
export function localContent(ctx: TenantContext, { members }: Pick<RoomSnapshot, 'members'>, event: WireEvent, about: ParticipantId | undefined): JsonObject {
  const { _imported_sender: imported, ...spoken } = toLocal(ctx.tenantId, event.content, event.relates_to, members);
  // Only a bridge speaks for others; from anybody else it would be a disguise.
  const content = imported !== undefined && isBridgeFqid(event.sender) ? { ...spoken, _imported_sender: imported } : spoken;
  return about === undefined ? content : { ...content, participant_id: about };
}

export function relatedId(ctx: TenantContext, event: Pick<WireEvent, 'relates_to'>): EventId | null {
  const relation = event.relates_to;
  return relation === undefined ? null : eventIdOf(ctx.tenantId, relation.origin, relation.id);
}
