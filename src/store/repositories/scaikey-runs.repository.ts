import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** `directory`: the tenants, and `partners`, kept with one tenant of the node; `people`: those of each tenant. */
export type ScaikeyPart = 'directory' | 'partners' | 'people';

/** How far a reconciliation has come, and how the last ones ended. Times in milliseconds since 1970. */
export interface ScaikeyRunRow {
  readonly part: ScaikeyPart;
  readonly step: string;
  readonly page: number;
  /** null: none is under way. */
  readonly begun_at: number | null;
  readonly changes: number;
  readonly last_ok: number | null;
  readonly last_changes: number | null;
  readonly failing_since: number | null;
  readonly last_error: string | null;
}

/** Where reconciliations of a tenant stand, so that the next process goes on where one stopped. */
export class ScaikeyRunsRepository {
  constructor(private readonly tx: Tx) {}

  async find(ctx: TenantContext, part: ScaikeyPart): Promise<ScaikeyRunRow | undefined> {
    return (await this.tx.rows<ScaikeyRunRow>(q('scaikey_runs').where({ tenant_id: ctx.tenantId, part })))[0];
  }

  async list(ctx: TenantContext): Promise<readonly ScaikeyRunRow[]> {
    return this.tx.rows<ScaikeyRunRow>(q('scaikey_runs').where({ tenant_id: ctx.tenantId }).orderBy('part'));
  }

  async save(ctx: TenantContext, part: ScaikeyPart, run: Partial<Omit<ScaikeyRunRow, 'part'>>): Promise<void> {
    await this.tx.rows(q('scaikey_runs').insert({ tenant_id: ctx.tenantId, part, ...run }).onConflict(['tenant_id', 'part']).merge(run));
  }
}
