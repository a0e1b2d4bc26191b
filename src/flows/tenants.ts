import { isDeepStrictEqual } from 'node:util';
import { actFrom, type Actor } from '../kernel/audit.js';
import { GatewayError } from '../kernel/errors.js';
import type { JsonObject } from '../kernel/events.js';
import { parseServerName, parseTenantId, type PartnerId } from '../kernel/ids.js';
import { mergePatch } from '../kernel/merge-patch.js';
import type { Clock, Randomness, Wake } from '../kernel/ports.js';
import { systemContext, tenantContext, type Features, type TenantContext, type TenantStatus } from '../kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS, type TenantLimits } from '../kernel/tenant-limits.js';
import type { OwnKeys } from '../peering/own-keys.js';
import { openTenantConsumers } from '../lanes/tenant-consumers.js';
import { DataError } from '../store/sql-error.js';
import type { TenantListRow } from '../store/repositories/spanning.repository.js';
import type { LoadedTenant, NewTenant } from '../store/repositories/tenants.repository.js';
import type { Repositories, Store } from '../store/store.js';
import type { TenantDirectory } from '../store/tenant-directory.js';
import type { Vault } from '../store/vault.js';
import type { LimitsPatch, TenantPatch } from './api/tenancy.js';
import { boundedFeatures } from './tenancy/bounded-features.js';
import type { FleetPlaces } from './tenancy/fleet-places.js';

export interface NewTenantRequest {
  readonly slug: string;
  readonly name: string;
  readonly scaikeyTenantId: string;
  readonly serverName: string;
  readonly partnerId: PartnerId | null;
  readonly limits?: LimitsPatch;
  readonly features?: JsonObject;
}

export interface TenantsDeps {
  readonly store: Pick<Store, 'transact' | 'spanning'>;
  readonly tenants: Pick<TenantDirectory, 'reload'>;
  readonly fleetPlaces: Pick<FleetPlaces, 'taking' | 'joining'>;
  readonly ownKeys: Pick<OwnKeys, 'create'>;
  readonly vault: Pick<Vault, 'sealCheck'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
  readonly wake: Pick<Wake, 'hint'>;
}

/** What else a transaction does that makes a tenant. */
type Also = (ctx: TenantContext, repositories: Repositories) => Promise<void>;

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Makes tenants, each with its names, its consumers and its first signing key, and changes what may change of them. */
export class Tenants {
  constructor(private readonly deps: TenantsDeps) {}

  async list(): Promise<readonly TenantListRow[]> {
    const system = systemContext('list-tenants');
    return this.deps.store.spanning(system, (all) => all.tenants(system));
  }

  /**
   * Makes a tenant with its names and its first signing key, and `also` what belongs to the same act. Throws
   * SW_TENANT_NAME_TAKEN, SW_PARTNER_CAPACITY.
   */
  async create(request: NewTenantRequest, by: Actor, also?: Also): Promise<TenantContext> {
    if (!SLUG.test(request.slug)) throw new GatewayError('SW_BAD_REQUEST', 'slug', { publicDetail: 'The slug is a-z, 0-9 and hyphens.' });
    const limits = mergePatch({}, { ...request.limits });
    const tenant = {
      ...request,
      limits,
      features: boundedFeatures(mergePatch({}, request.features ?? {})),
      tenantId: parseTenantId(this.deps.randomness.uuid()),
      serverName: parseServerName(request.serverName),
      createdAtMs: this.deps.clock.nowMs(),
    };
    const ctx = tenantContext({ ...tenant, status: 'active', limits: { ...TENANT_LIMIT_DEFAULTS, ...limits }, epoch: 1 });
    const make = (place?: string): Promise<true | undefined> => this.#make(ctx, tenant, place, by, also);
    await (request.partnerId === null ? make() : by === 'scaikey' ? this.deps.fleetPlaces.joining(request.partnerId, make) : this.deps.fleetPlaces.taking(request.partnerId, make));
    return ctx;
  }

  /** What is not named stays; a limit that is `null` is the default again. */
  async change(ctx: TenantContext, patch: TenantPatch, by: Actor): Promise<LoadedTenant> {
    const changed = await this.deps.store.transact(ctx, async ({ tenants, audit }) => {
      const before = await existing(tenants.lock(ctx));
      const { name, features, limits } = patched(before, patch);
      if (isDeepStrictEqual({ name, features, limits }, { name: before.ctx.name, features: before.ctx.features, limits: before.ownLimits })) return before;
      if (patch.name !== undefined) await tenants.setName(ctx, name);
      if (patch.features !== undefined) await tenants.setFeatures(ctx, features);
      if (patch.limits !== undefined) await tenants.setLimits(ctx, limits);
      await audit.append(ctx, actFrom(by, 'tenant.changed', null, noted(patch)));
      return existing(tenants.load(ctx));
    });
    await this.deps.tenants.reload(ctx);
    return changed;
  }

  /** Its people, peers and bridges are refused, and its lanes stand still. Nothing of it is lost. */
  async suspend(ctx: TenantContext, by: Actor): Promise<LoadedTenant> {
    return this.#setStatus(ctx, 'suspended', by);
  }

  /** Everything that stood still is woken, and goes on where it was. */
  async resume(ctx: TenantContext, by: Actor): Promise<LoadedTenant> {
    const resumed = await this.#setStatus(ctx, 'active', by);
    await this.wakeAll(ctx);
    return resumed;
  }

  /** After the commit of a resumption: whoever saw the suspension a moment ago has put its consumer off by then. */
  async wakeAll(ctx: TenantContext): Promise<void> {
    await this.deps.store.transact(ctx, ({ consumers }) => consumers.wakeAll(ctx));
    this.deps.wake.hint({ kind: 'due', tenantId: ctx.tenantId });
  }

  async #setStatus(ctx: TenantContext, status: TenantStatus, by: Actor): Promise<LoadedTenant> {
    const changed = await this.deps.store.transact(ctx, async ({ tenants, audit }) => {
      const before = await existing(tenants.lock(ctx));
      if (before.ctx.status === status) return before;
      await tenants.setStatus(ctx, status);
      await audit.append(ctx, actFrom(by, status === 'active' ? 'tenant.resumed' : 'tenant.suspended', null));
      return existing(tenants.load(ctx));
    });
    await this.deps.tenants.reload(ctx);
    return changed;
  }

  async #make(ctx: TenantContext, tenant: NewTenant, place: string | undefined, by: Actor, also?: Also): Promise<true | undefined> {
    try {
      return await this.deps.store.transact(ctx, async (repositories) => {
        if (place !== undefined && !(await repositories.tenants.takeName(ctx, 'fleet_place', place))) return undefined;
        await repositories.tenants.create(ctx, tenant);
        await repositories.tenants.setSealedCheck(ctx, this.deps.vault.sealCheck(ctx.tenantId));
        await openTenantConsumers(ctx, repositories);
        await repositories.audit.append(ctx, actFrom(by, 'tenant.created', null, { slug: ctx.slug, server_name: ctx.serverName, partner_id: ctx.partnerId }));
        await this.deps.ownKeys.create(ctx, repositories, typeof by === 'string' ? by : 'system');
        await also?.(ctx, repositories);
        return true;
      });
    } catch (error) {
      if (error instanceof DataError && error.violates('tenant_names_pkey')) throw new GatewayError('SW_TENANT_NAME_TAKEN', ctx.slug, { cause: error });
      throw error;
    }
  }
}

/** The tenant as a patch would have it. */
function patched(before: LoadedTenant, { name, features, limits }: TenantPatch): { readonly name: string; readonly features: Features; readonly limits: Partial<TenantLimits> } {
  return {
    name: name ?? before.ctx.name,
    features: features === undefined ? before.ctx.features : boundedFeatures(mergePatch(before.ctx.features, features ?? {})),
    limits: limits === undefined ? before.ownLimits : limits === null ? {} : mergePatch({ ...before.ownLimits }, { ...limits }),
  };
}

/** What is written down of a change: of features their names, since what flags hold can be long. */
function noted({ name, limits, features }: TenantPatch): JsonObject {
  return {
    ...(name === undefined ? {} : { name }),
    ...(limits === undefined ? {} : { limits: limits === null ? null : { ...limits } }),
    ...(features === undefined ? {} : { features: features === null ? null : Object.keys(features) }),
  };
}

async function existing(loading: Promise<LoadedTenant | undefined>): Promise<LoadedTenant> {
  const loaded = await loading;
  if (loaded === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', 'it is not there');
  return loaded;
}
