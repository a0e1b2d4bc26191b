import type { BridgeId, DeliveryId, EventId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export type DeliveryState = 'waiting' | 'delivered' | 'parked';

/** One post of a delivery. All but the time is null while nobody knows what came of it. */
export interface DeliveryTry {
  readonly at: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly ms: number | null;
}

export interface DeliveryRow {
  readonly delivery_id: DeliveryId;
  readonly bridge_id: BridgeId;
  readonly event_id: EventId;
  /** in: brought by the bridge and refused by the room's home. */
  readonly direction: 'in' | 'out';
  readonly seq: number | null;
  /** The entry whose content was posted: the message, or an edit of it. */
  readonly form_seq: number | null;
  readonly state: DeliveryState;
  /** How often it was posted, and how often that counted as a failure. */
  readonly attempts: number;
  readonly failures: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly last_ms: number | null;
  /** The last tries, the newest at the end. Never a word of what was said. */
  readonly tries: readonly DeliveryTry[];
  /** The beginning of the last answer. */
  readonly answer: Buffer | null;
  readonly erased: boolean;
  /** It was posted again after a post whose outcome nobody knows. */
  readonly maybe_twice: boolean;
  readonly external_id: string | null;
  readonly next_attempt_at: number | null;
  readonly updated_at: number;
  readonly expires_at: number | null;
}

export interface Attempt {
  readonly delivery_id: DeliveryId;
  readonly bridge_id: BridgeId;
  readonly event_id: EventId;
  readonly seq: number;
  readonly form_seq: number;
  readonly contentHash: Buffer;
  readonly nowMs: number;
}

export interface Settled {
  readonly state: DeliveryState;
  /** By how much the count of failures grows. */
  readonly failed: 0 | 1;
  /** When it was posted. */
  readonly triedAtMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly ms: number | null;
  readonly answer: Buffer | null;
  readonly externalId: string | null;
  readonly nextAttemptAtMs: number | null;
  /** False: nobody knows whether it arrived, so the intent stays open. */
  readonly outcomeKnown: boolean;
  readonly nowMs: number;
  readonly expiresAtMs: number | null;
}

export class DeliveriesRepository {
  constructor(private readonly tx: Tx) {}

  /** One more attempt, and the intent of it; committed before the post. Tells how many there have been with this one. */
  async begin(ctx: TenantContext, attempt: Attempt): Promise<Pick<DeliveryRow, 'delivery_id' | 'attempts'>> {
    const opened = await this.tx.prepared<{ again: boolean }>(
      'intent_open',
      `insert into bridge_intents (tenant_id, bridge_id, event_id, content_hash, opened_at) values ($1, $2, $3, $4, $5)
       on conflict (tenant_id, bridge_id, event_id, part) do update set content_hash = excluded.content_hash, opened_at = excluded.opened_at
       returning xmax <> 0 as again`,
      [ctx.tenantId, attempt.bridge_id, attempt.event_id, attempt.contentHash, attempt.nowMs],
    );
    const [row] = await this.tx.prepared<Pick<DeliveryRow, 'delivery_id' | 'attempts'>>(
      'delivery_begin',
      `insert into deliveries as d (tenant_id, delivery_id, bridge_id, event_id, direction, seq, form_seq, state, attempts, tries, maybe_twice, updated_at)
       values ($1, $2, $3, $4, 'out', $5, $6, 'waiting', 1, jsonb_build_array($9::jsonb), $7, $8)
       on conflict (tenant_id, bridge_id, event_id) do update set attempts = d.attempts + 1,
         tries = case when jsonb_array_length(d.tries) < $10 then d.tries else d.tries - 0 end || excluded.tries, form_seq = excluded.form_seq,
         maybe_twice = d.maybe_twice or excluded.maybe_twice, updated_at = excluded.updated_at
       returning delivery_id, attempts`,
      [ctx.tenantId, attempt.delivery_id, attempt.bridge_id, attempt.event_id, attempt.seq, attempt.form_seq, opened[0]?.again ?? false, attempt.nowMs, untold(attempt.nowMs), LIMITS.deliveryTriesMax],
    );
    if (row === undefined) throw new Error('an attempt was not written');
    return row;
  }

  /** What came of an attempt. The answer is left out if the event was erased while it was under way. */
  async settle(ctx: TenantContext, bridge: BridgeId, event: EventId, settled: Settled): Promise<void> {
    await this.tx.prepared(
      'delivery_settle',
      `update deliveries set state = $4, failures = failures + $5, last_status = $6, last_error = $7, last_ms = $8,
         answer = case when erased then null else $9::bytea end, external_id = coalesce($10, external_id), next_attempt_at = $11,
         updated_at = $12, expires_at = $13, tries = jsonb_set(tries, '{-1}', $14::jsonb)
       where tenant_id = $1 and bridge_id = $2 and event_id = $3`,
      [
        ctx.tenantId, bridge, event, settled.state, settled.failed, settled.status, settled.error, settled.ms, settled.answer,
        settled.externalId, settled.nextAttemptAtMs, settled.nowMs, settled.expiresAtMs, triedAs(settled),
      ],
    );
    if (settled.outcomeKnown) await this.tx.rows(q('bridge_intents').where({ tenant_id: ctx.tenantId, bridge_id: bridge, event_id: event }).delete());
  }

  /** Sets a row aside without another attempt. */
  async park(ctx: TenantContext, bridge: BridgeId, event: EventId, error: string, nowMs: number, expiresAtMs: number): Promise<void> {
    await this.tx.rows(
      q('deliveries')
        .where({ tenant_id: ctx.tenantId, bridge_id: bridge, event_id: event, state: 'waiting' })
        .update({ state: 'parked', last_error: error, next_attempt_at: null, updated_at: nowMs, expires_at: expiresAtMs }),
    );
  }

  /** Takes back what waits. True: a post of it may have arrived. */
  async withdraw(ctx: TenantContext, bridge: BridgeId, event: EventId): Promise<boolean> {
    const where = { tenant_id: ctx.tenantId, bridge_id: bridge, event_id: event };
    const open = await this.tx.rows(q('bridge_intents').where(where).delete().returning('part'));
    const taken = await this.tx.rows<Pick<DeliveryRow, 'maybe_twice'>>(q('deliveries').where(where).delete().returning('maybe_twice'));
    return open.length > 0 || taken.some((row) => row.maybe_twice);
  }

  /** What the home of a mirrored room refused. */
  async addRefused(ctx: TenantContext, row: Pick<DeliveryRow, 'delivery_id' | 'bridge_id' | 'event_id' | 'last_error' | 'updated_at' | 'expires_at'>): Promise<void> {
    await this.tx.rows(
      q('deliveries').insert({ tenant_id: ctx.tenantId, ...row, direction: 'in', state: 'parked', attempts: 1, failures: 1 }).onConflict(['tenant_id', 'bridge_id', 'event_id']).ignore(),
    );
  }

  async find(ctx: TenantContext, bridge: BridgeId, id: DeliveryId): Promise<DeliveryRow | undefined> {
    return (await this.tx.rows<DeliveryRow>(q('deliveries').where({ tenant_id: ctx.tenantId, bridge_id: bridge, delivery_id: id })))[0];
  }

  async findByEvent(ctx: TenantContext, bridge: BridgeId, event: EventId): Promise<DeliveryRow | undefined> {
    const text = 'select * from deliveries where tenant_id = $1 and bridge_id = $2 and event_id = $3';
    return (await this.tx.prepared<DeliveryRow>('delivery_by_event', text, [ctx.tenantId, bridge, event]))[0];
  }

  async list(ctx: TenantContext, bridge: BridgeId, page: { readonly state: DeliveryState | null; readonly limit: number; readonly offset: number }): Promise<readonly (DeliveryRow & { readonly total: number })[]> {
    return this.tx.prepared(
      'deliveries_list',
      `select *, count(*) over () as total from deliveries where tenant_id = $1 and bridge_id = $2 and ($3::text is null or state = $3)
       order by updated_at desc, delivery_id limit $4 offset $5`,
      [ctx.tenantId, bridge, page.state, page.limit, page.offset],
    );
  }

  /** What waits although the cursor has passed it: replayed by an administrator. */
  async replays(ctx: TenantContext, bridge: BridgeId, upToSeq: number, limit: number): Promise<readonly DeliveryRow[]> {
    return this.tx.prepared<DeliveryRow>(
      'deliveries_replays',
      "select * from deliveries where tenant_id = $1 and bridge_id = $2 and state = 'waiting' and seq <= $3 order by seq limit $4",
      [ctx.tenantId, bridge, upToSeq, limit],
    );
  }

  /** A fresh start, at once. */
  async replay(ctx: TenantContext, bridge: BridgeId, id: DeliveryId, nowMs: number): Promise<void> {
    await this.tx.rows(
      q('deliveries')
        .where({ tenant_id: ctx.tenantId, bridge_id: bridge, delivery_id: id })
        .update({ state: 'waiting', failures: 0, next_attempt_at: nowMs, updated_at: nowMs, expires_at: null }),
    );
  }

  /** Ends the waits of a bridge, so that all are tried at once. */
  async hasten(ctx: TenantContext, bridge: BridgeId, nowMs: number): Promise<void> {
    await this.tx.rows(q('deliveries').where({ tenant_id: ctx.tenantId, bridge_id: bridge, state: 'waiting' }).update({ failures: 0, next_attempt_at: nowMs }));
  }

  /** Sets aside whatever waits. */
  async parkAll(ctx: TenantContext, bridge: BridgeId, error: string, nowMs: number, expiresAtMs: number): Promise<void> {
    await this.tx.rows(
      q('deliveries')
        .where({ tenant_id: ctx.tenantId, bridge_id: bridge, state: 'waiting' })
        .update({ state: 'parked', last_error: error, next_attempt_at: null, updated_at: nowMs, expires_at: expiresAtMs }),
    );
  }

  /** Copies of what these events said, in the transaction that erases them. */
  async erase(ctx: TenantContext, eventIds: readonly EventId[]): Promise<void> {
    await this.tx.prepared('deliveries_erase', 'update deliveries set answer = null, erased = true where tenant_id = $1 and event_id = any ($2)', [ctx.tenantId, [...eventIds]]);
    await this.tx.prepared('intents_erase', 'update bridge_intents set content_hash = null where tenant_id = $1 and event_id = any ($2)', [ctx.tenantId, [...eventIds]]);
  }

  /** Deletes what has aged out, and the intents of what nobody ever learned the outcome of, at most `limit` at a time; tells how many went. */
  async expire(ctx: TenantContext, nowMs: number, limit: number): Promise<number> {
    const rows = await this.tx.prepared(
      'deliveries_expire',
      `with gone as (
         delete from deliveries where tenant_id = $1 and delivery_id in
           (select delivery_id from deliveries where tenant_id = $1 and expires_at <= $2 limit $3) returning bridge_id, event_id),
       settled as (
         delete from bridge_intents i using gone g where i.tenant_id = $1 and i.bridge_id = g.bridge_id and i.event_id = g.event_id)
       select 1 from gone`,
      [ctx.tenantId, nowMs, limit],
    );
    return rows.length;
  }
}

function untold(at: number): string {
  return JSON.stringify({ at, status: null, error: null, ms: null } satisfies DeliveryTry);
}

function triedAs({ triedAtMs: at, status, error, ms }: Settled): string {
  return JSON.stringify({ at, status, error, ms } satisfies DeliveryTry);
}
