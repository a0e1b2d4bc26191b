import { BRIDGE_FQID_PREFIX } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** What is counted in rows; bytes are counted where they are written. */
export type CountedUsage = 'rooms' | 'participants' | 'bridge_shadows' | 'federated_shadows' | 'sidekicks';

export interface UsageRow {
  readonly rooms: number;
  readonly participants: number;
  readonly bridge_shadows: number;
  readonly federated_shadows: number;
  readonly sidekicks: number;
  readonly storage_bytes: number;
  readonly mirror_bytes: number;
}

/** Of what is counted for each person, plan or room by itself: the highest there is now. */
export interface HighestUsageRow {
  readonly sidekicks_per_user: number;
  readonly plan_steps: number;
  readonly foreign_participants_per_room: number;
}

const TAKE: Readonly<Record<CountedUsage, string>> = {
  rooms: 'update tenant_usage set rooms = rooms + 1 where tenant_id = $1 and rooms < $2 returning 1',
  participants: 'update tenant_usage set participants = participants + 1 where tenant_id = $1 and participants < $2 returning 1',
  bridge_shadows: 'update tenant_usage set bridge_shadows = bridge_shadows + 1 where tenant_id = $1 and bridge_shadows < $2 returning 1',
  federated_shadows: 'update tenant_usage set federated_shadows = federated_shadows + 1 where tenant_id = $1 and federated_shadows < $2 returning 1',
  sidekicks: 'update tenant_usage set sidekicks = sidekicks + 1 where tenant_id = $1 and sidekicks < $2 returning 1',
};

export class UsageRepository {
  constructor(private readonly tx: Tx) {}

  /** Takes one, inside the transaction that would exceed the limit: exact. False = the limit is reached. */
  async take(ctx: TenantContext, kind: CountedUsage, limit: number): Promise<boolean> {
    return (await this.tx.prepared(`usage_take_${kind}`, TAKE[kind], [ctx.tenantId, limit])).length > 0;
  }

  /** A counter that is too low stays: it costs nobody their act, and is told of. */
  async release(ctx: TenantContext, kind: CountedUsage, count = 1): Promise<void> {
    const lowered = await this.tx.rows(q('tenant_usage').where({ tenant_id: ctx.tenantId }).where(kind, '>=', count).decrement(kind, count).returning('tenant_id'));
    if (lowered.length === 0) this.tx.drifted(kind);
  }

  /** Takes bytes of storage, all or none, inside the transaction that would exceed the limit. False = they do not fit. */
  async takeBytes(ctx: TenantContext, bytes: number, limitBytes: number): Promise<boolean> {
    const text = 'update tenant_usage set storage_bytes = storage_bytes + $2 where tenant_id = $1 and storage_bytes + $2 <= $3 returning 1';
    return (await this.tx.prepared('usage_take_bytes', text, [ctx.tenantId, bytes, limitBytes])).length > 0;
  }

  async releaseBytes(ctx: TenantContext, bytes: number): Promise<void> {
    await this.tx.prepared('usage_release_bytes', 'update tenant_usage set storage_bytes = storage_bytes - $2 where tenant_id = $1', [ctx.tenantId, bytes]);
  }

  /**
   * Counts messages into the months in which they were stored, at most so many entries of the log at a time. Entries
   * without a place yet are counted when they get one. True if there is more.
   */
  async countMessages(ctx: TenantContext, entriesMax: number): Promise<boolean> {
    const rows = await this.tx.prepared<{ more: boolean }>(
      'usage_count_messages',
      `with span as (select u.messages_counted_to as since, least(h.stream_position, u.messages_counted_to + $2) as until, h.stream_position as head
         from tenant_usage u join tenant_heads h on h.tenant_id = u.tenant_id where u.tenant_id = $1 for no key update of u),
       counted as (
         insert into usage_months as m (tenant_id, month, messages)
         select $1, to_char(to_timestamp(e.created_at / 1000) at time zone 'utc', 'YYYY-MM'), count(*)
         from entries e, span where e.tenant_id = $1 and e.stream_position > span.since and e.stream_position <= span.until
           and e.state = 'placed' and e.event_type = 'swp.room.message'
         group by 2 on conflict (tenant_id, month) do update set messages = m.messages + excluded.messages returning 1)
       update tenant_usage u set messages_counted_to = span.until from span where u.tenant_id = $1 returning span.until < span.head as more`,
      [ctx.tenantId, entriesMax],
    );
    return rows[0]?.more ?? false;
  }

  /** What a month has come to by now, also where nothing changed in it. */
  async keepMonth(ctx: TenantContext, month: string, aiTokens: number | null): Promise<void> {
    await this.tx.prepared(
      'usage_keep_month',
      `insert into usage_months as m (tenant_id, month, rooms_peak, rooms_last, participants_peak, participants_last, storage_bytes_peak, storage_bytes_last, ai_tokens)
       select tenant_id, $2, rooms, rooms, participants, participants, storage_bytes, storage_bytes, $3::bigint from tenant_usage where tenant_id = $1 for no key update
       on conflict (tenant_id, month) do update set
         rooms_peak = greatest(m.rooms_peak, excluded.rooms_peak), rooms_last = excluded.rooms_last,
         participants_peak = greatest(m.participants_peak, excluded.participants_peak), participants_last = excluded.participants_last,
         storage_bytes_peak = greatest(m.storage_bytes_peak, excluded.storage_bytes_peak), storage_bytes_last = excluded.storage_bytes_last,
         ai_tokens = greatest(m.ai_tokens, excluded.ai_tokens)`,
      [ctx.tenantId, month, aiTokens],
    );
  }

  /** The eldest month before `current`, at most so many back and not before the first that was counted, of which no last word was kept. */
  async unsettledMonth(ctx: TenantContext, current: string, backMax: number): Promise<string | undefined> {
    const rows = await this.tx.prepared<{ month: string }>(
      'usage_unsettled_month',
      `select to_char(past, 'YYYY-MM') as month
       from (select to_date($2, 'YYYY-MM') as now, to_date(min(month), 'YYYY-MM') as first from usage_months where tenant_id = $1) as known,
         generate_series(greatest(first, now - make_interval(months => $3)), now - interval '1 month', interval '1 month') as past
       where not exists (select from usage_months m where m.tenant_id = $1 and m.month = to_char(past, 'YYYY-MM') and m.ai_settled)
       order by past limit 1`,
      [ctx.tenantId, current, backMax],
    );
    return rows[0]?.month;
  }

  /** The last word on the tokens of a month. What was told before is not taken back. */
  async settleMonth(ctx: TenantContext, month: string, aiTokens: number): Promise<void> {
    await this.tx.prepared(
      'usage_settle_month',
      `insert into usage_months as m (tenant_id, month, ai_tokens, ai_settled) values ($1, $2, $3, true)
       on conflict (tenant_id, month) do update set ai_tokens = greatest(m.ai_tokens, excluded.ai_tokens), ai_settled = true`,
      [ctx.tenantId, month, aiTokens],
    );
  }

  async highest(ctx: TenantContext): Promise<HighestUsageRow> {
    const rows = await this.tx.prepared<HighestUsageRow>(
      'usage_highest',
      `select
         coalesce((select count(*) from sidekicks where tenant_id = $1 and status in ('spawning', 'running')
           group by spawner_id order by 1 desc limit 1), 0)::integer as sidekicks_per_user,
         coalesce((select max(jsonb_array_length(steps)) from plans
           where tenant_id = $1 and state in ('draft', 'running', 'paused')), 0)::integer as plan_steps,
         coalesce((select count(*) from members m join rooms r on r.tenant_id = m.tenant_id and r.room_id = m.room_id
           where m.tenant_id = $1 and m.membership = 'join' and m.server_name <> $2 and not starts_with(m.fqid, $3)
             and r.phase = 'hosted' and r.state <> 'closed'
           group by m.room_id order by 1 desc limit 1), 0)::integer as foreign_participants_per_room`,
      [ctx.tenantId, ctx.serverName, BRIDGE_FQID_PREFIX],
    );
    return rows[0] ?? { sidekicks_per_user: 0, plan_steps: 0, foreign_participants_per_room: 0 };
  }

  async find(ctx: TenantContext): Promise<UsageRow | undefined> {
    return (await this.tx.prepared<UsageRow>('usage_find', 'select * from tenant_usage where tenant_id = $1', [ctx.tenantId]))[0];
  }
}
