import { bridgeShadowId } from '../../kernel/derived-ids.js';
import type { BridgeId, ParticipantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { BridgeSender } from '../../protocol/transports/transport.js';
import { bridgeShadowOf } from '../../rehome/bridge-shadows.js';
import type { Store } from '../../store/store.js';
import { currentTenant } from '../current-tenant.js';

/** Shadows that are known to be there under the name and picture they have now, so that most messages need not ask. */
export class KnownShadows {
  readonly #profiles = new Map<ParticipantId, string>();

  constructor(
    private readonly store: Pick<Store, 'transact'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  async of(ctx: TenantContext, bridge: BridgeId, sender: BridgeSender): Promise<ParticipantId> {
    const id = bridgeShadowId(ctx.tenantId, bridge, sender.externalId);
    const profile = JSON.stringify([sender.displayName, sender.avatarUrl]);
    if (this.#profiles.get(id) === profile) return id;
    await this.store.transact(ctx, async (repositories) => bridgeShadowOf(await currentTenant(ctx, repositories), repositories, bridge, sender, this.clock.nowMs()));
    const oldest = this.#profiles.keys().next();
    if (this.#profiles.size >= LIMITS.shadowCacheMax && oldest.done === false) this.#profiles.delete(oldest.value);
    this.#profiles.set(id, profile);
    return id;
  }
}
