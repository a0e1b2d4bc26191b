import type { Membership } from '../kernel/events.js';
import { serverOf, type Fqid } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { peerConsumerId } from '../lanes/peer-lane.js';
import type { LaneRow } from '../store/repositories/lanes.repository.js';
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
 * that moves its member. An invitation opens the lane for itself alone; the first join opens the log. A lane that still
 * owes entries up to its end carries them first: it finds by itself what comes after. Throws SW_FED_ROOM_TOO_LARGE.
 */
export async function serveServer(ctx: TenantContext, repositories: Repositories, step: ServerStep): Promise<void> {
  const { consumers, intervals, lanes, members } = repositories;
  const { room, seq } = step;
  const server = serverOf(step.fqid);
  const consumer = peerConsumerId(server);
  const reads = (await intervals.list(ctx, room.room_id, server)).some(({ to_seq: to }) => to === null);
  const ends = reads && step.before === 'join' && (await members.countOfServer(ctx, room.room_id, server, ['join'])) === 0;
  if (reads && !ends) return;

  const from = startOf(step);
  const opens = step.after === 'join';
  if (opens || step.after === 'invite') await requireStartFits(ctx, repositories, room, server, from - 1);

  await consumers.ensure(ctx, consumer, 'peer');
  await consumers.hold(ctx, consumer);
  if (ends) await intervals.close(ctx, room.room_id, server, seq);
  else if (opens) await intervals.open(ctx, room.room_id, server, from);

  const lane = await lanes.find(ctx, room.room_id, consumer);
  const key = { room_id: room.room_id, consumer_id: consumer };
  const owedTo = endOwed(lane) ?? (ends ? seq : undefined);
  if (owedTo !== undefined) await lanes.end(ctx, room.room_id, consumer, owedTo);
  else if (opens) await lanes.open(ctx, { ...key, mode: 'start', cursor: from - 1 });
  else if (lane?.mode !== 'invited') await lanes.open(ctx, { ...key, mode: 'invited', cursor: seq - 1 });
}

/** The end of a lane that has not been there yet. */
function endOwed(lane: LaneRow | undefined): number | undefined {
  if (lane === undefined || lane.frozen !== null || lane.end_seq === null) return undefined;
  return lane.cursor < lane.end_seq ? lane.end_seq : undefined;
}

/** Newcomers read from the invitation that they answer, or from the beginning if the room says so. */
function startOf({ room, before, beforeSeq, seq }: ServerStep): number {
  if (room.history === 'beginning') return 1;
  return before === 'invite' && beforeSeq !== undefined ? beforeSeq : seq;
}
