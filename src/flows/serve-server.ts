import type { Membership } from '../kernel/events.js';
import { serverOf, type Fqid } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { peerConsumerId } from '../lanes/peer-lane.js';
import type { RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';
import { requireStartFits } from './start-fits.js';

export interface ServerStep {
  readonly room: RoomRow;
  readonly fqid: Fqid;
  readonly before: Membership | undefined;
  readonly after: Membership;
  /** The entry's number. */
  readonly seq: number;
  /** The entry that made the membership what it was before: an invitation, for those who join by one. */
  readonly beforeSeq: number | undefined;
}

/**
 * Opens and ends what a foreign server may read of a hosted room, and the lane that carries it there, in the transaction
 * that moves its member. An invitation opens the lane for itself alone; the first join opens the log. Throws
 * SW_FED_ROOM_TOO_LARGE.
 */
export async function serveServer(ctx: TenantContext, repositories: Repositories, step: ServerStep): Promise<void> {
  const { room, seq } = step;
  const server = serverOf(step.fqid);
  const consumer = peerConsumerId(server);
  const joined = await repositories.members.countOfServer(ctx, room.room_id, server, ['join']);
  const lane = await repositories.lanes.find(ctx, room.room_id, consumer);
  const reading = lane !== undefined && lane.mode !== 'invited' && lane.end_seq === null;

  const comes = step.after === 'join' || step.after === 'invite';
  if (comes && !reading) await requireStartFits(ctx, repositories, room, server, startOf(step) - 1);

  await repositories.consumers.ensure(ctx, consumer, 'peer');
  if (step.after === 'join' && !reading) {
    const from = startOf(step);
    await repositories.intervals.open(ctx, room.room_id, server, from);
    await repositories.lanes.open(ctx, { room_id: room.room_id, consumer_id: consumer, mode: 'start', cursor: from - 1 });
  } else if (step.before === 'join' && joined === 0 && reading) {
    await repositories.intervals.close(ctx, room.room_id, server, seq);
    await repositories.lanes.end(ctx, room.room_id, consumer, seq);
  } else if (!reading && (lane === undefined || lane.mode !== 'invited')) {
    await repositories.lanes.open(ctx, { room_id: room.room_id, consumer_id: consumer, mode: 'invited', cursor: seq - 1 });
  }
}

/** Newcomers read from the invitation that they answer, or from the beginning if the room says so. */
function startOf({ room, before, beforeSeq, seq }: ServerStep): number {
  if (room.history === 'beginning') return 1;
  return before === 'invite' && beforeSeq !== undefined ? beforeSeq : seq;
}
