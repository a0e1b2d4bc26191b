import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { ActingApi, Customer } from '../api/acting.js';
import type { Fleet } from './fleet.js';

/** Lets the admin of a partner into a tenant of its fleet, as themselves. */
export class ActForCustomer implements ActingApi {
  constructor(private readonly fleet: Pick<Fleet, 'partner' | 'tenant'>) {}

  async actFor(caller: Caller, { partnerId, tenantId }: Customer, intent: 'look' | 'change'): Promise<Caller> {
    await this.fleet.partner(caller, partnerId);
    const { ctx } = await this.fleet.tenant(caller, tenantId);
    if (ctx.partnerId !== partnerId) throw new GatewayError('SW_TENANT_NOT_FOUND', `${tenantId} is not of ${partnerId}`);
    if (ctx.status !== 'active' && intent === 'change') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
    return { ...caller, ctx };
  }
}
