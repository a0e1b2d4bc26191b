import type { Caller } from '../../kernel/caller.js';
import type { PartnerId } from '../../kernel/ids.js';
import type { Clock } from '../../kernel/ports.js';
import { systemContext } from '../../kernel/tenant-context.js';
import type { FleetUsageRow } from '../../store/repositories/spanning.repository.js';
import type { Store } from '../../store/store.js';
import { monthEndMs, monthOf } from '../../kernel/utc-month.js';
import type { Page, PageRequest } from '../api/page.js';
import type { FleetUsageApi, TenantMonthView } from '../api/tenancy.js';
import type { Fleet } from './fleet.js';
import { megabytes } from './tenant-uses.js';

/** What the tenants of a fleet came to in a month, for whoever bills them. */
export class FleetUsage implements FleetUsageApi {
  constructor(
    private readonly store: Pick<Store, 'spanning'>,
    private readonly fleet: Pick<Fleet, 'partner'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  async ofMonth(caller: Caller, partner: PartnerId, asked: string | null, { limit, offset }: PageRequest): Promise<Page<TenantMonthView>> {
    await this.fleet.partner(caller, partner);
    const month = asked ?? monthOf(this.clock.nowMs());
    const system = systemContext('list-tenants');
    const query = { partnerId: partner, month, monthEndMs: monthEndMs(Date.parse(`${month}-01T00:00:00.000Z`)), limit, offset };
    const rows = await this.store.spanning(system, (all) => all.fleetUsage(system, query));
    return { items: rows.map((row) => monthView(row, month)), total: rows[0]?.total ?? 0 };
  }
}

function monthView(row: FleetUsageRow, month: string): TenantMonthView {
  return {
    tenant_id: row.tenant_id,
    slug: row.slug,
    name: row.name,
    month,
    rooms_peak: row.rooms,
    participants_peak: row.participants,
    storage_mb_peak: row.storage_bytes === null ? null : megabytes(row.storage_bytes),
    messages: row.messages,
    ai_tokens: row.ai_tokens,
  };
}
