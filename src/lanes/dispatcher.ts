import { LIMITS } from '../kernel/limits.js';
import type { Log, Wake } from '../kernel/ports.js';
import { systemContext, type TenantContext } from '../kernel/tenant-context.js';
import type { TenantId } from '../kernel/ids.js';
import type { Store } from '../store/store.js';

/**
 * An append marks its tenant's head as dirty, whatever the number of consumers. Here that mark becomes due consumers.
 * Any number of dispatchers may run: the mark goes only together with what it stood for.
 */
export class Dispatcher {
  /** Where the next round goes on, so that tenants that are always dirty do not hide those behind them. */
  #last: TenantId | null = null;

  constructor(
    private readonly deps: {
      readonly store: Pick<Store, 'spanning' | 'transact'>;
      readonly wake: Pick<Wake, 'hint'>;
      readonly log: Pick<Log, 'error'>;
    },
  ) {}

  /** Returns how many tenants were dirty. One tenant's failure leaves its mark, and the others alone. */
  async dispatch(): Promise<number> {
    const dirty = await this.#nextDirty();
    for (const tenantId of dirty) {
      try {
        await this.#dispatchTenant(tenantId);
      } catch (error) {
        this.deps.log.error({ tenantId, error }, 'dispatch failed');
      }
    }
    return dirty.length;
  }

  async #nextDirty(): Promise<readonly TenantId[]> {
    const [system, max] = [systemContext('find-dirty'), LIMITS.dispatchTenantsMax];
    const dirty = await this.deps.store.spanning(system, async (all) => {
      const further = await all.dirtyTenants(system, this.#last, max);
      const fromTheFirst = this.#last === null || further.length === max ? [] : await all.dirtyTenants(system, null, max - further.length);
      return [...new Set([...further, ...fromTheFirst])];
    });
    this.#last = dirty.length < max ? null : (dirty.at(-1) ?? null);
    return dirty;
  }

  async #dispatchTenant(tenantId: TenantId): Promise<void> {
    await this.deps.store.transact({ tenantId }, async ({ tenants, consumers, log }) => {
      const ctx: TenantContext | undefined = (await tenants.load({ tenantId }))?.ctx;
      const head = ctx === undefined ? undefined : await consumers.head(ctx);
      if (ctx === undefined || head === undefined) return;
      // A stretch at a time: a backlog too long for one statement would be tried for ever. What is left keeps the mark.
      const upTo = Math.min(head.stream_position, head.dispatched + LIMITS.dispatchEntriesMax);
      const rooms = await log.roomsBetween(ctx, head.dispatched, upTo);
      await consumers.dispatch(ctx, rooms);
      await consumers.dispatched(ctx, upTo);
    });
    this.deps.wake.hint({ kind: 'due', tenantId });
  }
}
