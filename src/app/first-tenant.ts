import type { Config } from '../config/config.js';
import type { Tenants } from '../flows/tenants.js';
import type { TenantContext } from '../kernel/tenant-context.js';

export const FIRST_TENANT = { slug: 'first', name: 'First tenant', scaikeyTenantId: 'tnt_first' } as const;

/** A node that believes made-up tokens is for trying out: it has a tenant from the start. */
export async function ensureFirstTenant(config: Config, tenants: Pick<Tenants, 'list' | 'create'>): Promise<TenantContext | undefined> {
  if (config.authMode === 'scaikey' || (await tenants.list()).length > 0) return undefined;
  return tenants.create({ ...FIRST_TENANT, serverName: config.serverName, partnerId: null }, 'system');
}
