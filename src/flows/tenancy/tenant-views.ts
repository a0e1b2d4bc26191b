import { TENANT_LIMIT_DEFAULTS, type TenantLimits } from '../../kernel/tenant-limits.js';
import type { LoadedTenant } from '../../store/repositories/tenants.repository.js';
import type { FleetRow } from '../../store/repositories/spanning.repository.js';
import type { UsageRow } from '../../store/repositories/usage.repository.js';
import type { TenantItemView, TenantView, UseView } from '../api/tenancy.js';
import { iso } from '../event-view.js';
import { megabytes } from './tenant-uses.js';

type Counted = Pick<UsageRow, 'rooms' | 'participants' | 'storage_bytes'>;

export function tenantItem(row: FleetRow): TenantItemView {
  return {
    id: row.tenant_id,
    slug: row.slug,
    name: row.name,
    server_name: row.server_name,
    partner_id: row.partner_id,
    status: row.status,
    created_at: iso(row.created_at),
    ...usesOf(row, { ...TENANT_LIMIT_DEFAULTS, ...row.limits }),
  };
}

export function tenantView({ ctx, ownLimits, createdAtMs }: LoadedTenant, usage: Counted): TenantView {
  return {
    id: ctx.tenantId,
    slug: ctx.slug,
    name: ctx.name,
    server_name: ctx.serverName,
    scaikey_tenant_id: ctx.scaikeyTenantId,
    partner_id: ctx.partnerId,
    status: ctx.status,
    created_at: iso(createdAtMs),
    ...usesOf(usage, ctx.limits),
    limits: ctx.limits,
    own_limits: ownLimits,
    features: ctx.features,
  };
}

function usesOf(usage: Counted, limits: TenantLimits): { readonly rooms: UseView; readonly participants: UseView; readonly storage_mb: UseView } {
  return {
    rooms: { used: usage.rooms, limit: limits.max_rooms },
    participants: { used: usage.participants, limit: limits.max_participants },
    storage_mb: { used: megabytes(usage.storage_bytes), limit: limits.max_storage_mb },
  };
}
