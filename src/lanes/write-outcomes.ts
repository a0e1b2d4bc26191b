import type { ServerName } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { LaneMove } from '../store/repositories/lanes.repository.js';
import type { Repositories } from '../store/store.js';
import type { Turn } from './lane-handler.js';
import type { PeerWork, Refusal } from './peer-work.js';
import type { Outcome } from './read-results.js';

/** What else follows from a submission's final refusal: a refused join closes the mirror. Runs first in the transaction. */
export type OnRefused = (ctx: TenantContext, repositories: Repositories, refusal: Refusal) => Promise<void>;

export interface TurnFacts {
  readonly consumerId: string;
  readonly peer: ServerName;
  readonly work: PeerWork;
  readonly outcomes: readonly Outcome[];
  readonly failureCode: string | undefined;
  readonly nowMs: number;
}

/** What a turn writes, in the one order of locks: rooms and invitations, then the consumer, then lanes, last what takes a stream position. */
export function writesOf(ctx: TenantContext, facts: TurnFacts, onRefused: OnRefused): Pick<Turn, 'before' | 'after'> {
  const { consumerId, peer, work, outcomes, failureCode, nowMs } = facts;
  const refusals = [...work.hopeless, ...outcomes.flatMap((outcome) => outcome.refusals)];
  const waiting = outcomes.flatMap(({ move, waiting: code }) => (move === undefined || code === undefined ? [] : [{ roomId: move.roomId, code }]));
  const roomIds = [...new Set([...refusals.map(({ entry }) => entry.room_id), ...waiting.map(({ roomId }) => roomId)])].sort();
  return {
    async before(repositories) {
      for (const roomId of roomIds) await repositories.rooms.lock(ctx, roomId);
      for (const refusal of await stillPending(ctx, repositories, refusals)) await onRefused(ctx, repositories, refusal);
      for (const { declined } of outcomes) {
        if (declined !== undefined) await repositories.invitations.change(ctx, declined.invitation.invitation_id, { decline_state: declined.state });
      }
    },
    async after({ lanes, peers, log }) {
      await lanes.move(ctx, consumerId, movesOf(work, outcomes), nowMs);
      if (failureCode !== undefined) await peers.failed(ctx, peer, failureCode, nowMs);
      else if (outcomes.length > 0) await peers.seen(ctx, peer, nowMs);
      await log.refusePending(ctx, refusals.map(({ entry, code }) => ({ eventId: entry.event_id, reason: code })));
      for (const { roomId, code } of waiting) await log.tellWaiting(ctx, roomId, code);
    },
  };
}

/** A place may have come while the refusal was under way; then it is the place that counts. */
async function stillPending(ctx: TenantContext, { log }: Repositories, refusals: readonly Refusal[]): Promise<readonly Refusal[]> {
  if (refusals.length === 0) return refusals;
  const rows = await log.findMany(ctx, refusals.map(({ entry }) => entry.event_id));
  const pending = new Set(rows.filter((row) => row.state === 'pending').map((row) => row.event_id));
  return refusals.filter(({ entry }) => pending.has(entry.event_id));
}

function movesOf({ passed }: PeerWork, outcomes: readonly Outcome[]): readonly LaneMove[] {
  const carried = outcomes.flatMap(({ move }) => (move === undefined ? [] : [move]));
  const skipped = passed.map(({ lane, cursor }): LaneMove => {
    const { room_id: roomId, generation } = lane;
    return { roomId, generation, cursor: Math.max(lane.cursor, cursor), refusedCode: null, refusedTimes: 0, runLimit: null, restUntil: null };
  });
  return [...carried, ...skipped];
}
