import type { Config } from '../config/config.js';
import { ActForCustomer } from '../flows/tenancy/act-for-customer.js';
import { ClaimedTenant } from '../flows/tenancy/claimed-tenant.js';
import { Fleet } from '../flows/tenancy/fleet.js';
import { FleetUsage } from '../flows/tenancy/fleet-usage.js';
import { Partners } from '../flows/tenancy/partners.js';
import { TenantOverview } from '../flows/tenancy/tenant-overview.js';
import { TenantsAdmin } from '../flows/tenancy/tenants-admin.js';
import type { Ai } from './ai.js';
import type { Core, FlowParts } from './flows.js';
import type { Identities } from './scaikey.js';

export interface TenancyFlows {
  readonly overview: TenantOverview;
  readonly tenantsAdmin: TenantsAdmin;
  readonly partners: Partners;
  readonly fleetUsage: FleetUsage;
  readonly acting: ActForCustomer;
}

/** What admins of tenants, of partners and of the platform do. */
export function composeTenancy({ storage, clock, config, ai, scaikey }: FlowParts & { readonly config: Config; readonly ai: Ai; readonly scaikey: Pick<Identities, 'admin'> }, { tenantMaker }: Core): TenancyFlows {
  const { store } = storage;
  const fleet = new Fleet(store);
  const claimedTenant = new ClaimedTenant({ admin: scaikey.admin, isBound: config.authMode !== 'mock' });
  return {
    overview: new TenantOverview(store, ai.usage),
    tenantsAdmin: new TenantsAdmin({ store, fleet, tenantMaker, claimedTenant, serverName: config.serverName }),
    acting: new ActForCustomer(fleet),
    fleetUsage: new FleetUsage(store, fleet, clock),
    partners: new Partners({ store, fleet, clock }),
  };
}
