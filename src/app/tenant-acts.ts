import { GatewayError } from '../kernel/errors.js';
import { parsePartnerId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { maxSidekicks } from '../kernel/sidekicks.js';
import { systemContext, type TenantContext } from '../kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS, tenantLimitMax, tenantLimitMin, type TenantLimits } from '../kernel/tenant-limits.js';
import type { AiUsage } from '../flows/ai/ai-usage.js';
import { addPartner } from '../flows/tenancy/add-partner.js';
import { tenantUses } from '../flows/tenancy/tenant-uses.js';
import type { Tenants } from '../flows/tenants.js';
import type { Store } from '../store/store.js';

/** What is in use of a limit; `used: null` = never told, `limit: null` = no limit. */
export interface Use {
  readonly used: number | null;
  readonly limit: number | null;
}

export interface TenantSummary {
  readonly slug: string;
  readonly name: string;
  readonly serverName: string;
  readonly partnerId: string | null;
  readonly status: 'active' | 'suspended';
  /** By what is counted: `participants`, `rooms`, …; the same for every tenant. */
  readonly uses: Readonly<Record<string, Use>>;
}

export interface PartnerSummary {
  readonly partnerId: string;
  readonly name: string;
  readonly status: 'active' | 'suspended';
  readonly tenants: Use;
}

export interface NewPartner {
  readonly partnerId: string;
  readonly name: string;
  /** Undefined = the default. */
  readonly maxTenants: number | null | undefined;
  /** Whose row it is; undefined = the only tenant there is. */
  readonly tenant: string | undefined;
}

export interface TenantActs {
  listTenants(): Promise<readonly TenantSummary[]>;
  suspendTenant(slug: string): Promise<void>;
  resumeTenant(slug: string): Promise<void>;
  /** `null` = the default again. Tells what is in force now, `null` = no limit. Throws for a limit that there is not. */
  setLimit(slug: string, limit: string, value: number | null): Promise<number | null>;
  createPartner(partner: NewPartner): Promise<void>;
  listPartners(): Promise<readonly PartnerSummary[]>;
}

export interface TenantActsParts {
  readonly store: Pick<Store, 'read' | 'transact' | 'spanning'>;
  readonly tenants: Pick<Tenants, 'list' | 'suspend' | 'resume' | 'change'>;
  readonly aiUsage: Pick<AiUsage, 'find'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The tenant with a slug; without one, the only tenant there is. */
  readonly named: (slug: string | undefined) => Promise<TenantContext>;
}

/** What an operator does with tenants and partners at the command line. */
export function tenantActs({ store, tenants, aiUsage, clock, named }: TenantActsParts): TenantActs {
  const summary = async (slug: string): Promise<TenantSummary> => {
    const ctx = await named(slug);
    const ai = await aiUsage.find(ctx);
    const uses = await store.read(ctx, (repositories) => tenantUses(ctx, repositories, ai));
    return { slug, name: ctx.name, serverName: ctx.serverName, partnerId: ctx.partnerId, status: ctx.status, uses: { ...uses } };
  };
  return {
    async listTenants() {
      return Promise.all((await tenants.list()).map(({ slug }) => summary(slug)));
    },
    async suspendTenant(slug) {
      await tenants.suspend(await named(slug), 'cli');
    },
    async resumeTenant(slug) {
      await tenants.resume(await named(slug), 'cli');
    },
    async setLimit(slug, limit, value) {
      if (!isLimit(limit)) throw new GatewayError('SW_BAD_REQUEST', `there is no limit ${limit}; there are ${Object.keys(TENANT_LIMIT_DEFAULTS).join(', ')}`);
      const [least, most] = [tenantLimitMin(limit), tenantLimitMax(limit)];
      const fits = value === null || (Number.isInteger(value) && value >= least && value <= most);
      if (!fits) throw new GatewayError('SW_BAD_REQUEST', `${limit} is a whole number from ${least} to ${most}, or default`);
      const { ctx } = await tenants.change(await named(slug), { limits: { [limit]: value } }, 'cli');
      return limit === 'max_sidekicks' ? maxSidekicks(ctx) : ctx.limits[limit];
    },
    async createPartner({ partnerId, name, maxTenants, tenant }) {
      const keeper = await named(tenant);
      await addPartner(store, keeper, { id: parsePartnerId(partnerId), name, maxTenants, nowMs: clock.nowMs() }, 'cli');
    },
    async listPartners() {
      const system = systemContext('find-partner');
      const rows = await store.spanning(system, (all) => all.partners(system, { limit: LIMITS.listOffsetMax, offset: 0 }));
      return rows.map(({ partner_id, name, status, limits, tenants: used }) => ({ partnerId: partner_id, name, status, tenants: { used, limit: limits.max_tenants } }));
    },
  };
}

function isLimit(name: string): name is keyof TenantLimits {
  return Object.hasOwn(TENANT_LIMIT_DEFAULTS, name);
}
