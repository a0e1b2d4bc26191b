import type { TenantContext } from '../../kernel/tenant-context.js';
import { ScaigridKey } from '../../scaigrid/scaigrid-key.js';
import type { AiSafe } from '../../store/ai-safe.js';
import type { Store } from '../../store/store.js';

/** With which key ScaiGrid is asked for a tenant: its own, or else the operator's. */
export class AiKeys {
  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly safe: Pick<AiSafe, 'open'>,
    readonly nodeKey: ScaigridKey | undefined,
  ) {}

  async find(ctx: TenantContext): Promise<ScaigridKey | undefined> {
    const sealed = await this.store.read(ctx, ({ ai }) => ai.sealedKey(ctx));
    return sealed === null ? this.nodeKey : new ScaigridKey(this.safe.open(ctx, sealed), 'tenant');
  }
}
