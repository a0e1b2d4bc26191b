import type { BridgeId, EventId, TenantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { MapEntry } from '../../store/repositories/bridge-map.repository.js';
import type { Store } from '../../store/store.js';

interface Waiting {
  readonly entry: MapEntry;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

/** Remembers foreign names of events. Those that come while one write is under way share the next. */
export class MapWriter {
  readonly #queues = new Map<TenantId, Waiting[]>();
  readonly #busy = new Set<TenantId>();

  constructor(private readonly store: Pick<Store, 'transact'>) {}

  /** Resolves after the commit. */
  add(ctx: TenantContext, bridge: BridgeId, externalId: string, eventId: EventId): Promise<void> {
    const queue = this.#queues.get(ctx.tenantId) ?? [];
    this.#queues.set(ctx.tenantId, queue);
    return new Promise((done, fail) => {
      queue.push({ entry: { bridge, externalId, eventId }, done, fail });
      if (!this.#busy.has(ctx.tenantId)) void this.#drain(ctx, queue).catch(fail);
    });
  }

  async #drain(ctx: TenantContext, queue: Waiting[]): Promise<void> {
    this.#busy.add(ctx.tenantId);
    while (queue.length > 0) await this.#write(ctx, queue.splice(0, LIMITS.appendItemsMax));
    this.#busy.delete(ctx.tenantId);
    this.#queues.delete(ctx.tenantId);
  }

  async #write(ctx: TenantContext, batch: readonly Waiting[]): Promise<void> {
    try {
      await this.store.transact(ctx, ({ bridgeMap }) => bridgeMap.addMany(ctx, batch.map(({ entry }) => entry)));
      for (const { done } of batch) done();
    } catch (error) {
      for (const { fail } of batch) fail(error);
    }
  }
}
