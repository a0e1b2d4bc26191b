import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import { tenantFact } from '../../scaikey/facts.js';
import { idOf, type ScaikeyAdmin } from '../../scaikey/scaikey-admin.js';
import type { KeepTenant } from './keep-tenant.js';
import { factTimeUs } from './fact-time.js';
import { keptApart, type KeptApartDeps } from './kept-apart.js';
import type { ScaikeyChange } from './news.js';
import type { Run, Runs } from './run-book.js';

export interface ReconcileDirectoryDeps extends KeptApartDeps {
  readonly admin: Pick<ScaikeyAdmin, 'page'>;
  readonly keepTenant: Pick<KeepTenant, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const STEPS = ['tenants'] as const;
type Step = (typeof STEPS)[number];

/** The tenants of ScaiKey, page by page: makes those that are missing here, and changes those that differ. */
export class ReconcileDirectory {
  constructor(private readonly deps: ReconcileDirectoryDeps) {}

  /** Resolves to true if there is more to do. */
  async run(runs: Runs, signal: AbortSignal, tell: (change: ScaikeyChange) => void): Promise<boolean> {
    let run = await runs.open(STEPS);
    for (let pages = 0; pages < LIMITS.scaikeyPagesPerTurn; pages += 1) {
      if (signal.aborted) return true;
      const { next, changes } = await this.#page(run);
      changes.forEach(tell);
      run = { ...run, changes: run.changes + changes.length };
      if (next === undefined) {
        await runs.close(run);
        return false;
      }
      run = { ...run, ...next };
      await runs.keep(run);
    }
    return true;
  }

  async #page({ step, page }: Run<Step>): Promise<{ readonly next: Pick<Run<Step>, 'step' | 'page'> | undefined; readonly changes: readonly ScaikeyChange[] }> {
    const atUs = factTimeUs(this.deps.clock);
    const listing = await this.deps.admin.page(step, page);
    if (listing === undefined) throw new GatewayError('SW_SCAIKEY_UNREACHABLE', 'the token may not see tenants');
    const changes: ScaikeyChange[] = [];
    for (const record of listing.records) {
      const id = idOf(record);
      const heard = await keptApart(this.deps, 'directory', id, this.deps.keepTenant.run(tenantFact(id, atUs, record), true));
      if (typeof heard !== 'string') changes.push(...heard);
    }
    return { next: listing.more && page < LIMITS.scaikeyPagesMax ? { step, page: page + 1 } : undefined, changes };
  }
}
