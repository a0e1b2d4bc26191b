import { POWER } from '../kernel/authority.js';
import { EVENT_TYPES, type JsonObject, type Membership, type RoomState, type RoomType, type WireEvent } from '../kernel/events.js';
import { serverOf, type Fqid, type ParticipantId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { HistoryRule, RoomChange, RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';
import { participantOf } from './shadows.js';

/** A state entry that has a place. */
export interface StateEntry {
  readonly event: Pick<WireEvent, 'type' | 'sender' | 'content'>;
  readonly seq: number;
  readonly at: number;
}

/** What a `.member` entry did, for those who count people and open lanes. */
export interface MembershipEffect {
  readonly person: ParticipantId;
  readonly fqid: Fqid;
  readonly after: Membership;
}

export interface Applied {
  readonly facts: RoomChange;
  readonly membership?: MembershipEffect;
}

/**
 * Makes a state entry true in the tenant's tables, whether we gave it its place or its home did. The caller holds the
 * room's lock, writes the facts and raises the epoch.
 */
export async function applyState(ctx: TenantContext, repositories: Repositories, room: RoomRow, entry: StateEntry, nowMs: number): Promise<Applied> {
  const { type, content } = entry.event;
  switch (type) {
    case EVENT_TYPES.member:
      return { facts: {}, membership: await applyMember(ctx, repositories, room, entry, nowMs) };
    case EVENT_TYPES.powerLevels:
      await repositories.members.setPower(ctx, room.room_id, content['target'] as Fqid, Number(content['power_level']));
      return { facts: {} };
    default:
      return { facts: factsOf(room, type, content) };
  }
}

/** Who may find a restricted room is decided where it lives; its log does not say. */
function factsOf({ visibility }: Pick<RoomRow, 'visibility'>, type: string, content: JsonObject): RoomChange {
  switch (type) {
    case EVENT_TYPES.create:
      return {
        room_type: content['room_type'] as RoomType,
        creator: content['creator'] as Fqid,
        history: content['history'] as HistoryRule,
        visibility: visibility === 'restricted' ? visibility : content['room_type'] === 'public' ? 'public' : 'private',
      };
    case EVENT_TYPES.name:
      return { name: content['name'] as string };
    case EVENT_TYPES.topic:
      return { topic: content['topic'] as string };
    case EVENT_TYPES.federation:
      return { federated: content['enabled'] === true };
    case EVENT_TYPES.state:
      return { state: content['state'] as RoomState };
    default:
      return {};
  }
}

/** The creator stands at 100 whenever they join, everybody else at 0, until a power entry says otherwise. */
async function applyMember(ctx: TenantContext, repositories: Repositories, room: RoomRow, entry: StateEntry, nowMs: number): Promise<MembershipEffect> {
  const { content, sender } = entry.event;
  const fqid = content['target'] as Fqid;
  const after = content['membership'] as Membership;
  const profile = { displayName: content['display_name'] as string | undefined, avatarUrl: content['avatar_url'] as string | null | undefined };
  const person = await participantOf(ctx, repositories, fqid, profile, nowMs);
  await repositories.members.set(ctx, {
    roomId: room.room_id,
    participantId: person,
    fqid,
    server: serverOf(fqid),
    membership: after,
    invitedBy: after === 'invite' ? sender : null,
    atMs: entry.at,
    seq: entry.seq,
  });
  if (after === 'join' && fqid === room.creator) await repositories.members.setPower(ctx, room.room_id, fqid, POWER.admin);
  return { person, fqid, after };
}
