import type { EventId, Fqid, RoomId, ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import type { EntryRow, EntryState, PlacedEntryRow, ToldEntryRow } from './entry-row.js';
import { eventPageOf, eventPageText, TOLD_COLUMNS, type EventPage, type Sized } from './event-page.js';
import type { AppendItem, AppendOutcome, JudgedRun, RunItem, RunOutcome, RunToAppend } from './log-items.js';

interface AppendRow {
  readonly item: number;
  readonly outcome: string;
  readonly place: number | null;
  readonly stream_pos: number | null;
  readonly placed_at: number | null;
}

/** A room in which something has changed. */
export interface TouchedRoom {
  readonly room_id: RoomId;
  /** An own event has come that is owed to the home. */
  readonly waiting: boolean;
}

const STATE_AT = `select distinct on (event_type, target) * from entries
       where tenant_id = $1 and room_id = $2 and target is not null and seq <= $3 order by event_type, target, seq desc`;
const STILL_THERE = "(event_type <> 'swp.room.member' or content ->> 'membership' is distinct from 'leave')";

export class LogRepository {
  constructor(private readonly tx: Pick<Tx, 'rows' | 'prepared'>) {}

  /** Many events, one round trip, an outcome each. Sets its own tenant, so it also runs outside a transaction. */
  async append(ctx: TenantContext, items: readonly AppendItem[], nowMs: number, pendingMax: number): Promise<readonly AppendOutcome[]> {
    const rooms = [...new Map(items.map((item) => [item.roomId, item.epoch])).entries()];
    const roomAt = new Map(rooms.map(([roomId], index) => [roomId, index + 1]));
    const column = <T>(pick: (item: AppendItem) => T): T[] => items.map(pick);
    const rows = await this.tx.prepared<AppendRow>('append_entries', APPEND_TEXT, [
      ctx.tenantId,
      ctx.epoch,
      nowMs,
      pendingMax,
      rooms.map(([roomId]) => roomId),
      rooms.map(([, epoch]) => epoch),
      column((item) => roomAt.get(item.roomId) ?? 0),
      column((item) => item.eventId),
      column((item) => item.origin),
      column((item) => item.wireId),
      column((item) => item.type),
      column((item) => item.sender),
      column((item) => item.senderId),
      column((item) => item.foreignOrigin),
      column((item) => item.target),
      column((item) => item.eventHash),
      column((item) => item.dedupeHash),
      column((item) => item.jws),
      column((item) => JSON.stringify(item.content)),
      column((item) => item.relatesTo),
      column((item) => JSON.stringify(item.via)),
      column((item) => item.originTs),
    ]);
    return rows.map(outcomeOf);
  }

  async appendRun(ctx: TenantContext, run: RunToAppend): Promise<RunOutcome> {
    const [row] = await this.tx.prepared<{ outcome: RunOutcome['outcome']; have_seq: number; positions: (number | string | null)[]; conflicts: number[] }>(
      'append_run',
      APPEND_RUN_TEXT,
      [ctx.tenantId, ...runColumns(run)],
    );
    if (row === undefined) throw new Error('append_run answered nothing');
    const positions = row.positions.map((position) => (position === null ? null : Number(position)));
    return { outcome: row.outcome, haveSeq: row.have_seq, positions, conflicts: row.conflicts };
  }

  /**
   * False, and nothing is written: the room or the tenant is no longer what the run was judged by, or something of it is
   * known already. Sets its own tenant, like `append`.
   */
  async appendJudgedRun(ctx: TenantContext, run: JudgedRun): Promise<boolean> {
    const values = [ctx.tenantId, run.epoch, run.mirrorBytesMax, ...runColumns(run)];
    const [row] = await this.tx.prepared<{ stored: boolean }>('append_judged_run', APPEND_JUDGED_RUN_TEXT, values);
    return row?.stored === true;
  }

  /** Gives pending rows their final refusal, at a new stream position. */
  async refusePending(ctx: TenantContext, refusals: readonly { readonly eventId: EventId; readonly reason: string }[]): Promise<void> {
    await this.#move(ctx, refusals.map(({ eventId, reason }) => ({ eventId, state: 'refused', reason })));
  }

  /**
   * Says of own events that the home has not taken, and of which nothing was said yet, why they wait: they come to a new
   * stream position, in their order. Those it has taken keep theirs, which its lane counts by. The room is locked.
   */
  async tellWaiting(ctx: TenantContext, roomId: RoomId, reason: string): Promise<void> {
    const untold = await this.tx.prepared<{ event_id: EventId }>(
      'log_untold',
      `select e.event_id from entries e
       where e.tenant_id = $1 and e.room_id = $2 and e.state = 'pending' and e.reason is null and e.stream_position >
         (select coalesce(max(l.cursor), 0) from lanes l where l.tenant_id = $1 and l.room_id = $2 and l.mode = 'submit')
       order by e.stream_position`,
      [ctx.tenantId, roomId],
    );
    await this.#move(ctx, untold.map((row) => ({ eventId: row.event_id, state: 'pending', reason })));
  }

  async #move(ctx: TenantContext, moves: readonly { readonly eventId: EventId; readonly state: EntryState; readonly reason: string }[]): Promise<void> {
    if (moves.length === 0) return;
    await this.tx.prepared('move_entries', 'select move_entries($1, $2, $3, $4)', [
      ctx.tenantId,
      moves.map(({ eventId }) => eventId),
      moves.map(({ state }) => state),
      moves.map(({ reason }) => reason),
    ]);
  }

  /**
   * Erases an event and every edit of it: content and signed text go, hashes and ids stay, so the chain verifies and a
   * repeat is still a duplicate. What a mirror kept of them is given back. Returns the events whose copies elsewhere must
   * go too.
   */
  async erase(ctx: TenantContext, roomId: RoomId, eventId: EventId, redactedBy: number): Promise<readonly EventId[]> {
    const rows = await this.tx.prepared<{ event_id: EventId }>(
      'log_erase',
      `with doomed as (
         select event_id, case when seq is null then 0 else coalesce(length(jws), 0) end as bytes from entries
         where tenant_id = $1 and room_id = $2 and redacted_by is null
           and (event_id = $3 or (relates_to = $3 and event_type = 'swp.room.message.edit')) for no key update),
       given_back as (
         update tenant_usage u set mirror_bytes = u.mirror_bytes - d.bytes from (select sum(bytes) as bytes from doomed) as d
         where u.tenant_id = $1 and d.bytes > 0
           and exists (select from rooms r where r.tenant_id = $1 and r.room_id = $2 and r.phase <> 'hosted'))
       update entries e set jws = null, content = null, redacted_by = $4 from doomed d
       where e.tenant_id = $1 and e.event_id = d.event_id
       returning e.event_id`,
      [ctx.tenantId, roomId, eventId, redactedBy],
    );
    return rows.map((row) => row.event_id);
  }

  /** Which of these events are erased, and the edits that went with them. */
  async erasedWith(ctx: TenantContext, roomId: RoomId, eventIds: readonly EventId[]): Promise<readonly EventId[]> {
    const text = 'select event_id from entries where tenant_id = $1 and room_id = $2 and (event_id = any ($3) or relates_to = any ($3)) and redacted_by is not null';
    return (await this.tx.prepared<{ event_id: EventId }>('log_erased_with', text, [ctx.tenantId, roomId, [...eventIds]])).map((row) => row.event_id);
  }

  async find(ctx: TenantContext, roomId: RoomId, eventId: EventId): Promise<EntryRow | undefined> {
    const text = 'select * from entries where tenant_id = $1 and room_id = $2 and event_id = $3';
    return (await this.tx.prepared<EntryRow>('entry_find', text, [ctx.tenantId, roomId, eventId]))[0];
  }

  async findMany(ctx: TenantContext, eventIds: readonly EventId[]): Promise<readonly EntryRow[]> {
    const text = 'select * from entries where tenant_id = $1 and event_id = any ($2)';
    return this.tx.prepared<EntryRow>('entry_find_many', text, [ctx.tenantId, [...eventIds]]);
  }

  /** The first place of a room whose content is not kept here. */
  async firstWithheld(ctx: TenantContext, roomId: RoomId): Promise<number | undefined> {
    const text = "select min(seq) as seq from entries where tenant_id = $1 and room_id = $2 and state = 'withheld' and seq is not null";
    return (await this.tx.prepared<{ seq: number | null }>('log_first_withheld', text, [ctx.tenantId, roomId]))[0]?.seq ?? undefined;
  }

  /** The last places of a room whose content is not kept here, newest first, with the code that says why. */
  async lastWithheld(ctx: TenantContext, roomId: RoomId, limit: number): Promise<readonly { readonly seq: number; readonly code: string }[]> {
    const text = "select seq, reason as code from entries where tenant_id = $1 and room_id = $2 and state = 'withheld' order by seq desc limit $3";
    return this.tx.prepared('log_last_withheld', text, [ctx.tenantId, roomId, limit]);
  }

  /** Places of a stretch whose content is not kept here, each with whether it would still hold: no later entry of its (type, target). */
  async withheldBetween(ctx: TenantContext, roomId: RoomId, from: number, to: number): Promise<ReadonlyMap<number, boolean>> {
    const rows = await this.tx.prepared<{ seq: number; holds: boolean }>(
      'log_withheld_between',
      `select e.seq, not exists (select 1 from entries l where l.tenant_id = e.tenant_id and l.room_id = e.room_id
         and l.event_type = e.event_type and l.target = e.target and l.seq > e.seq) as holds
       from entries e where e.tenant_id = $1 and e.room_id = $2 and e.state = 'withheld' and e.seq between $3 and $4`,
      [ctx.tenantId, roomId, from, to],
    );
    return new Map(rows.map(({ seq, holds }) => [seq, holds]));
  }

  /** A person's last word on one emoji under a message: the reaction, or its taking back. */
  async lastReaction(ctx: TenantContext, roomId: RoomId, eventId: EventId, sender: Fqid, emoji: string): Promise<EntryRow | undefined> {
    const rows = await this.tx.prepared<EntryRow>(
      'log_last_reaction',
      `select * from entries where tenant_id = $1 and room_id = $2 and relates_to = $3 and sender = $4 and content ->> 'emoji' = $5
         and event_type in ('swp.room.reaction', 'swp.room.reaction.remove') and state <> 'refused'
       order by seq desc nulls first, stream_position desc limit 1`,
      [ctx.tenantId, roomId, eventId, sender, emoji],
    );
    return rows[0];
  }

  /** Placed entries after a number, in order: as many as one batch may carry, and always one. Long ones are not even read. */
  async run(ctx: TenantContext, roomId: RoomId, afterSeq: number, limit: number): Promise<readonly PlacedEntryRow[]> {
    // In one pass over one index: joined with itself, a table without statistics yet is read from the room's first entry on.
    return this.tx.prepared<PlacedEntryRow>(
      'log_run',
      `select * from (
         select near.*, sum(octet_length(jws)) over (order by seq rows between unbounded preceding and 1 preceding) as bytes_before
         from (select * from entries where tenant_id = $1 and room_id = $2 and seq > $3 order by seq limit $4) as near) as sized
       where coalesce(bytes_before, 0) < $5 order by seq`,
      [ctx.tenantId, roomId, afterSeq, limit, LIMITS.batchBytesMax],
    );
  }

  /** Entries about the people of one server, for an invited lane. */
  async memberRun(ctx: TenantContext, roomId: RoomId, afterSeq: number, server: ServerName, limit: number): Promise<readonly PlacedEntryRow[]> {
    return this.tx.prepared<PlacedEntryRow>(
      'log_member_run',
      `select * from entries where tenant_id = $1 and room_id = $2 and event_type = 'swp.room.member' and seq > $3
         and right(target, length($4) + 1) = ':' || $4 order by seq limit $5`,
      [ctx.tenantId, roomId, afterSeq, server, limit],
    );
  }

  /** The current entry of each (type, target) up to a number, but for people who have left. */
  async stateAt(ctx: TenantContext, roomId: RoomId, seq: number): Promise<readonly PlacedEntryRow[]> {
    return this.tx.prepared<PlacedEntryRow>(
      'log_state_at',
      `select * from (${STATE_AT}) as state where ${STILL_THERE}`,
      [ctx.tenantId, roomId, seq],
    );
  }

  /** How much the same would take up on its way, and who wrote it. */
  async stateSize(ctx: TenantContext, roomId: RoomId, seq: number): Promise<{ readonly entries: number; readonly jwsBytes: number; readonly origins: readonly ServerName[] }> {
    const [row] = await this.tx.prepared<{ entries: number; bytes: number; origins: ServerName[] }>(
      'log_state_size',
      `select count(*)::integer as entries, coalesce(sum(length(jws)), 0)::bigint as bytes, coalesce(array_agg(distinct origin), '{}') as origins
       from (${STATE_AT}) as state where jws is not null and ${STILL_THERE}`,
      [ctx.tenantId, roomId, seq],
    );
    return { entries: row?.entries ?? 0, jwsBytes: row?.bytes ?? 0, origins: row?.origins ?? [] };
  }

  async at(ctx: TenantContext, roomId: RoomId, seq: number): Promise<PlacedEntryRow | undefined> {
    const text = 'select * from entries where tenant_id = $1 and room_id = $2 and seq = $3';
    return (await this.tx.prepared<PlacedEntryRow>('log_at', text, [ctx.tenantId, roomId, seq]))[0];
  }

  /** Own events that wait for their home, in the order they were written. */
  async pending(ctx: TenantContext, roomId: RoomId, limit: number): Promise<readonly EntryRow[]> {
    return this.tx.prepared<EntryRow>(
      'log_pending',
      "select * from entries where tenant_id = $1 and room_id = $2 and state = 'pending' order by stream_position limit $3",
      [ctx.tenantId, roomId, limit],
    );
  }

  /** Own events after a stream position that wait for their home. */
  async submissions(ctx: TenantContext, roomId: RoomId, after: number, limit: number): Promise<readonly EntryRow[]> {
    return this.tx.prepared<EntryRow>(
      'log_submissions',
      "select * from entries where tenant_id = $1 and room_id = $2 and state = 'pending' and stream_position > $3 order by stream_position limit $4",
      [ctx.tenantId, roomId, after, limit],
    );
  }

  /** Everything of a tenant after a stream position, for publishers and followers. */
  async after(ctx: TenantContext, position: number, limit: number): Promise<EventPage<ToldEntryRow>> {
    const near = `select ${TOLD_COLUMNS}, coalesce(octet_length(e.jws), 0) as bytes,
        (select r.room_type from rooms r where r.tenant_id = e.tenant_id and r.room_id = e.room_id) as room_type
      from entries e where e.tenant_id = $1 and e.stream_position > $2 order by e.stream_position limit $3`;
    return eventPageOf(await this.tx.prepared<ToldEntryRow & Sized>('log_after', eventPageText(near), [ctx.tenantId, position, limit + 1]), limit);
  }

  async position(ctx: TenantContext): Promise<number> {
    const text = 'select stream_position from tenant_heads where tenant_id = $1';
    return (await this.tx.prepared<{ stream_position: number }>('log_position', text, [ctx.tenantId]))[0]?.stream_position ?? 0;
  }

  /** Rooms touched in a stretch of the stream, each with whether own events wait in it for their home. */
  async roomsBetween(ctx: TenantContext, after: number, upTo: number): Promise<readonly TouchedRoom[]> {
    return this.tx.prepared<TouchedRoom>(
      'log_rooms_between',
      `select room_id, bool_or(state = 'pending') as waiting from entries
       where tenant_id = $1 and stream_position > $2 and stream_position <= $3 group by room_id`,
      [ctx.tenantId, after, upTo],
    );
  }
}

const APPEND_TEXT = `select * from append_entries(${placeholders(22)})`;
const APPEND_RUN_TEXT = `select * from append_run(${placeholders(24)})`;
const APPEND_JUDGED_RUN_TEXT = `select append_judged_run(${placeholders(26)}) as stored`;

function placeholders(count: number): string {
  return Array.from({ length: count }, (_, index) => `$${index + 1}`).join(', ');
}

function outcomeOf(row: AppendRow): AppendOutcome {
  if (row.outcome === 'appended' || row.outcome === 'duplicate') {
    return { outcome: row.outcome, seq: row.place, streamPosition: row.stream_pos ?? 0, at: row.placed_at };
  }
  return { outcome: row.outcome as 'conflict' | 'stale' | 'full' };
}

function runColumns(run: RunToAppend): readonly unknown[] {
  const column = <T>(pick: (item: RunItem) => T): T[] => run.items.map(pick);
  return [
    run.roomId,
    run.nowMs,
    run.firstSeq,
    run.prevHash,
    column((item) => item.at),
    column((item) => item.chainHash),
    column((item) => item.eventId),
    column((item) => item.origin),
    column((item) => item.wireId),
    column((item) => item.type),
    column((item) => item.sender),
    column((item) => item.senderId),
    column((item) => item.foreignOrigin),
    column((item) => item.target),
    column((item) => item.eventHash),
    column((item) => item.jws),
    column((item) => (item.content === null ? null : JSON.stringify(item.content))),
    column((item) => item.relatesTo),
    column((item) => JSON.stringify(item.via)),
    column((item) => item.state),
    column((item) => item.reason),
    column((item) => item.redactedBy),
    column((item) => item.originTs),
  ];
}
