import type { RoomId, ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { genesis } from '../protocol/chain.js';
import type { DueLane } from '../store/repositories/lanes.repository.js';
import type { Repositories } from '../store/store.js';
import type { DeclineWork, LogWork, MemberWork, PeerWork, Reach, Refusal, StartWork, Submission, Work } from './peer-work.js';

export interface PeerWorkQuery {
  readonly consumerId: string;
  readonly peer: ServerName;
  /** The lease's token: another each turn. */
  readonly turn: number;
  readonly nowMs: number;
}

interface DescriptorSource {
  readonly peers: Pick<Repositories['peers'], 'find'>;
}

/** Finds what is due for a peer. Entries are taken only up to the head that was seen together with the lane's end. */
export async function readPeerWork(ctx: TenantContext, repositories: Repositories, query: PeerWorkQuery): Promise<PeerWork> {
  const { lanes, invitations } = repositories;
  const { consumerId, peer, nowMs } = query;
  const search = { limit: LIMITS.batchItemsMax, turn: query.turn, nowMs };
  const due = await lanes.due(ctx, consumerId, search);
  const submitting = await lanes.submitting(ctx, consumerId, search, LIMITS.acceptedResendMs);
  const declining = await invitations.declining(ctx, peer, LIMITS.batchItemsMax);
  const perRoom = entriesPerRoom(due.length + submitting.length);

  const passed: { lane: DueLane; cursor: number }[] = [];
  const work: Work[] = declining.flatMap((invitation): DeclineWork[] =>
    invitation.decline_jws === null ? [] : [{ kind: 'decline', invitation: { ...invitation, decline_jws: invitation.decline_jws } }],
  );
  const hopeless: Refusal[] = [];
  for (const lane of submitting) {
    const rows = await repositories.log.submissions(ctx, lane.room_id, lane.overdue ? 0 : lane.cursor, perRoom);
    const waiting: Submission[] = [];
    for (const row of rows) {
      if (row.created_at <= nowMs - LIMITS.submissionHoldMs) hopeless.push({ entry: row, code: 'SW_FED_SUBMISSION_EXPIRED' });
      else if (row.jws === null) hopeless.push({ entry: row, code: 'SW_EVENT_NOT_FOUND' });
      else waiting.push({ ...row, jws: row.jws });
    }
    if (waiting.length > 0) work.push({ kind: 'submit', lane, rows: waiting });
  }
  for (const lane of due) {
    if (lane.mode === 'start') work.push(await readStart(ctx, repositories, lane));
    else if (lane.mode === 'log') work.push(await readLog(ctx, repositories, lane, perRoom));
    else {
      const found = await readMembers(ctx, repositories, lane, peer, perRoom);
      if (found.entries.length > 0) work.push(found);
      else passed.push({ lane, cursor: found.scannedTo });
    }
  }
  return {
    work,
    passed,
    hopeless,
    reach: await readReach(ctx, repositories, work, peer),
    descriptors: await readDescriptors(ctx, repositories, authorsOf(work, ctx.serverName, peer)),
    nextTimeMs: await lanes.nextTime(ctx, consumerId, nowMs, LIMITS.acceptedResendMs),
  };
}

/** Few rooms may fill a batch each; many are read for a part that leaves some choice. */
function entriesPerRoom(rooms: number): number {
  return Math.min(LIMITS.batchEntriesMax, Math.ceil((4 * LIMITS.batchEntriesMax) / Math.max(rooms, 1)));
}

async function readStart(ctx: TenantContext, { log }: Repositories, lane: DueLane): Promise<StartWork> {
  const state = await log.stateAt(ctx, lane.room_id, lane.cursor);
  return { kind: 'start', lane, hash: await hashAt(ctx, log, lane, lane.cursor), state };
}

async function readLog(ctx: TenantContext, { log, lanes }: Repositories, lane: DueLane, perRoom: number): Promise<LogWork> {
  const rows = (await log.run(ctx, lane.room_id, lane.cursor, Math.min(perRoom, lane.run_limit ?? perRoom))).filter(({ seq }) => seq <= lastAllowed(lane));
  const withheld = await lanes.withheld(ctx, lane.room_id, lane.consumer_id, lane.cursor + 1, rows.at(-1)?.seq ?? lane.cursor);
  return { kind: 'log', lane, rows, withheld, prevHash: await hashAt(ctx, log, lane, lane.cursor) };
}

async function readMembers(ctx: TenantContext, { log, rooms, members }: Repositories, lane: DueLane, peer: ServerName, perRoom: number): Promise<MemberWork> {
  const rows = (await log.memberRun(ctx, lane.room_id, lane.cursor, peer, perRoom)).filter(({ seq }) => seq <= lastAllowed(lane));
  const entries = [];
  for (const row of rows) entries.push({ row, prevHash: await hashAt(ctx, log, lane, row.seq - 1) });
  const room = await rooms.find(ctx, lane.room_id);
  if (room === undefined) throw new Error('a lane without its room');
  const about = { name: room.name, topic: room.topic, type: room.room_type, member_count: await members.countJoined(ctx, lane.room_id) };
  const scannedTo = rows.length < perRoom ? lastAllowed(lane) : (rows.at(-1)?.seq ?? lane.cursor);
  return { kind: 'member', lane, entries, about, scannedTo };
}

function lastAllowed({ head_seq: head, end_seq: end }: DueLane): number {
  return end === null ? head : Math.min(head, end);
}

async function hashAt(ctx: TenantContext, log: Repositories['log'], lane: DueLane, seq: number): Promise<Buffer> {
  if (seq === 0) return genesis();
  const row = await log.at(ctx, lane.room_id, seq);
  if (row === undefined) throw new Error(`the log has no place ${seq}`);
  return row.chain_hash;
}

/** Servers that are neither ours nor the peer's: it may not know their keys. */
function authorsOf(work: readonly Work[], own: ServerName, peer: ServerName): ReadonlySet<ServerName> {
  const origins = work.flatMap((part): readonly ServerName[] => {
    if (part.kind === 'start') return part.state.map(({ origin }) => origin);
    if (part.kind === 'log') return part.rows.map(({ origin }) => origin);
    return part.kind === 'member' ? part.entries.map(({ row }) => row.origin) : [];
  });
  return new Set(origins.filter((origin) => origin !== own && origin !== peer));
}

async function readReach(ctx: TenantContext, { intervals, log }: Repositories, work: readonly Work[], peer: ServerName): Promise<PeerWork['reach']> {
  const reach = new Map<RoomId, Reach>();
  for (const part of work) {
    if (part.kind === 'submit' || part.kind === 'decline') continue;
    const { room_id: roomId, end_seq: end } = part.lane;
    const news = end !== null && (await log.memberRun(ctx, roomId, end, peer, 1)).length > 0;
    reach.set(roomId, { intervals: await intervals.list(ctx, roomId, peer), news });
  }
  return reach;
}

export async function readDescriptors(ctx: TenantContext, { peers }: DescriptorSource, servers: ReadonlySet<ServerName>): Promise<ReadonlyMap<ServerName, string>> {
  const found = new Map<ServerName, string>();
  for (const server of servers) {
    const jws = (await peers.find(ctx, server))?.descriptor['jws'];
    if (typeof jws === 'string') found.set(server, jws);
  }
  return found;
}
