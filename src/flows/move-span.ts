import type { Membership } from '../kernel/events.js';
import type { ParticipantId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';

export interface SpanStep {
  readonly room: Pick<RoomRow, 'room_id' | 'history'>;
  readonly person: ParticipantId;
  readonly before: Membership | undefined;
  readonly after: Membership;
  /** The entry that made the membership what it was before. */
  readonly beforeSeq: number | undefined;
}

/**
 * A local person reads from their join on, or from the invitation that it answers, or from the beginning if the room
 * says so; up to and with the entry that ends the membership.
 */
export async function moveSpan(ctx: TenantContext, { members, log }: Repositories, step: SpanStep, position: number): Promise<void> {
  const { room, person, before, after } = step;
  if (after === 'join' && before !== 'join') {
    const invitation = before === 'invite' && step.beforeSeq !== undefined ? await log.at(ctx, room.room_id, step.beforeSeq) : undefined;
    const since = room.history === 'beginning' ? 0 : (invitation?.stream_position ?? position);
    await members.openSpan(ctx, room.room_id, person, since);
  }
  if (before === 'join' && after !== 'join') await members.closeSpan(ctx, room.room_id, person, position);
}
