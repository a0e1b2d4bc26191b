import { GatewayError } from '../kernel/errors.js';
import { policyOf, type FederationPolicy } from '../kernel/federation-policy.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { systemContext, type TenantContext } from '../kernel/tenant-context.js';
import { BriefMemory } from './cache/brief-memory.js';
import type { TenantScope } from './database.js';
import type { TenantNameKind } from './repositories/tenants.repository.js';
import type { Store } from './store.js';

export interface ServedTenant {
  readonly ctx: TenantContext;
  readonly policy: FederationPolicy;
}

/**
 * The tenants of this node, by the names under which they are asked for. A name is remembered for half a minute, since it
 * never moves to another tenant; status, limits and policy for a second, so that a suspension or a denial holds on every
 * process at once.
 */
export class TenantDirectory {
  private readonly scopes: BriefMemory<TenantScope>;
  private readonly tenants: BriefMemory<ServedTenant>;

  constructor(
    private readonly store: Pick<Store, 'read' | 'spanning'>,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.scopes = new BriefMemory(LIMITS.tenantsCachedMax, LIMITS.tenantNameCacheMs, clock);
    this.tenants = new BriefMemory(LIMITS.tenantsCachedMax, LIMITS.tenantCacheMs, clock);
  }

  async find(kind: TenantNameKind, value: string): Promise<ServedTenant | undefined> {
    const scope = await this.scopes.get(`${kind} ${value}`, () => this.findScope(kind, value));
    return scope && this.served(scope);
  }

  byServerName(server: ServerName): Promise<ServedTenant | undefined> {
    return this.find('server_name', server);
  }

  /** Throws SW_TENANT_NOT_FOUND. */
  async byId(scope: TenantScope): Promise<ServedTenant> {
    const served = await this.served(scope);
    if (served === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', scope.tenantId);
    return served;
  }

  /** The tenant as it is at this moment. */
  async reload(scope: TenantScope): Promise<TenantContext> {
    this.tenants.forget(scope.tenantId);
    return (await this.byId(scope)).ctx;
  }

  private served(scope: TenantScope): Promise<ServedTenant | undefined> {
    return this.tenants.get(scope.tenantId, () => this.load(scope));
  }

  private async findScope(kind: TenantNameKind, value: string): Promise<TenantScope | undefined> {
    const system = systemContext('resolve-tenant');
    const tenantId = await this.store.spanning(system, (spanning) => spanning.tenantByName(system, kind, value));
    return tenantId === undefined ? undefined : { tenantId };
  }

  private async load(scope: TenantScope): Promise<ServedTenant | undefined> {
    const loaded = await this.store.read(scope, (repositories) => repositories.tenants.load(scope));
    return loaded && { ctx: loaded.ctx, policy: policyOf(loaded.policy) };
  }
}
