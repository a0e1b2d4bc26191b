import { parseServerName, type RoomId, type ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';
import type { TouchedRoom } from './log.repository.js';

export type ConsumerKind = 'peer' | 'bridge' | 'stream' | 'duty';

export interface ConsumerRow {
  readonly consumer_id: string;
  readonly kind: ConsumerKind;
  readonly token: number;
  readonly attempts: number;
  /** The stream publisher's cursor over the tenant; others have one per lane. */
  readonly position: number;
  readonly failing_since: number | null;
  readonly last_ok: number | null;
  readonly last_error: string | null;
}

/** Where a lane stands after an attempt. */
export interface LaneProgress {
  readonly roomId: RoomId;
  readonly cursor: number;
  readonly receipt?: number;
  readonly receiptHash?: Buffer;
}

export interface Settlement {
  /** null: nothing to do until woken; 0: more at once; otherwise wait so long. */
  readonly nextMs: number | null;
  readonly failed: boolean;
  readonly attempts: number;
  readonly error: string | null;
  readonly nowMs: number;
  readonly position?: number;
  readonly lanes: readonly LaneProgress[];
}

/** When a woken consumer is due: at once, unless it is held by a lease or backs off from a failure. */
const WOKEN = 'case when c.leased or c.attempts > 0 then coalesce(c.due_at, now()) else now() end';

const PEER = 'peer:';

/** Under which id a peer is a consumer of a tenant's log. */
export function peerConsumerId(server: ServerName): string {
  return `${PEER}${server}`;
}

export function peerOfConsumer(consumerId: string): ServerName {
  return parseServerName(consumerId.slice(PEER.length));
}

export class ConsumersRepository {
  constructor(private readonly tx: Tx) {}

  async ensure(ctx: TenantContext, consumerId: string, kind: ConsumerKind): Promise<void> {
    await this.tx.rows(q('consumers').insert({ tenant_id: ctx.tenantId, consumer_id: consumerId, kind }).onConflict(['tenant_id', 'consumer_id']).ignore());
  }

  async find(ctx: TenantContext, consumerId: string): Promise<ConsumerRow | undefined> {
    return (await this.tx.rows<ConsumerRow>(q('consumers').where({ tenant_id: ctx.tenantId, consumer_id: consumerId })))[0];
  }

  /** With the time of the next attempt, ms since 1970; null while one runs or nothing is due. */
  async list(ctx: TenantContext, kind: ConsumerKind): Promise<readonly (ConsumerRow & { readonly next_attempt_at: number | null })[]> {
    return this.tx.prepared(
      'consumers_list',
      `select *, case when leased then null else (extract(epoch from due_at) * 1000)::bigint end as next_attempt_at
       from consumers where tenant_id = $1 and kind = $2 order by consumer_id`,
      [ctx.tenantId, kind],
    );
  }

  /** Makes consumers due now, in order of id, without disturbing one that is being served or backs off. */
  async wake(ctx: TenantContext, consumerIds: readonly string[]): Promise<void> {
    await this.tx.prepared(
      'consumers_wake',
      `with w as (select consumer_id from consumers where tenant_id = $1 and consumer_id = any ($2) order by consumer_id for no key update)
       update consumers c set again = true, due_at = ${WOKEN} from w
       where c.tenant_id = $1 and c.consumer_id = w.consumer_id`,
      [ctx.tenantId, [...consumerIds]],
    );
  }

  /** A peer that failed us has been heard: it is tried once, and goes on waiting as long as before if that fails too. */
  async probe(ctx: TenantContext, consumerId: string): Promise<void> {
    const text = 'update consumers set due_at = now() where tenant_id = $1 and consumer_id = $2 and attempts > 0 and not leased and due_at > now()';
    await this.tx.prepared('consumer_probe', text, [ctx.tenantId, consumerId]);
  }

  /** An administrator's "try now": ends a back-off. */
  async hasten(ctx: TenantContext, consumerId: string): Promise<void> {
    await this.tx.prepared('consumer_hasten', 'update consumers set due_at = case when leased then due_at else now() end, again = true where tenant_id = $1 and consumer_id = $2', [ctx.tenantId, consumerId]);
  }

  /** Forgets the failures of a consumer and makes it due. */
  async restart(ctx: TenantContext, consumerId: string): Promise<void> {
    await this.tx.prepared(
      'consumer_restart',
      `update consumers set attempts = 0, failing_since = null, last_error = null, again = true, due_at = case when leased then due_at else now() end
       where tenant_id = $1 and consumer_id = $2`,
      [ctx.tenantId, consumerId],
    );
  }

  /** Keeps a turn from being written until this transaction has ended: whoever changes lanes holds their consumer first. */
  async hold(ctx: TenantContext, consumerId: string): Promise<void> {
    await this.tx.rows(q('consumers').select('consumer_id').where({ tenant_id: ctx.tenantId, consumer_id: consumerId }).forUpdate());
  }

  /** Its lanes are closed before. A turn that runs loses its lease. */
  async remove(ctx: TenantContext, consumerId: string): Promise<void> {
    await this.tx.rows(q('consumers').where({ tenant_id: ctx.tenantId, consumer_id: consumerId }).delete());
  }

  /**
   * Turns the dirty mark of a tenant into due consumers, from one snapshot of the log. What a home gave us is no news to
   * the lane that submits to it: that one is woken by what waits for the home.
   */
  async dispatch(ctx: TenantContext, rooms: readonly TouchedRoom[]): Promise<void> {
    await this.tx.prepared(
      'consumers_dispatch',
      `with w as (
         select consumer_id from consumers where tenant_id = $1 and not again
           and (kind = 'stream' or consumer_id in (
             select l.consumer_id from lanes l join unnest($2::text[], $3::boolean[]) as t (room_id, waiting) on t.room_id = l.room_id
             where l.tenant_id = $1 and (l.mode <> 'submit' or t.waiting)))
         order by consumer_id for no key update)
       update consumers c set again = true, due_at = ${WOKEN} from w
       where c.tenant_id = $1 and c.consumer_id = w.consumer_id`,
      [ctx.tenantId, rooms.map((room) => room.room_id), rooms.map(({ waiting }) => waiting)],
    );
  }

  async head(ctx: TenantContext): Promise<{ stream_position: number; dispatched: number } | undefined> {
    const text = 'select stream_position, dispatched from tenant_heads where tenant_id = $1';
    return (await this.tx.prepared<{ stream_position: number; dispatched: number }>('consumers_head', text, [ctx.tenantId]))[0];
  }

  /** The dirty mark goes only if nothing lies behind what was dispatched. */
  async dispatched(ctx: TenantContext, upTo: number): Promise<void> {
    await this.tx.prepared(
      'consumers_dispatched',
      'update tenant_heads set dispatched = greatest(dispatched, $2), dirty = stream_position > $2 where tenant_id = $1',
      [ctx.tenantId, upTo],
    );
  }

  /** Takes the lease of a due consumer; undefined = another process has it. */
  async claim(ctx: TenantContext, consumerId: string, leaseMs: number): Promise<ConsumerRow | undefined> {
    const rows = await this.tx.prepared<ConsumerRow>(
      'consumer_claim',
      `update consumers set token = token + 1, again = false, leased = true, due_at = now() + make_interval(secs => $3 / 1000.0)
       where tenant_id = $1 and consumer_id = $2 and due_at <= now() returning *`,
      [ctx.tenantId, consumerId, leaseMs],
    );
    return rows[0];
  }

  /** Makes everything of a tenant due, whatever it waited for; who holds a lease from before has lost it. */
  async wakeAll(ctx: TenantContext): Promise<void> {
    await this.tx.prepared(
      'consumers_wake_all',
      `with w as (select consumer_id from consumers where tenant_id = $1 order by consumer_id for no key update)
       update consumers c set again = true, leased = false, due_at = now() from w
       where c.tenant_id = $1 and c.consumer_id = w.consumer_id`,
      [ctx.tenantId],
    );
  }

  /** Leaves everything due of a tenant for later, so that a tenant that stands still does not fill every poll. */
  async postponeDue(ctx: TenantContext, delayMs: number): Promise<void> {
    await this.tx.prepared(
      'consumers_postpone',
      `with w as (select consumer_id from consumers where tenant_id = $1 and due_at <= now() order by consumer_id for no key update)
       update consumers c set due_at = now() + make_interval(secs => $2 / 1000.0) from w
       where c.tenant_id = $1 and c.consumer_id = w.consumer_id and c.due_at <= now()`,
      [ctx.tenantId, delayMs],
    );
  }

  /** Keeps a lease alive; false = it was lost, to another or to a suspension, and nothing more may be written under it. */
  async renew(ctx: TenantContext, consumerId: string, token: number, leaseMs: number): Promise<boolean> {
    const rows = await this.tx.prepared(
      'consumer_renew',
      `update consumers set due_at = now() + make_interval(secs => $4 / 1000.0)
       where tenant_id = $1 and consumer_id = $2 and token = $3 and leased and due_at > now()
         and exists (select from tenants where tenant_id = $1 and status = 'active') returning 1`,
      [ctx.tenantId, consumerId, token, leaseMs],
    );
    return rows.length > 0;
  }

  /** Ends an attempt: moves the cursors and says when to come back, if the lease still holds. */
  async settle(ctx: TenantContext, consumerId: string, token: number, settlement: Settlement): Promise<boolean> {
    const held = await this.tx.prepared(
      'consumer_settle',
      `update consumers set
         due_at = case when again and not $5 then now() when $4::float8 is null then null else now() + make_interval(secs => $4::float8 / 1000.0) end,
         again = false, leased = false, attempts = $6, last_error = $7, position = greatest(position, coalesce($9, position)),
         last_ok = case when $5 then last_ok else $8 end,
         failing_since = case when $5 then coalesce(failing_since, $8) else null end
       where tenant_id = $1 and consumer_id = $2 and token = $3 returning 1`,
      [ctx.tenantId, consumerId, token, settlement.nextMs, settlement.failed, settlement.attempts, settlement.error, settlement.nowMs, settlement.position ?? null],
    );
    if (held.length === 0) return false;
    if (settlement.lanes.length === 0) return true;
    await this.tx.prepared(
      'lanes_settle',
      `update lanes l set cursor = greatest(l.cursor, u.cursor), receipt = coalesce(u.receipt, l.receipt), receipt_hash = coalesce(u.receipt_hash, l.receipt_hash)
       from unnest($3::text[], $4::bigint[], $5::bigint[], $6::bytea[]) u (room_id, cursor, receipt, receipt_hash)
       where l.tenant_id = $1 and l.consumer_id = $2 and l.room_id = u.room_id`,
      [
        ctx.tenantId,
        consumerId,
        settlement.lanes.map((lane) => lane.roomId),
        settlement.lanes.map((lane) => lane.cursor),
        settlement.lanes.map((lane) => lane.receipt ?? null),
        settlement.lanes.map((lane) => lane.receiptHash ?? null),
      ],
    );
    return true;
  }
}
