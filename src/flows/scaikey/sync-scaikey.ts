import { codeOf, GatewayError } from '../../kernel/errors.js';
import type { TenantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Meter, Randomness } from '../../kernel/ports.js';
import { systemContext, type TenantContext } from '../../kernel/tenant-context.js';
import type { ScaikeyPart } from '../../store/repositories/scaikey-runs.repository.js';
import type { Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import type { ScaikeyChange } from './news.js';
import type { ReconcileDirectory } from './reconcile-directory.js';
import type { ReconcilePartners } from './reconcile-partners.js';
import type { ReconcilePeople } from './reconcile-people.js';
import { unkeptRuns, type RunBook, type Runs } from './run-book.js';

export interface SyncScaikeyDeps {
  readonly store: Pick<Store, 'spanning'>;
  readonly tenants: Pick<TenantDirectory, 'byId' | 'reload'>;
  readonly runs: RunBook;
  readonly directory: Pick<ReconcileDirectory, 'run'>;
  readonly partners: Pick<ReconcilePartners, 'run'>;
  readonly people: Pick<ReconcilePeople, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'fraction'>;
  readonly meter: Pick<Meter, 'count'>;
}

type Tell = (change: ScaikeyChange) => void;

/** Part of a period by which two runs may lie nearer or farther, so that tenants do not ask all at once. */
const JITTER = 0.1;

/** What concerns no single tenant. */
const OF_THE_NODE = ['directory', 'partners'] as const;

/** Holds the node against ScaiKey: as the duty of each tenant, at a standstill of all, and at once when an operator asks. */
export class SyncScaikey {
  constructor(private readonly deps: SyncScaikeyDeps) {}

  /** The duty. Resolves to true if there is more to do at once, otherwise to the milliseconds until the next run. */
  async turn(ctx: TenantContext, signal: AbortSignal): Promise<true | number> {
    const failures: unknown[] = [];
    const attempt = async (part: ScaikeyPart, work: (runs: Runs) => Promise<boolean>): Promise<boolean> => {
      try {
        return await this.#attempt(part, this.deps.runs.of(ctx, part), work);
      } catch (error) {
        failures.push(error);
        return false;
      }
    };
    // Tenants first: a partner is kept by one of them.
    for (const part of (await this.#host()) === ctx.tenantId ? OF_THE_NODE : []) {
      if ((await this.deps.runs.isDue(ctx, part)) && (await attempt(part, (runs) => this.deps[part].run(runs, signal, this.#count)))) return true;
    }
    if (await attempt('people', (runs) => this.deps.people.run(ctx, runs, signal, this.#count))) return true;
    if (failures.length > 0) throw failures[0];
    return this.pauseMs();
  }

  /** Until the next run. */
  pauseMs(): number {
    return LIMITS.scaikeySyncPeriodMs * (1 - JITTER + 2 * JITTER * this.deps.randomness.fraction());
  }

  /** In place of the duties while no tenant is active. Several processes may do it at once: the second changes nothing. */
  async atStandstill(signal: AbortSignal): Promise<void> {
    if ((await this.#host()) !== undefined) return;
    const system = systemContext('list-tenants');
    const [eldest] = await this.deps.store.spanning(system, (all) => all.tenants(system));
    const ctx = eldest && (await this.deps.tenants.byId({ tenantId: eldest.tenant_id })).ctx;
    if (ctx !== undefined && !(await this.deps.runs.isDue(ctx, 'directory'))) return;
    const runs = ctx === undefined ? unkeptRuns(this.deps.clock) : this.deps.runs.of(ctx, 'directory');
    while (await this.#attempt('directory', runs, (open) => this.deps.directory.run(open, signal, this.#count))) signal.throwIfAborted();
  }

  /** Everything now. One tenant's trouble keeps no other from its turn; tells whose could not be done. */
  async all(signal: AbortSignal, tell: Tell): Promise<readonly { readonly tenant: string; readonly code: string }[]> {
    const told: Tell = (change) => {
      this.#count(change);
      tell(change);
    };
    const failed: { tenant: string; code: string }[] = [];
    const attempt = async (tenant: string, part: ScaikeyPart, runs: Runs, work: (runs: Runs) => Promise<boolean>): Promise<void> => {
      try {
        while (await this.#attempt(part, runs, work)) signal.throwIfAborted();
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        failed.push({ tenant, code: error.code });
      }
    };
    const first = await this.#hostContext();
    const runs = first === undefined ? unkeptRuns(this.deps.clock) : this.deps.runs.of(first, 'directory');
    while (await this.#attempt('directory', runs, (open) => this.deps.directory.run(open, signal, told))) signal.throwIfAborted();
    const host = await this.#hostContext();
    if (host !== undefined) await attempt(host.slug, 'partners', this.deps.runs.of(host, 'partners'), (open) => this.deps.partners.run(open, signal, told));
    const system = systemContext('list-tenants');
    for (const { tenant_id, slug } of await this.deps.store.spanning(system, (all) => all.tenants(system))) {
      const ctx = await this.deps.tenants.reload({ tenantId: tenant_id });
      await attempt(slug, 'people', this.deps.runs.of(ctx, 'people'), (open) => this.deps.people.run(ctx, open, signal, told));
    }
    return failed;
  }

  /** What concerns no single tenant is done by the duty of one of them. */
  async #host(): Promise<TenantId | undefined> {
    const system = systemContext('list-tenants');
    return this.deps.store.spanning(system, (all) => all.eldestActive(system));
  }

  async #hostContext(): Promise<TenantContext | undefined> {
    const tenantId = await this.#host();
    return tenantId && (await this.deps.tenants.byId({ tenantId })).ctx;
  }

  async #attempt(part: ScaikeyPart, runs: Runs, work: (runs: Runs) => Promise<boolean>): Promise<boolean> {
    try {
      const more = await work(runs);
      if (!more) this.deps.meter.count('scaikey_syncs_total', { part, outcome: 'done' });
      return more;
    } catch (error) {
      this.deps.meter.count('scaikey_syncs_total', { part, outcome: codeOf(error) });
      await runs.fail(error);
      throw error;
    }
  }

  readonly #count: Tell = ({ act }) => this.deps.meter.count('scaikey_changes_total', { act });
}
