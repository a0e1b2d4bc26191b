import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { PartnerId } from '../../kernel/ids.js';
import { tenantFact } from '../../scaikey/facts.js';
import type { ScaikeyAdmin } from '../../scaikey/scaikey-admin.js';

export interface ClaimedTenantDeps {
  /** undefined: this node may not ask ScaiKey. */
  readonly admin: Pick<ScaikeyAdmin, 'one'> | undefined;
  /** Whether it is ScaiKey that says who exists. */
  readonly isBound: boolean;
}

/** Whose people a tenant gets is decided by the id that it has in ScaiKey: nobody takes one that is another's. */
export class ClaimedTenant {
  constructor(private readonly deps: ClaimedTenantDeps) {}

  /** One answer for what is not there, another's or barred, so that nobody learns which ids there are. */
  async require(caller: Caller, partnerId: PartnerId | null, scaikeyTenantId: string): Promise<void> {
    const { admin, isBound } = this.deps;
    if (caller.role === 'super_admin' || !isBound) return;
    const record = await admin?.one('tenants', scaikeyTenantId);
    const fact = record && tenantFact(scaikeyTenantId, 0, record);
    if (fact !== undefined && fact.partnerId === partnerId && fact.standing !== 'barred') return;
    const publicDetail = admin === undefined ? 'Where ScaiKey cannot be asked, the platform alone names its tenants.' : 'ScaiKey has no such tenant of this partner.';
    throw new GatewayError('SW_AUTH_INSUFFICIENT_PERMISSION', scaikeyTenantId, { publicDetail });
  }
}
