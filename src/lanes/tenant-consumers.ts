import { LIMITS } from '../kernel/limits.js';
import { systemContext, type TenantContext } from '../kernel/tenant-context.js';
import type { Repositories, Store } from '../store/store.js';
import { DUTY_IDS } from './duties.js';

export const STREAM_CONSUMER_ID = 'stream';

const EVERY_TENANTS = [STREAM_CONSUMER_ID, ...DUTY_IDS] as const;

/** The consumers that every tenant has from its first day. */
export async function openTenantConsumers(ctx: TenantContext, repositories: Pick<Repositories, 'consumers'>): Promise<void> {
  await open(ctx, repositories, EVERY_TENANTS);
}

/**
 * A tenant that was made by an older version has what a newer one thought of as well: its new duties are due at once. At the
 * start of a node, so that of an upgrade process by process the last leaves no tenant behind. Safe to repeat, by any number.
 */
export async function completeTenantConsumers(store: Pick<Store, 'transact' | 'spanning'>): Promise<void> {
  const system = systemContext('list-tenants');
  const limit = LIMITS.dispatchTenantsMax;
  for (let found: number = limit; found === limit; ) {
    const tenants = await store.spanning(system, (all) => all.consumersLacking(system, EVERY_TENANTS, limit));
    for (const { tenant_id: tenantId, lacking } of tenants) {
      await store.transact({ tenantId }, async (repositories) => {
        const loaded = await repositories.tenants.load({ tenantId });
        if (loaded !== undefined) await open(loaded.ctx, repositories, EVERY_TENANTS.filter((id) => lacking.includes(id)));
      });
    }
    found = tenants.length;
  }
}

async function open(ctx: TenantContext, { consumers }: Pick<Repositories, 'consumers'>, ids: readonly (typeof EVERY_TENANTS)[number][]): Promise<void> {
  for (const id of ids) await consumers.ensure(ctx, id, id === STREAM_CONSUMER_ID ? 'stream' : 'duty');
  await consumers.wake(ctx, ids.filter((id) => id !== STREAM_CONSUMER_ID));
}
