import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { signDescriptor, type WireDescriptor } from '../protocol/descriptor.js';
import { ExpiringMap } from '../store/cache/expiring-map.js';
import type { OwnKeys } from './own-keys.js';

/** How a tenant describes itself to its peers. */
export class OwnDescriptor {
  private readonly signed: ExpiringMap<WireDescriptor>;

  constructor(
    private readonly keys: Pick<OwnKeys, 'ring'>,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.signed = new ExpiringMap(LIMITS.tenantsCachedMax, clock);
  }

  /** Ed25519 signs alike each time, so every process answers one serial with one text. */
  async of(ctx: TenantContext): Promise<WireDescriptor> {
    const { signing, facts } = await this.keys.ring(ctx);
    const name = `${ctx.tenantId} ${facts.serial}`;
    const descriptor = this.signed.get(name) ?? signDescriptor(signing, facts);
    this.signed.set(name, descriptor, LIMITS.descriptorCacheMs);
    return descriptor;
  }
}
