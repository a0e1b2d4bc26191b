import type { ErrorCode } from '../../kernel/errors.js';
import type { LogName, RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q, sql } from '../queries.js';

/**
 * invited: only what concerns the peer's invited people. start: the room is owed from its start. log: entries follow.
 * submit: our pending events, owed to the home. bridge: entries for a bridge.
 */
export type LaneMode = 'invited' | 'start' | 'log' | 'submit' | 'bridge';

export interface LaneRow {
  readonly room_id: RoomId;
  readonly consumer_id: string;
  readonly mode: LaneMode;
  readonly cursor: number;
  /** The last entry this lane may carry, once its server has left. */
  readonly end_seq: number | null;
  readonly receipt: number | null;
  readonly receipt_hash: Buffer | null;
  /** The receipt as the peer signed it. */
  readonly receipt_jws: string | null;
  readonly frozen: string | null;
  /** What the peer signed and what contradicts our log. */
  readonly proof: string | null;
  /** What we signed and what contradicts the peer's log. */
  readonly own_proof: string | null;
  /** Rises with all that changes what the lane owes; what a turn has read before moves nothing. */
  readonly generation: number;
  /** The last refusal of a run, how often in a row, and how many entries the next run may have. */
  readonly refused_code: string | null;
  readonly refused_times: number;
  readonly run_limit: number | null;
  /** After a refusal the room waits by itself, and its peer's other rooms go on. */
  readonly rest_until: number | null;
  /** When the home last accepted submissions of this lane. */
  readonly accepted_at: number | null;
}

export interface DueLane extends LaneRow {
  readonly log_name: LogName;
  readonly head_seq: number;
  readonly head_hash: Buffer;
}

/** Why a lane is frozen whose two ends hold different logs under one name. */
export const FORKED: ErrorCode = 'SW_FED_CHAIN_FORK';

/** A room of a foreign home in which own events wait; `cursor` is the stream position up to which it has accepted them. */
export interface SubmittingLane extends LaneRow {
  /** Everything accepted has had its time to come back with a place, and is offered again. */
  readonly overdue: boolean;
}

/** Where a lane stands after a turn. `undefined` keeps what is there. */
export interface LaneMove {
  readonly roomId: RoomId;
  readonly generation: number;
  readonly cursor: number;
  readonly mode?: LaneMode | undefined;
  readonly endSeq?: number | null | undefined;
  readonly receipt?: number | undefined;
  readonly receiptHash?: Buffer | undefined;
  readonly receiptJws?: string | undefined;
  readonly frozen?: string | undefined;
  /** The signed word that contradicts our log. */
  readonly proof?: string | undefined;
  /** What we signed and what the peer would not have. */
  readonly ownProof?: string | undefined;
  readonly acceptedAt?: number | undefined;
  readonly refusedCode: string | null;
  readonly refusedTimes: number;
  readonly runLimit: number | null;
  readonly restUntil: number | null;
  /** A place that is left out for this consumer from now on. */
  readonly withhold?: { readonly seq: number; readonly code: string } | undefined;
}

export interface LaneSearch {
  readonly limit: number;
  /** Another number each turn: it orders the rooms, so that none waits behind the same others for ever. */
  readonly turn: number;
  readonly nowMs: number;
}

export class LanesRepository {
  constructor(private readonly tx: Tx) {}

  /** Opens a lane, or gives an existing one a new mode and place. */
  async open(ctx: TenantContext, lane: Pick<LaneRow, 'room_id' | 'consumer_id' | 'mode' | 'cursor'>): Promise<void> {
    await this.tx.rows(
      q('lanes')
        .insert({ tenant_id: ctx.tenantId, ...lane })
        .onConflict(['tenant_id', 'room_id', 'consumer_id'])
        .merge({
          ...AS_NEW,
          mode: lane.mode,
          cursor: lane.cursor,
          generation: sql('lanes.generation + 1'),
        }),
    );
  }

  async find(ctx: TenantContext, roomId: RoomId, consumerId: string): Promise<LaneRow | undefined> {
    return (await this.tx.rows<LaneRow>(q('lanes').where({ tenant_id: ctx.tenantId, room_id: roomId, consumer_id: consumerId })))[0];
  }

  async listOfConsumer(ctx: TenantContext, consumerId: string): Promise<readonly (LaneRow & { readonly head_seq: number; readonly log_name: LogName })[]> {
    return this.tx.rows(
      q('lanes as l')
        .select('l.*', 'r.head_seq', 'r.log_name')
        .join('rooms as r', (on) => on.on('r.tenant_id', 'l.tenant_id').on('r.room_id', 'l.room_id'))
        .where({ 'l.tenant_id': ctx.tenantId, 'l.consumer_id': consumerId })
        .orderBy('l.room_id'),
    );
  }

  /** The lanes that other servers have in a room. */
  async listOfPeers(ctx: TenantContext, roomId: RoomId): Promise<readonly LaneRow[]> {
    return this.tx.rows<LaneRow>(q('lanes').where({ tenant_id: ctx.tenantId, room_id: roomId }).whereNot({ mode: 'bridge' }).orderBy('consumer_id'));
  }

  /** The lane ends with this entry, the last its server may read. Said again when what comes after it has changed. */
  async end(ctx: TenantContext, roomId: RoomId, consumerId: string, endSeq: number): Promise<void> {
    const where = { tenant_id: ctx.tenantId, room_id: roomId, consumer_id: consumerId };
    await this.tx.rows(q('lanes').where(where).update({ end_seq: endSeq, generation: sql('generation + 1') }));
  }

  async change(ctx: TenantContext, roomId: RoomId, consumerId: string, change: Partial<Pick<LaneRow, 'mode' | 'cursor' | 'frozen'>>): Promise<void> {
    await this.tx.rows(q('lanes').where({ tenant_id: ctx.tenantId, room_id: roomId, consumer_id: consumerId }).update(change));
  }

  /** For a fork, with what the peer and we have signed. False: it was frozen for one before, and keeps the first proof. */
  async freeze(ctx: TenantContext, roomId: RoomId, consumerId: string, { proof, ownProof }: { readonly proof: string; readonly ownProof: string | null }): Promise<boolean> {
    const rows = await this.tx.prepared(
      'lane_freeze',
      `update lanes set frozen = $4, proof = $5, own_proof = coalesce(own_proof, $6)
       where tenant_id = $1 and room_id = $2 and consumer_id = $3 and (frozen is distinct from $4 or proof is null) returning 1`,
      [ctx.tenantId, roomId, consumerId, FORKED, proof, ownProof],
    );
    return rows.length > 0;
  }

  /** The consumer has nothing more to do with the room. */
  async close(ctx: TenantContext, roomId: RoomId, consumerId: string): Promise<void> {
    await this.tx.rows(q('lanes').where({ tenant_id: ctx.tenantId, room_id: roomId, consumer_id: consumerId }).delete());
  }

  /** Lanes of a consumer whose log has something they have not carried yet, in another order each turn. */
  async due(ctx: TenantContext, consumerId: string, { limit, turn, nowMs }: LaneSearch): Promise<readonly DueLane[]> {
    return this.tx.prepared<DueLane>(
      'lanes_due',
      `select l.*, r.log_name, r.head_seq, r.head_hash from lanes l
       join rooms r on r.tenant_id = l.tenant_id and r.room_id = l.room_id
       where l.tenant_id = $1 and l.consumer_id = $2 and l.frozen is null and l.mode <> 'submit'
         and (l.rest_until is null or l.rest_until <= $5) and (l.mode = 'start' or r.head_seq > l.cursor) and (l.end_seq is null or l.cursor < l.end_seq)
       order by hashtext(l.room_id || $4::text) limit $3`,
      [ctx.tenantId, consumerId, limit, String(turn), nowMs],
    );
  }

  /** Rooms of a foreign home with own events to send: not accepted yet, or accepted too long ago and still without a place. */
  async submitting(ctx: TenantContext, consumerId: string, { limit, turn, nowMs }: LaneSearch, resendAfterMs: number): Promise<readonly SubmittingLane[]> {
    return this.tx.prepared<SubmittingLane>(
      'lanes_submitting',
      `select * from (
         select l.*, coalesce(l.accepted_at <= $5, false) as overdue from lanes l
         where l.tenant_id = $1 and l.consumer_id = $2 and l.mode = 'submit' and l.frozen is null
           and (l.rest_until is null or l.rest_until <= $6)) l
       where exists (select 1 from entries e where e.tenant_id = l.tenant_id and e.room_id = l.room_id and e.state = 'pending'
         and (l.overdue or e.stream_position > l.cursor))
       order by hashtext(l.room_id || $4::text) limit $3`,
      [ctx.tenantId, consumerId, limit, String(turn), nowMs - resendAfterMs, nowMs],
    );
  }

  /** Rooms of a foreign home in which own events wait of which nothing was said yet. */
  async untold(ctx: TenantContext, consumerId: string, limit: number): Promise<readonly RoomId[]> {
    const rows = await this.tx.prepared<{ room_id: RoomId }>(
      'lanes_untold',
      `select l.room_id from lanes l where l.tenant_id = $1 and l.consumer_id = $2 and l.mode = 'submit'
         and exists (select 1 from entries e where e.tenant_id = l.tenant_id and e.room_id = l.room_id and e.state = 'pending'
           and e.stream_position > l.cursor and e.reason is null)
       limit $3`,
      [ctx.tenantId, consumerId, limit],
    );
    return rows.map((row) => row.room_id);
  }

  /** Why what is said in a room does not get to its home: its lane is frozen, or the last attempt failed. */
  async failureOfHome(ctx: TenantContext, roomId: RoomId): Promise<string | undefined> {
    const rows = await this.tx.prepared<{ code: string }>(
      'lanes_failure_of_home',
      `select coalesce(l.frozen, c.last_error) as code from lanes l join consumers c on c.tenant_id = l.tenant_id and c.consumer_id = l.consumer_id
       where l.tenant_id = $1 and l.room_id = $2 and l.mode = 'submit' and (l.frozen is not null or (c.attempts > 0 and c.last_error is not null))`,
      [ctx.tenantId, roomId],
    );
    return rows[0]?.code;
  }

  /** When something of a consumer comes up by itself: the end of a rest, or the time to offer accepted submissions again. */
  async nextTime(ctx: TenantContext, consumerId: string, nowMs: number, resendAfterMs: number): Promise<number | undefined> {
    const rows = await this.tx.prepared<{ next: number | null }>(
      'lanes_next_time',
      `select least(
         (select min(l.rest_until) from lanes l where l.tenant_id = $1 and l.consumer_id = $2 and l.frozen is null and l.rest_until > $3),
         (select min(l.accepted_at) + $4 from lanes l
          where l.tenant_id = $1 and l.consumer_id = $2 and l.mode = 'submit' and l.frozen is null and l.accepted_at + $4 > $3
            and exists (select 1 from entries e where e.tenant_id = l.tenant_id and e.room_id = l.room_id and e.state = 'pending'))
       ) as next`,
      [ctx.tenantId, consumerId, nowMs, resendAfterMs],
    );
    return rows[0]?.next ?? undefined;
  }

  /** Moves lanes of one consumer; a lane that owes something else meanwhile stays as it is. Runs under the consumer's token. */
  async move(ctx: TenantContext, consumerId: string, moves: readonly LaneMove[], nowMs: number): Promise<void> {
    for (const { roomId, generation, withhold, ...move } of moves) {
      const where = { tenant_id: ctx.tenantId, room_id: roomId, consumer_id: consumerId, generation };
      const moved = await this.tx.rows(q('lanes').where(where).update(columnsOf(move)).returning('room_id'));
      if (withhold === undefined || moved.length === 0) continue;
      const key = { tenant_id: ctx.tenantId, room_id: roomId, consumer_id: consumerId, seq: withhold.seq };
      await this.tx.rows(q('lane_withheld').insert({ ...key, code: withhold.code, created_at: nowMs }).onConflict(['tenant_id', 'room_id', 'consumer_id', 'seq']).ignore());
    }
  }

  /** Places left out for a consumer between two numbers, with the code that says why. */
  async withheld(ctx: TenantContext, roomId: RoomId, consumerId: string, from: number, to: number): Promise<ReadonlyMap<number, string>> {
    const rows = await this.tx.prepared<{ seq: number; code: string }>(
      'lane_withheld_between',
      'select seq, code from lane_withheld where tenant_id = $1 and room_id = $2 and consumer_id = $3 and seq between $4 and $5',
      [ctx.tenantId, roomId, consumerId, from, to],
    );
    return new Map(rows.map(({ seq, code }) => [seq, code]));
  }

  /** The last places of a room that are left out for each of its consumers, newest first. */
  async lastWithheld(ctx: TenantContext, roomId: RoomId, limitEach: number): Promise<readonly { readonly consumer_id: string; readonly seq: number; readonly code: string }[]> {
    return this.tx.prepared(
      'lane_withheld_last',
      `select w.consumer_id, w.seq, w.code from lanes l cross join lateral
         (select o.* from lane_withheld o where o.tenant_id = l.tenant_id and o.room_id = l.room_id and o.consumer_id = l.consumer_id order by o.seq desc limit $3) w
       where l.tenant_id = $1 and l.room_id = $2 order by w.consumer_id, w.seq desc`,
      [ctx.tenantId, roomId, limitEach],
    );
  }
}

const AS_NEW = { end_seq: null, frozen: null, proof: null, own_proof: null, refused_code: null, refused_times: 0, run_limit: null, rest_until: null, accepted_at: null } as const;

function columnsOf(move: Omit<LaneMove, 'roomId' | 'generation' | 'withhold'>): Record<string, unknown> {
  const columns = {
    cursor: move.cursor,
    mode: move.mode,
    end_seq: move.endSeq,
    receipt: move.receipt,
    receipt_hash: move.receiptHash,
    receipt_jws: move.receiptJws,
    frozen: move.frozen,
    proof: move.proof,
    own_proof: move.ownProof,
    accepted_at: move.acceptedAt,
    refused_code: move.refusedCode,
    refused_times: move.refusedTimes,
    run_limit: move.runLimit,
    rest_until: move.restUntil,
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}
