import { LIMITS } from '../kernel/limits.js';
import type { Randomness } from '../kernel/ports.js';
import type { WireItem } from '../protocol/send.js';
import type { IntervalRow } from '../store/repositories/intervals.repository.js';
import type { InvitationRow } from '../store/repositories/invitations.repository.js';
import { FORKED, type DueLane, type LaneMove, type LaneRow } from '../store/repositories/lanes.repository.js';
import { doubling } from './backoff.js';
import type { Parcel } from './build-batch.js';
import type { CheckedResult } from './check-receipts.js';
import { afterRefusal, afterStored, NO_TROUBLE, type RunTrouble } from './halving.js';
import { isAboutContent, isWithoutRoom } from './judge-refusal.js';
import type { LogWork, MemberWork, PeerWork, Refusal, StartWork, SubmitWork } from './peer-work.js';

/** What became of one parcel, to be written under the lease. */
export interface Outcome {
  readonly move?: LaneMove;
  readonly refusals: readonly Refusal[];
  readonly declined?: { readonly invitation: InvitationRow; readonly state: string };
  /** Something is left that could go at once. */
  readonly more: boolean;
  /** A code for an administrator's eyes. */
  readonly alarm?: string;
  /** A code for the authors of what waits: the home takes nothing of this room until somebody decides. */
  readonly waiting?: string;
}

export interface ReadingAid {
  readonly nowMs: number;
  readonly randomness: Pick<Randomness, 'fraction'>;
  readonly reach: PeerWork['reach'];
}

type Result = CheckedResult | undefined;

export function readResults({ work, items, rows }: Parcel, results: readonly CheckedResult[], aid: ReadingAid): Outcome {
  const ours = items.map(signedIn);
  switch (work.kind) {
    case 'start':
      return readStart(work, results[0], ours[0], aid);
    case 'log':
      return readLog(work, rows.length, results[0], ours[0], aid);
    case 'member':
      return readMembers(work, ours, results, aid);
    case 'submit':
      return readSubmissions(work, ours, results, aid);
    case 'decline':
      return readDecline(work.invitation, results[0]);
  }
}

/** By what we have signed of our log in an item; of a submission, by what it says that we had seen. */
function signedIn(item: WireItem): string {
  if (item.kind === 'event') return item.event;
  return item.kind === 'start' ? item.start : item.head;
}

function readStart({ lane }: StartWork, result: Result, ours: string | undefined, aid: ReadingAid): Outcome {
  const began = result?.status === 'stored' || result?.status === 'accepted' || result?.status === 'duplicate';
  if (!began) return isLetGo(lane, result) ? beyondEnd(lane, aid) : refusedRun(lane, result, ours, aid);
  const move = moved(lane, { cursor: lane.cursor, mode: 'log', refusedTimes: lane.refused_times });
  return { move, refusals: [], more: lane.head_seq > lane.cursor };
}

function readLog(work: LogWork, entries: number, result: Result, ours: string | undefined, aid: ReadingAid): Outcome {
  const { lane, rows, withheld } = work;
  if (result?.status === 'stored') {
    // Of a place that was proved before: what was sent now has no answer.
    if (result.seq <= lane.cursor) return rested(lane, undefined, aid);
    const cursor = result.seq;
    const proved = { cursor, receipt: cursor, receiptHash: result.hash, receiptJws: result.receipt };
    if (cursor === lane.end_seq) return beyondEnd(lane, aid, proved);
    return { move: { ...moved(lane, proved), ...afterStored(troubleOf(lane)) }, refusals: [], more: cursor < Math.min(lane.head_seq, lane.end_seq ?? lane.head_seq) };
  }
  if (result?.status === 'gap') return rewound(lane, result.have_seq, intervalsOf(lane, aid).filter(({ from_seq: from }) => from <= lane.cursor + 1).at(-1), aid);
  if (isLetGo(lane, result)) return beyondEnd(lane, aid);
  if (result?.status !== 'refused' || !isAboutContent(result.code)) return refusedRun(lane, result, ours, aid);

  const { trouble, culprit } = afterRefusal(troubleOf(lane), result.code, entries);
  const restUntil = aid.nowMs + (result.retryable ? restMs(trouble.refusedTimes, aid) : LIMITS.peerBackoffMinMs);
  const seq = rows[0]?.seq ?? lane.cursor + 1;
  if (!culprit) return { move: { ...still(lane), ...trouble, restUntil }, refusals: [], more: false };
  // An entry without content cannot be made smaller: somebody must look.
  if (withheld.has(seq)) return stopped(lane, result.code);
  return { move: { ...still(lane), ...NO_TROUBLE, withhold: { seq, code: result.code } }, refusals: [], more: true, alarm: result.code };
}

/** A restored mirror has less than it once confirmed. It never has more than it was sent. One that goes back time and again waits. */
function rewound(lane: LaneRow, haveSeq: number, to: IntervalRow | undefined, aid: ReadingAid): Outcome {
  if (haveSeq >= lane.cursor || to === undefined) return rested(lane, undefined, aid);
  const lostItsStart = haveSeq < to.from_seq - 1;
  const back = { ...(lostItsStart ? { cursor: to.from_seq - 1, mode: 'start' as const } : { cursor: haveSeq, mode: 'log' as const }), endSeq: to.to_seq };
  const refusedTimes = lane.refused_times + 1;
  if (refusedTimes === 1) return { move: { ...moved(lane, back), refusedTimes }, refusals: [], more: true };
  return { move: { ...moved(lane, back), refusedTimes, restUntil: aid.nowMs + restMs(refusedTimes, aid) }, refusals: [], more: false };
}

/** The lane has carried what its server might read, or the server has no use for it: on to the next interval, or to news of its people. */
function beyondEnd(lane: DueLane, aid: ReadingAid, proved: Partial<LaneMove> = {}): Outcome {
  const end = lane.end_seq ?? lane.head_seq;
  const next = intervalsOf(lane, aid).find(({ to_seq: to }) => to === null || to > end);
  if (next !== undefined) return { move: moved(lane, { ...proved, cursor: next.from_seq - 1, mode: 'start', endSeq: next.to_seq }), refusals: [], more: true };
  const news = aid.reach.get(lane.room_id)?.news === true;
  const move = moved(lane, { ...proved, cursor: end, ...(news ? { mode: 'invited' as const, endSeq: null } : { mode: 'log' as const }) });
  return { move, refusals: [], more: news };
}

/** A server that was put out of a room, and holds it no more, needs nothing of what it might still read. */
function isLetGo({ end_seq: end }: LaneRow, result: Result): boolean {
  return end !== null && result?.status === 'refused' && isWithoutRoom(result.code);
}

function intervalsOf({ room_id: roomId }: LaneRow, { reach }: ReadingAid): readonly IntervalRow[] {
  return reach.get(roomId)?.intervals ?? [];
}

/** Entries that the peer will not have are passed over; the first that must wait holds the rest. */
function readMembers({ lane, entries, scannedTo }: MemberWork, ours: readonly string[], results: readonly CheckedResult[], aid: ReadingAid): Outcome {
  let cursor = lane.cursor;
  for (const [index, { row }] of entries.slice(0, ours.length).entries()) {
    const result = results[index];
    const mustWait = result === undefined || result.status === 'deferred' || (result.status === 'refused' && result.retryable);
    if (result?.status === 'contradiction') return stopped(lane, FORKED, { proof: result.proof, ownProof: ours[index] });
    const owed = result?.status === 'gap' ? intervalsOf(lane, aid).find(({ to_seq: to }) => to !== null && to > result.have_seq) : undefined;
    if (result?.status === 'gap' && owed !== undefined) return rewound({ ...lane, cursor }, result.have_seq, owed, aid);
    if (mustWait) return rested({ ...lane, cursor }, result, aid);
    cursor = row.seq;
  }
  const all = ours.length === entries.length;
  return { move: moved(lane, { cursor: all ? Math.max(cursor, scannedTo) : cursor }), refusals: [], more: !all || scannedTo < lane.head_seq };
}

function readSubmissions({ lane, rows }: SubmitWork, ours: readonly string[], results: readonly CheckedResult[], aid: ReadingAid): Outcome {
  const refusals: Refusal[] = [];
  let { cursor } = lane;
  let accepted = false;
  for (const [index, entry] of rows.slice(0, ours.length).entries()) {
    const result = results[index];
    if (result?.status === 'accepted' || result?.status === 'duplicate') accepted = true;
    else if (result?.status === 'refused' && !result.retryable && result.code !== FORKED) refusals.push({ entry, code: result.code });
    else {
      const waits = untaken({ ...lane, cursor }, result, ours[index], aid);
      return { ...waits, refusals, ...(waits.move === undefined ? {} : { move: { ...waits.move, ...(accepted ? { acceptedAt: aid.nowMs } : {}) } }) };
    }
    cursor = Math.max(cursor, entry.stream_position);
  }
  const move = moved(lane, { cursor, ...(accepted || lane.overdue ? { acceptedAt: aid.nowMs } : {}) });
  return { move, refusals, more: true };
}

/** Of two logs under one name the home is not to judge what our people said: it waits until it is known which one holds. */
function untaken(lane: LaneRow, result: Result, ours: string | undefined, aid: ReadingAid): Outcome {
  if (result?.status !== 'refused') return rested(lane, result, aid);
  if (result.code === FORKED) return { ...stopped(lane, FORKED, { ownProof: ours }), waiting: FORKED };
  return { ...rested(lane, result, aid), ...(result.code === 'SW_FED_LANE_FROZEN' ? { waiting: result.code } : {}) };
}

function readDecline(invitation: InvitationRow, result: Result): Outcome {
  const waits = result === undefined || result.status === 'deferred' || result.status === 'gap' || (result.status === 'refused' && result.retryable);
  if (waits) return { refusals: [], more: false };
  return { declined: { invitation, state: result.status === 'refused' ? 'refused' : 'accepted' }, refusals: [], more: false };
}

/** A mirror that has frozen the room takes nothing more, also where its first answer was lost. */
function refusedRun(lane: LaneRow, result: Result, ours: string | undefined, aid: ReadingAid): Outcome {
  if (result?.status === 'contradiction') return stopped(lane, FORKED, { proof: result.proof, ownProof: ours });
  const frozen = result?.status === 'refused' && (result.code === FORKED || result.code === 'SW_FED_LANE_FROZEN');
  return frozen ? stopped(lane, result.code, { ownProof: ours }) : rested(lane, result, aid);
}

/** The room waits by itself, longer each time. */
function rested(lane: LaneRow, result: Result, aid: ReadingAid): Outcome {
  const code = result?.status === 'refused' ? result.code : result?.status === 'deferred' ? 'SW_UNAVAILABLE' : 'SW_FED_ANSWER_INVALID';
  const refusedTimes = lane.refused_times + 1;
  const restUntil = aid.nowMs + restMs(refusedTimes, aid);
  return { move: { ...still(lane), refusedCode: code, refusedTimes, restUntil }, refusals: [], more: false };
}

function restMs(times: number, { randomness }: ReadingAid): number {
  return doubling(times, LIMITS.peerBackoffMinMs, LIMITS.peerBackoffMaxMs, randomness);
}

/** Nothing more of this room until the lane is opened anew. */
function stopped(lane: LaneRow, code: string, proofs: Pick<LaneMove, 'proof' | 'ownProof'> = {}): Outcome {
  return { move: { ...still(lane), frozen: code, ...proofs }, refusals: [], more: false, alarm: code };
}

function still(lane: LaneRow): LaneMove {
  return { roomId: lane.room_id, generation: lane.generation, cursor: lane.cursor, ...troubleOf(lane), restUntil: null };
}

function moved(lane: LaneRow, change: Partial<LaneMove> & Pick<LaneMove, 'cursor'>): LaneMove {
  return { ...still(lane), ...NO_TROUBLE, ...change };
}

function troubleOf(lane: LaneRow): RunTrouble {
  return { refusedCode: lane.refused_code, refusedTimes: lane.refused_times, runLimit: lane.run_limit };
}
