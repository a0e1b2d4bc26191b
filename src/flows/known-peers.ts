import { GatewayError } from '../kernel/errors.js';
import { acceptsPeer } from '../kernel/federation-policy.js';
import type { ServerName } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { PeerDirectory } from '../peering/peer-directory.js';
import type { TenantDirectory } from '../store/tenant-directory.js';

/** Before a person of another server is dealt with: is that server welcome, and who is it? */
export class KnownPeers {
  constructor(
    private readonly tenants: Pick<TenantDirectory, 'byId'>,
    private readonly directory: Pick<PeerDirectory, 'fetchNow'>,
  ) {}

  /** Throws SW_FED_POLICY, or SW_FED_PEER_UNREACHABLE and the like when the server does not describe itself. */
  async meet(ctx: TenantContext, server: ServerName): Promise<void> {
    if (!acceptsPeer((await this.tenants.byId(ctx)).policy, server)) throw new GatewayError('SW_FED_POLICY', server);
    await this.directory.fetchNow(ctx, server);
  }
}
