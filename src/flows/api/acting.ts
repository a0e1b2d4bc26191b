import type { Caller } from '../../kernel/caller.js';
import type { PartnerId, TenantId } from '../../kernel/ids.js';

/** A tenant as one of a partner's fleet. */
export interface Customer {
  readonly partnerId: PartnerId;
  readonly tenantId: TenantId;
}

export interface ActingApi {
  /**
   * The caller in the customer's tenant; who they are and where they are at home stays. A suspended tenant may be looked
   * at. Throws SW_PARTNER_NOT_FOUND, SW_PARTNER_SUSPENDED, SW_TENANT_NOT_FOUND, SW_TENANT_SUSPENDED.
   */
  actFor(caller: Caller, customer: Customer, intent: 'look' | 'change'): Promise<Caller>;
}
