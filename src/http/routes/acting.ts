import { parsePartnerId, parseTenantId } from '../../kernel/ids.js';
import type { Call } from '../call.js';
import { readParams } from '../read.js';
import type { Gate, Route } from '../route.js';

const ADMIN = '/v1/admin';
/** Where the routes of a tenant's admin are for the admin of its partner. */
export const ACTING_PREFIX = `${ADMIN}/partners/{partner_id}/tenants/{tenant_id}`;
const CUSTOMER = { partner_id: parsePartnerId, tenant_id: parseTenantId };

/** Every route of a tenant's admin once more, in the customer's tenant and by the admin of the partner. */
export function actingRoutes(routes: readonly Route[]): readonly Route[] {
  return routes.filter(({ who }) => who === 'tenant_admin').map(actingRoute);
}

function actingRoute(route: Route): Route {
  if (!route.path.startsWith(`${ADMIN}/`)) throw new Error(`${route.path} is a tenant admin's and not under ${ADMIN}`);
  return {
    ...route,
    path: `${ACTING_PREFIX}${route.path.slice(ADMIN.length)}`,
    who: 'partner_admin',
    run: (call, gate) => route.run(call, { ...gate, admit: () => admitFor(call, gate) }),
  };
}

function admitFor(call: Call, gate: Gate): ReturnType<Gate['admit']> {
  return gate.admitFor(call, () => {
    const { partner_id, tenant_id } = readParams(CUSTOMER, call.params);
    return { partnerId: partner_id, tenantId: tenant_id };
  });
}
