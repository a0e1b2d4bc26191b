import type { Caller } from '../../kernel/caller.js';
import type { Store } from '../../store/store.js';
import type { AiUsage } from '../ai/ai-usage.js';
import type { Page } from '../api/page.js';
import type { AdminParticipantFilter, AdminParticipantView, StatsView, TenantOverviewApi } from '../api/tenancy.js';
import { iso } from '../event-view.js';
import { participantView } from '../participants.js';
import { tenantUses } from './tenant-uses.js';

/** The tenant as a whole: what is in use of what it may use, and everybody in it. */
export class TenantOverview implements TenantOverviewApi {
  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly aiUsage: Pick<AiUsage, 'find'>,
  ) {}

  async stats({ ctx }: Caller): Promise<StatsView> {
    const ai = await this.aiUsage.find(ctx);
    return this.store.read(ctx, (repositories) => tenantUses(ctx, repositories, ai));
  }

  async participants({ ctx }: Caller, filter: AdminParticipantFilter): Promise<Page<AdminParticipantView>> {
    const rows = await this.store.read(ctx, ({ participants }) =>
      participants.list(ctx, { text: filter.q, type: filter.type, status: filter.status, includeForeign: true, limit: filter.limit, offset: filter.offset }),
    );
    const items = rows.map((row) => ({
      ...participantView(row),
      status: row.status,
      foreign_origin: row.foreign_origin,
      scaikey_subject: row.scaikey_subject,
      created_at: iso(row.created_at),
    }));
    return { items, total: rows[0]?.total ?? 0 };
  }
}
