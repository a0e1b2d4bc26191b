import { GatewayError } from '../kernel/errors.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Repositories } from '../store/store.js';

/**
 * The tenant as this transaction sees it. What a caller holds may be a second old, and its limits and epoch with it: an
 * act judged by those would be refused as made under facts that have changed.
 */
export async function currentTenant(ctx: TenantContext, { tenants }: Pick<Repositories, 'tenants'>): Promise<TenantContext> {
  const loaded = await tenants.load(ctx);
  if (loaded === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', ctx.slug);
  return loaded.ctx;
}
