import { POWER, voiceOf } from '../kernel/authority.js';
import { GatewayError } from '../kernel/errors.js';
import { acceptsPeer, type FederationPolicy } from '../kernel/federation-policy.js';
import type { Membership } from '../kernel/events.js';
import { isBridgeFqid, serverOf, type Fqid, type ParticipantId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';

/** Who moves a person, and what they may. */
export interface Mover {
  readonly fqid: Fqid;
  readonly power: number;
}

export interface MembershipStep {
  readonly room: RoomRow;
  readonly person: ParticipantId;
  readonly fqid: Fqid;
  readonly foreign: boolean;
  readonly before: Membership | undefined;
  readonly after: Membership;
  readonly by: Mover;
}

/**
 * Counts people at join and leave, inside the transaction that moves them, so the limits are exact. A person counts
 * once however many rooms: local people in any room, foreign people in rooms hosted here. Nobody comes into a hosted
 * room from a server that this tenant does not accept, whoever invites them.
 */
export async function takePlace(ctx: TenantContext, repositories: Repositories, policy: FederationPolicy, step: MembershipStep): Promise<void> {
  const comes = step.after === 'join' || step.after === 'invite';
  if (comes && step.foreign && step.room.phase === 'hosted' && !acceptsPeer(policy, serverOf(step.fqid))) {
    throw new GatewayError('SW_FED_POLICY', step.fqid);
  }
  if (step.after === 'invite') await checkInviter(ctx, repositories, step);
  const joins = step.after === 'join' && step.before !== 'join';
  const leaves = step.before === 'join' && step.after !== 'join';
  if (joins && step.foreign && step.room.phase === 'hosted') await checkForeignRoom(ctx, repositories, policy, step);
  if (!counts(step) || (!joins && !leaves)) return;

  const already = await repositories.participants.countJoin(ctx, step.person, joins ? 1 : -1);
  if (joins && already === 0 && !(await repositories.usage.take(ctx, 'participants', ctx.limits.max_participants))) {
    throw new GatewayError('SW_ROOM_CAPACITY', `max_participants ${ctx.limits.max_participants}`);
  }
  if (leaves && already === 1) await repositories.usage.release(ctx, 'participants');
}

/** A bridge's own member stands for a channel, not for a person; shadows behind it have a limit of their own. */
function counts({ fqid, foreign, room }: MembershipStep): boolean {
  return !isBridgeFqid(fqid) && (!foreign || room.phase === 'hosted');
}

/** The joiner is among the members already. */
async function checkForeignRoom(ctx: TenantContext, { members }: Repositories, policy: FederationPolicy, { room, fqid }: MembershipStep): Promise<void> {
  if (isBridgeFqid(fqid)) {
    const bridges = await members.countBridgesOf(ctx, room.room_id, serverOf(fqid));
    if (bridges > LIMITS.foreignBridgesPerRoomMax) throw new GatewayError('SW_FED_CAPACITY', `bridges of ${serverOf(fqid)}`);
    return;
  }
  const present = await members.countForeignJoined(ctx, room.room_id);
  if (present > policy.max_foreign_participants_per_room) {
    throw new GatewayError('SW_FED_CAPACITY', `max_foreign_participants_per_room ${policy.max_foreign_participants_per_room}`);
  }
}

/** The invited is among the members already. Whoever may put people out may also invite as many as they like. */
async function checkInviter(ctx: TenantContext, { members }: Repositories, { room, by }: MembershipStep): Promise<void> {
  if (by.power >= POWER.moderator || by.fqid === voiceOf(room.home)) return;
  const open = await members.countInvitedBy(ctx, room.room_id, by.fqid);
  if (open > LIMITS.openInvitesPerMemberMax) throw new GatewayError('SW_ROOM_CAPACITY', `open invitations of ${by.fqid}`);
}
