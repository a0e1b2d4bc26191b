import { actFrom, type Actor } from '../../kernel/audit.js';
import { GatewayError } from '../../kernel/errors.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { PARTNER_LIMIT_DEFAULTS } from '../../kernel/tenant-limits.js';
import type { PartnerRow } from '../../store/repositories/partners.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { PartnerRequest } from '../api/tenancy.js';

type NewPartner = PartnerRequest & { readonly nowMs: number };

/** Makes a partner, kept by a tenant of the platform. Throws SW_TENANT_NAME_TAKEN. */
export async function addPartner(store: Pick<Store, 'transact'>, keeper: TenantContext, request: NewPartner, by: Actor): Promise<PartnerRow> {
  return store.transact(keeper, (repositories) => addPartnerWithin(keeper, repositories, request, by));
}

/** The same as part of a greater act. */
export async function addPartnerWithin(keeper: TenantContext, { tenants, partners, audit }: Repositories, request: NewPartner, by: Actor): Promise<PartnerRow> {
  const { id, name, maxTenants, nowMs } = request;
  const limits = maxTenants === undefined ? PARTNER_LIMIT_DEFAULTS : { max_tenants: maxTenants };
  const row: PartnerRow = { partner_id: id, name, status: 'active', limits, created_at: nowMs };
  if (!(await tenants.takeName(keeper, 'partner', id))) throw new GatewayError('SW_TENANT_NAME_TAKEN', id);
  await partners.add(keeper, row);
  await audit.append(keeper, actFrom(by, 'partner.created', id, { max_tenants: limits.max_tenants }));
  return row;
}
