import type { BridgeId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export interface BridgeSecretRow {
  readonly bridge_id: BridgeId;
  /** Rises with each rotation: the highest is the one in force. */
  readonly ordinal: number;
  readonly sealed_secret: Buffer;
  readonly created_at: number;
  /** null: it is the current one. */
  readonly expires_at: number | null;
  readonly last_used_at: number | null;
  readonly use_count: number;
}

export class BridgeSecretsRepository {
  constructor(private readonly tx: Tx) {}

  /** The one in force first. */
  async list(ctx: TenantContext, bridgeIds: readonly BridgeId[]): Promise<readonly BridgeSecretRow[]> {
    const text = 'select * from bridge_secrets where tenant_id = $1 and bridge_id = any ($2) order by bridge_id, ordinal desc';
    return this.tx.prepared<BridgeSecretRow>('bridge_secrets_list', text, [ctx.tenantId, [...bridgeIds]]);
  }

  async add(ctx: TenantContext, secret: Pick<BridgeSecretRow, 'bridge_id' | 'ordinal' | 'sealed_secret' | 'created_at'>): Promise<void> {
    await this.tx.rows(q('bridge_secrets').insert({ tenant_id: ctx.tenantId, ...secret }));
  }

  /** Gives every secret of the bridge an end, if it has no earlier one, and drops those that ended. */
  async retire(ctx: TenantContext, id: BridgeId, expiresAtMs: number, nowMs: number): Promise<void> {
    const where = { tenant_id: ctx.tenantId, bridge_id: id };
    await this.tx.rows(q('bridge_secrets').where(where).where('expires_at', '<=', nowMs).delete());
    await this.tx.prepared(
      'bridge_secrets_retire',
      'update bridge_secrets set expires_at = least(coalesce(expires_at, $3), $3) where tenant_id = $1 and bridge_id = $2',
      [ctx.tenantId, id, expiresAtMs],
    );
  }

  async countUses(ctx: TenantContext, id: BridgeId, ordinal: number, uses: number, lastMs: number): Promise<void> {
    await this.tx.prepared(
      'bridge_secret_uses',
      `update bridge_secrets set use_count = use_count + $4, last_used_at = greatest(coalesce(last_used_at, 0), $5)
       where tenant_id = $1 and bridge_id = $2 and ordinal = $3`,
      [ctx.tenantId, id, ordinal, uses, lastMs],
    );
  }
}
