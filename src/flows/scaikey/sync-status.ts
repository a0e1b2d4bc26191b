import { systemContext } from '../../kernel/tenant-context.js';
import type { ScaikeyPart } from '../../store/repositories/scaikey-runs.repository.js';
import type { Store } from '../../store/store.js';

/** How the last reconciliations of a tenant ended. Times in milliseconds since 1970. */
export interface SyncStatusView {
  readonly tenant: string;
  readonly part: ScaikeyPart;
  /** null: none has ended well yet. */
  readonly lastOkMs: number | null;
  readonly lastChanges: number;
  readonly isUnderWay: boolean;
  readonly failingSinceMs: number | null;
  readonly lastError: string | null;
}

/** What an operator wants to know of the reconciliation, from the rows that its runs leave. */
export class SyncStatus {
  constructor(private readonly store: Pick<Store, 'read' | 'spanning'>) {}

  async list(): Promise<readonly SyncStatusView[]> {
    const system = systemContext('list-tenants');
    const tenants = await this.store.spanning(system, (all) => all.tenants(system));
    const each: SyncStatusView[] = [];
    for (const { tenant_id: tenantId, slug } of tenants) {
      const rows = await this.store.read({ tenantId }, async ({ tenants: own, scaikeyRuns }) => {
        const loaded = await own.load({ tenantId });
        return loaded === undefined ? [] : scaikeyRuns.list(loaded.ctx);
      });
      for (const row of rows) {
        each.push({
          tenant: slug,
          part: row.part,
          lastOkMs: row.last_ok,
          lastChanges: row.last_changes ?? 0,
          isUnderWay: row.begun_at !== null,
          failingSinceMs: row.failing_since,
          lastError: row.last_error,
        });
      }
    }
    return each;
  }
}
