import type { BridgeId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { BridgeSafe, OpenedSecret } from '../store/bridge-safe.js';
import { BriefMemory } from '../store/cache/brief-memory.js';
import type { BridgeRow } from '../store/repositories/bridges.repository.js';
import type { Store } from '../store/store.js';
import type { TenantDirectory } from '../store/tenant-directory.js';

export interface KnownBridge {
  readonly ctx: TenantContext;
  readonly bridge: BridgeRow;
  /** The one in force first. */
  readonly secrets: readonly OpenedSecret[];
}

/**
 * Bridges by their id, with the tenant they belong to. What is known of one is a second old at most, so that a pause or a
 * rotation holds on every process at once, and here from {@link forget} on.
 */
export class BridgeDirectory {
  private readonly bridges: BriefMemory<Omit<KnownBridge, 'ctx'>>;

  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly tenants: Pick<TenantDirectory, 'find'>,
    private readonly safe: Pick<BridgeSafe, 'open'>,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.bridges = new BriefMemory(LIMITS.bridgesCachedMax, LIMITS.bridgeCacheMs, clock);
  }

  async find(id: BridgeId): Promise<KnownBridge | undefined> {
    const tenant = await this.tenants.find('bridge', id);
    if (tenant === undefined) return undefined;
    const known = await this.bridges.get(id, () => this.load(tenant.ctx, id));
    return known && { ctx: tenant.ctx, ...known };
  }

  forget(id: BridgeId): void {
    this.bridges.forget(id);
  }

  private async load(ctx: TenantContext, id: BridgeId): Promise<Omit<KnownBridge, 'ctx'> | undefined> {
    return this.store.read(ctx, async ({ bridges, bridgeSecrets }) => {
      const bridge = await bridges.find(ctx, id);
      return bridge && { bridge, secrets: this.safe.open(ctx, await bridgeSecrets.list(ctx, [id])) };
    });
  }
}
