import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { PartnerId, TenantId } from '../../kernel/ids.js';
import { systemContext } from '../../kernel/tenant-context.js';
import type { Store } from '../../store/store.js';
import type { LoadedTenant } from '../../store/repositories/tenants.repository.js';
import type { Page } from '../api/page.js';
import type { TenantFilter, TenantItemView, TenantPatch, TenantRequest, TenantsAdminApi, TenantView } from '../api/tenancy.js';
import type { Tenants } from '../tenants.js';
import type { ClaimedTenant } from './claimed-tenant.js';
import type { Fleet } from './fleet.js';
import { tenantItem, tenantView } from './tenant-views.js';

export interface TenantsAdminDeps {
  readonly store: Pick<Store, 'read' | 'spanning'>;
  readonly fleet: Pick<Fleet, 'partner' | 'ownPartner' | 'tenant'>;
  readonly tenantMaker: Pick<Tenants, 'create' | 'change' | 'suspend' | 'resume'>;
  readonly claimedTenant: Pick<ClaimedTenant, 'require'>;
  /** Server name of the node, under which tenants get theirs. */
  readonly serverName: string;
}

/** The tenants of a fleet, as partner and platform admins keep them. */
export class TenantsAdmin implements TenantsAdminApi {
  constructor(private readonly deps: TenantsAdminDeps) {}

  async create(caller: Caller, request: TenantRequest): Promise<TenantView> {
    const partnerId = await this.#partnerFor(caller, request.partnerId);
    const serverName = this.#serverNameFor(caller, request);
    await this.deps.claimedTenant.require(caller, partnerId, request.scaikeyTenantId);
    const ctx = await this.deps.tenantMaker.create({ ...request, partnerId, serverName }, caller);
    return this.#view(await this.deps.fleet.tenant(caller, ctx.tenantId));
  }

  async list(caller: Caller, filter: TenantFilter): Promise<Page<TenantItemView>> {
    const partnerId = await this.#listed(caller, filter.partnerId);
    if (partnerId === undefined) return { items: [], total: 0 };
    const system = systemContext('list-tenants');
    const rows = await this.deps.store.spanning(system, (all) => all.fleet(system, { ...filter, partnerId }));
    return { items: rows.map(tenantItem), total: rows[0]?.total ?? 0 };
  }

  async get(caller: Caller, tenant: TenantId): Promise<TenantView> {
    return this.#view(await this.deps.fleet.tenant(caller, tenant));
  }

  async change(caller: Caller, tenant: TenantId, patch: TenantPatch): Promise<TenantView> {
    const { ctx } = await this.deps.fleet.tenant(caller, tenant);
    return this.#view(await this.deps.tenantMaker.change(ctx, patch, caller));
  }

  async suspend(caller: Caller, tenant: TenantId): Promise<TenantView> {
    const { ctx } = await this.deps.fleet.tenant(caller, tenant);
    return this.#view(await this.deps.tenantMaker.suspend(ctx, caller));
  }

  async resume(caller: Caller, tenant: TenantId): Promise<TenantView> {
    const { ctx } = await this.deps.fleet.tenant(caller, tenant);
    return this.#view(await this.deps.tenantMaker.resume(ctx, caller));
  }

  async #partnerFor(caller: Caller, wanted: PartnerId | null | undefined): Promise<PartnerId | null> {
    if (caller.role === 'super_admin') return wanted ? (await this.deps.fleet.partner(caller, wanted)).row.partner_id : null;
    const own = await this.deps.fleet.ownPartner(caller);
    if (own === undefined) throw new GatewayError('SW_AUTH_INSUFFICIENT_PERMISSION', 'administers no partner');
    return wanted === undefined ? own.row.partner_id : (await this.deps.fleet.partner(caller, wanted ?? own.row.partner_id)).row.partner_id;
  }

  /** A name out of the node's own domain could be that of a server with which others here federate: the platform alone gives it. */
  #serverNameFor(caller: Caller, { slug, serverName }: TenantRequest): string {
    const under = `.${this.deps.serverName}`;
    if (serverName === undefined) return `${slug}${under}`;
    const own = serverName.endsWith(under) && !serverName.slice(0, -under.length).includes('.');
    if (own || caller.role === 'super_admin') return serverName;
    throw new GatewayError('SW_AUTH_INSUFFICIENT_PERMISSION', serverName, { publicDetail: `A partner's tenants have server names of the form <label>${under}.` });
  }

  /** Whose tenants a list shows; `null` = everybody's, undefined = nobody's. */
  async #listed(caller: Caller, wanted: PartnerId | null): Promise<PartnerId | null | undefined> {
    if (caller.role === 'super_admin') return wanted;
    const own = (await this.deps.fleet.ownPartner(caller))?.row.partner_id;
    return wanted === null || wanted === own ? own : undefined;
  }

  async #view(loaded: LoadedTenant): Promise<TenantView> {
    const usage = await this.deps.store.read(loaded.ctx, ({ usage: counters }) => counters.find(loaded.ctx));
    return tenantView(loaded, usage ?? { rooms: 0, participants: 0, storage_bytes: 0 });
  }
}
