import type { ServerName } from '../../kernel/ids.js';
import { systemContext, type TenantContext } from '../../kernel/tenant-context.js';
import type { Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';

/** The tenant that keeps what belongs to no tenant here: partners, and what was said of tenants that never came. */
export class KeepingTenant {
  constructor(
    private readonly store: Pick<Store, 'spanning'>,
    private readonly directory: Pick<TenantDirectory, 'byServerName' | 'byId'>,
    /** The node's own. */
    private readonly serverName: ServerName,
  ) {}

  /** The operator's own tenant has the node's own name; where none has, the eldest was made by the operator's hand. */
  async find(): Promise<TenantContext | undefined> {
    const own = await this.directory.byServerName(this.serverName);
    if (own !== undefined) return own.ctx;
    const system = systemContext('list-tenants');
    const tenantId = await this.store.spanning(system, (all) => all.eldestActive(system));
    return tenantId && (await this.directory.byId({ tenantId })).ctx;
  }
}
