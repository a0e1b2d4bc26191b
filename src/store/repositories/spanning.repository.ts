import type { PartnerId, ServerName, TenantId } from '../../kernel/ids.js';
import type { SystemContext, TenantStatus } from '../../kernel/tenant-context.js';
import type { TenantLimits } from '../../kernel/tenant-limits.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';
import { withDefaults, type PartnerRow } from './partners.repository.js';
import type { TenantNameKind } from './tenants.repository.js';

export interface TenantListRow {
  readonly tenant_id: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly status: TenantStatus;
  readonly partner_id: PartnerId | null;
  readonly server_name: ServerName;
}

export interface FleetFilter {
  /** `null` = whoever's. */
  readonly partnerId: PartnerId | null;
  readonly status: TenantStatus | null;
  readonly limit: number;
  readonly offset: number;
}

export interface FleetRow extends TenantListRow {
  readonly limits: Partial<TenantLimits>;
  readonly created_at: number;
  readonly rooms: number;
  readonly participants: number;
  readonly storage_bytes: number;
  readonly total: number;
}

export interface FleetUsageQuery {
  readonly partnerId: PartnerId;
  /** `2026-11`, UTC. */
  readonly month: string;
  readonly monthEndMs: number;
  readonly limit: number;
  readonly offset: number;
}

export interface FleetUsageRow {
  readonly tenant_id: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly status: TenantStatus;
  /** Peaks; `null` = nothing was recorded yet. */
  readonly rooms: number | null;
  readonly participants: number | null;
  readonly storage_bytes: number | null;
  readonly messages: number;
  readonly ai_tokens: number | null;
  readonly total: number;
}

export interface ListedPartnerRow extends PartnerRow {
  readonly tenants: number;
  readonly total: number;
}

/** How many due consumers are looked at for each one taken, so that a busy tenant does not hide the others. */
const LOOKED_AT_PER_TAKEN = 20;

export interface DueConsumerRow {
  readonly tenant_id: TenantId;
  readonly consumer_id: string;
  readonly kind: string;
}

export interface LackingTenantRow {
  readonly tenant_id: TenantId;
  readonly lacking: readonly string[];
}

/** The calls that span tenants: they find a tenant or due work, and see no content. */
export class SpanningRepository {
  constructor(private readonly tx: Tx) {}

  async tenantByName(_system: SystemContext, kind: TenantNameKind, value: string): Promise<TenantId | undefined> {
    const text = 'select tenant_id from tenant_names where kind = $1 and value = $2';
    return (await this.tx.prepared<{ tenant_id: TenantId }>('span_tenant_by_name', text, [kind, value]))[0]?.tenant_id;
  }

  async tenants(_system: SystemContext): Promise<readonly TenantListRow[]> {
    return this.tx.rows<TenantListRow>(q('tenants').select('tenant_id', 'slug', 'name', 'status', 'partner_id', 'server_name').orderBy('created_at'));
  }

  /** Tenants with their limits and their use, the oldest first. */
  async fleet(_system: SystemContext, filter: FleetFilter): Promise<readonly FleetRow[]> {
    return this.tx.prepared<FleetRow>(
      'span_fleet',
      `select t.tenant_id, t.slug, t.name, t.status, t.partner_id, t.server_name, t.limits, t.created_at, u.rooms, u.participants, u.storage_bytes,
         count(*) over ()::integer as total
       from tenants t join tenant_usage u on u.tenant_id = t.tenant_id
       where ($1::text is null or t.partner_id = $1) and ($2::text is null or t.status = $2)
       order by t.created_at, t.tenant_id limit $3 offset $4`,
      [filter.partnerId, filter.status, filter.limit, filter.offset],
    );
  }

  /** What a month came to for each tenant of a fleet that was there by its end; a month that left no row is like the one before. */
  async fleetUsage(_system: SystemContext, query: FleetUsageQuery): Promise<readonly FleetUsageRow[]> {
    return this.tx.prepared<FleetUsageRow>(
      'span_fleet_usage',
      `select t.tenant_id, t.slug, t.name, t.status, count(*) over ()::integer as total,
         coalesce(m.rooms_peak, b.rooms_last) as rooms, coalesce(m.participants_peak, b.participants_last) as participants,
         coalesce(m.storage_bytes_peak, b.storage_bytes_last) as storage_bytes, coalesce(m.messages, 0) as messages, m.ai_tokens
       from tenants t left join usage_months m on m.tenant_id = t.tenant_id and m.month = $2
         left join lateral (select l.rooms_last, l.participants_last, l.storage_bytes_last from usage_months l
           where l.tenant_id = t.tenant_id and l.month < $2 and l.rooms_last is not null order by l.month desc limit 1) as b on true
       where t.partner_id = $1 and t.created_at < $3 order by t.created_at, t.tenant_id limit $4 offset $5`,
      [query.partnerId, query.month, query.monthEndMs, query.limit, query.offset],
    );
  }

  async partners(_system: SystemContext, page: { readonly limit: number; readonly offset: number }): Promise<readonly ListedPartnerRow[]> {
    const rows = await this.tx.prepared<ListedPartnerRow>(
      'span_partners',
      `select p.partner_id, p.name, p.status, p.limits, p.created_at, count(*) over ()::integer as total,
         (select count(*)::integer from tenants t where t.partner_id = p.partner_id) as tenants
       from partners p order by p.created_at, p.partner_id limit $1 offset $2`,
      [page.limit, page.offset],
    );
    return rows.map(withDefaults);
  }

  /** How many tenants a partner has, and the lowest number in its fleet that no tenant has taken. */
  async fleetPlaces(_system: SystemContext, partner: PartnerId): Promise<{ readonly taken: number; readonly free: number }> {
    const rows = await this.tx.prepared<{ taken: number; free: number }>(
      'span_fleet_places',
      `with places as (select count(*)::integer as n from tenant_names where kind = 'fleet_place' and starts_with(value, $1 || '/'))
       select (select count(*)::integer from tenants where partner_id = $1) as taken,
         (select min(n)::integer from generate_series(1, (select n + 1 from places)) as n
          where not exists (select from tenant_names where kind = 'fleet_place' and value = $1 || '/' || n)) as free`,
      [partner],
    );
    return rows[0] ?? { taken: 0, free: 1 };
  }

  /** The eldest tenant that is active: what concerns no single tenant is done with it. */
  async eldestActive(_system: SystemContext): Promise<TenantId | undefined> {
    const text = "select tenant_id from tenants where status = 'active' order by created_at, tenant_id limit 1";
    return (await this.tx.prepared<{ tenant_id: TenantId }>('span_eldest', text, []))[0]?.tenant_id;
  }

  /** Which of these consumers which tenants do not have, the tenants in order. */
  async consumersLacking(_system: SystemContext, consumerIds: readonly string[], limit: number): Promise<readonly LackingTenantRow[]> {
    return this.tx.prepared<LackingTenantRow>(
      'span_lacking',
      `select t.tenant_id, array_agg(wanted.id) as lacking from tenants t cross join unnest($1::text[]) as wanted (id)
       where not exists (select from consumers c where c.tenant_id = t.tenant_id and c.consumer_id = wanted.id)
       group by t.tenant_id order by t.tenant_id limit $2`,
      [[...consumerIds], limit],
    );
  }

  /** In the order of their ids, from behind one on. */
  async dirtyTenants(_system: SystemContext, after: TenantId | null, limit: number): Promise<readonly TenantId[]> {
    const text = 'select tenant_id from tenant_heads where dirty and ($1::uuid is null or tenant_id > $1) order by tenant_id limit $2';
    const rows = await this.tx.prepared<{ tenant_id: TenantId }>('span_dirty', text, [after, limit]);
    return rows.map((row) => row.tenant_id);
  }

  /** How far the logs of some tenants have come. */
  async positions(_system: SystemContext, tenantIds: readonly TenantId[]): Promise<ReadonlyMap<TenantId, number>> {
    const text = 'select tenant_id, stream_position from tenant_heads where tenant_id = any ($1)';
    const rows = await this.tx.prepared<{ tenant_id: TenantId; stream_position: number }>('span_positions', text, [[...tenantIds]]);
    return new Map(rows.map((row) => [row.tenant_id, row.stream_position]));
  }

  /** Consumers whose time has come, the longest waiting of every tenant before the second of any. */
  async dueConsumers(_system: SystemContext, kinds: readonly string[], limit: number): Promise<readonly DueConsumerRow[]> {
    return this.tx.prepared<DueConsumerRow>(
      'span_due',
      `select tenant_id, consumer_id, kind from (
         select tenant_id, consumer_id, kind, due_at, row_number() over (partition by tenant_id order by due_at) as turn
         from (select tenant_id, consumer_id, kind, due_at from consumers
               where due_at <= now() and kind = any ($1) order by due_at limit $3) as waiting) as turns
       order by turn, due_at limit $2`,
      [[...kinds], limit, limit * LOOKED_AT_PER_TAKEN],
    );
  }
}
