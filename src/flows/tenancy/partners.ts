import { isDeepStrictEqual } from 'node:util';
import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { PartnerId } from '../../kernel/ids.js';
import type { Clock } from '../../kernel/ports.js';
import { systemContext } from '../../kernel/tenant-context.js';
import type { PartnerRow } from '../../store/repositories/partners.repository.js';
import type { Store } from '../../store/store.js';
import type { Page, PageRequest } from '../api/page.js';
import type { PartnerChangeRequest, PartnerRequest, PartnersApi, PartnerView, TenantItemView } from '../api/tenancy.js';
import { iso } from '../event-view.js';
import { addPartner } from './add-partner.js';
import type { Fleet } from './fleet.js';
import { tenantItem } from './tenant-views.js';

export interface PartnersDeps {
  readonly store: Pick<Store, 'transact' | 'spanning'>;
  readonly fleet: Pick<Fleet, 'partner' | 'ownPartner'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Organisations that run tenants for others. The platform makes them and sets their limits. */
export class Partners implements PartnersApi {
  constructor(private readonly deps: PartnersDeps) {}

  async list(caller: Caller, page: PageRequest): Promise<Page<PartnerView>> {
    if (caller.role !== 'super_admin') return this.#onlyOwn(caller, page);
    const system = systemContext('find-partner');
    const rows = await this.deps.store.spanning(system, (all) => all.partners(system, page));
    return { items: rows.map((row) => partnerView(row, row.tenants)), total: rows[0]?.total ?? 0 };
  }

  async create(caller: Caller, request: PartnerRequest): Promise<PartnerView> {
    const row = await addPartner(this.deps.store, caller.ctx, { ...request, nowMs: this.deps.clock.nowMs() }, caller);
    return partnerView(row, await this.#tenantsOf(request.id));
  }

  async get(caller: Caller, partner: PartnerId): Promise<PartnerView> {
    const { row } = await this.deps.fleet.partner(caller, partner);
    return partnerView(row, await this.#tenantsOf(partner));
  }

  async change(caller: Caller, partner: PartnerId, { name, status, maxTenants }: PartnerChangeRequest): Promise<PartnerView> {
    const { keeper } = await this.deps.fleet.partner(caller, partner);
    const ofPlatform = status !== undefined || maxTenants !== undefined;
    if (ofPlatform && caller.role !== 'super_admin') throw new GatewayError('SW_AUTH_INSUFFICIENT_PERMISSION', 'status and limits are the platform’s');
    const change = {
      ...(name === undefined ? {} : { name }),
      ...(status === undefined ? {} : { status }),
      ...(maxTenants === undefined ? {} : { limits: { max_tenants: maxTenants } }),
    };
    const row = await this.deps.store.transact(keeper, async ({ partners, audit }) => {
      const before = await partners.lock(keeper, partner);
      if (before === undefined || isDeepStrictEqual({ ...before, ...change }, before)) return before;
      await partners.change(keeper, partner, change);
      await audit.append(keeper, actBy(caller, 'partner.changed', partner, change));
      return partners.find(keeper, partner);
    });
    if (row === undefined) throw new GatewayError('SW_PARTNER_NOT_FOUND', partner);
    return partnerView(row, await this.#tenantsOf(partner));
  }

  async tenants(caller: Caller, partner: PartnerId, page: PageRequest): Promise<Page<TenantItemView>> {
    await this.deps.fleet.partner(caller, partner);
    const system = systemContext('list-tenants');
    const rows = await this.deps.store.spanning(system, (all) => all.fleet(system, { ...page, partnerId: partner, status: null }));
    return { items: rows.map(tenantItem), total: rows[0]?.total ?? 0 };
  }

  async #onlyOwn(caller: Caller, { limit, offset }: PageRequest): Promise<Page<PartnerView>> {
    const own = await this.deps.fleet.ownPartner(caller);
    if (own === undefined) return { items: [], total: 0 };
    const items = [partnerView(own.row, await this.#tenantsOf(own.row.partner_id))];
    return { items: items.slice(offset, offset + limit), total: 1 };
  }

  async #tenantsOf(partner: PartnerId): Promise<number> {
    const system = systemContext('find-partner');
    return (await this.deps.store.spanning(system, (all) => all.fleetPlaces(system, partner))).taken;
  }
}

function partnerView(row: PartnerRow, tenants: number): PartnerView {
  return { id: row.partner_id, name: row.name, status: row.status, tenants: { used: tenants, limit: row.limits.max_tenants }, created_at: iso(row.created_at) };
}
