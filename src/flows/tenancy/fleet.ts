import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { PartnerId, TenantId } from '../../kernel/ids.js';
import { systemContext, type TenantContext } from '../../kernel/tenant-context.js';
import type { PartnerRow } from '../../store/repositories/partners.repository.js';
import type { LoadedTenant } from '../../store/repositories/tenants.repository.js';
import type { Store } from '../../store/store.js';

/** A partner, and the tenant that keeps its row. */
export interface KeptPartner {
  readonly keeper: TenantContext;
  readonly row: PartnerRow;
}

/** Whose partner and whose tenants those are. What lies outside a caller's reach does not exist for them. */
export class Fleet {
  constructor(private readonly store: Pick<Store, 'read' | 'spanning'>) {}

  /** Throws SW_PARTNER_NOT_FOUND; SW_PARTNER_SUSPENDED for an admin of a partner that is. */
  async partner(caller: Caller, id: PartnerId): Promise<KeptPartner> {
    if (caller.role !== 'super_admin' && caller.partnerId !== id) throw new GatewayError('SW_PARTNER_NOT_FOUND', `not of ${caller.partnerId}`);
    const found = await this.find(id);
    if (found === undefined) throw new GatewayError('SW_PARTNER_NOT_FOUND', id);
    if (caller.role !== 'super_admin' && found.row.status !== 'active') throw new GatewayError('SW_PARTNER_SUSPENDED', id);
    return found;
  }

  /** The partner that a partner admin administers; undefined = none, since none is named or the named one is not there. */
  async ownPartner(caller: Caller): Promise<KeptPartner | undefined> {
    if (caller.partnerId === null) return undefined;
    const found = await this.find(caller.partnerId);
    if (found !== undefined && found.row.status !== 'active') throw new GatewayError('SW_PARTNER_SUSPENDED', caller.partnerId);
    return found;
  }

  /** Throws SW_TENANT_NOT_FOUND. */
  async tenant(caller: Caller, tenantId: TenantId): Promise<LoadedTenant> {
    const own = caller.role === 'super_admin' ? undefined : await this.ownPartner(caller);
    const loaded = await this.store.read({ tenantId }, ({ tenants }) => tenants.load({ tenantId }));
    const inReach = caller.role === 'super_admin' || (own !== undefined && own.row.partner_id === loaded?.ctx.partnerId);
    if (loaded === undefined || !inReach) throw new GatewayError('SW_TENANT_NOT_FOUND', tenantId);
    return loaded;
  }

  /** Whoever asks: for those who have found out already that they may. */
  async find(id: PartnerId): Promise<KeptPartner | undefined> {
    const system = systemContext('find-partner');
    const tenantId = await this.store.spanning(system, (all) => all.tenantByName(system, 'partner', id));
    if (tenantId === undefined) return undefined;
    return this.store.read({ tenantId }, async ({ tenants, partners }) => {
      const keeper = (await tenants.load({ tenantId }))?.ctx;
      const row = await partners.find({ tenantId }, id);
      return keeper === undefined || row === undefined ? undefined : { keeper, row };
    });
  }
}
