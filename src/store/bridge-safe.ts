import type { BridgeId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { BridgeSecretRow } from './repositories/bridge-secrets.repository.js';
import type { CellIdentity, Vault } from './vault.js';

export interface OpenedSecret {
  readonly ordinal: number;
  readonly secret: string;
  /** undefined: the current one. */
  readonly expiresAtMs: number | undefined;
}

/** Seals and opens the secrets of bridges. A sealed secret opens only for the tenant, bridge and rotation it was made for. */
export class BridgeSafe {
  constructor(private readonly vault: Pick<Vault, 'seal' | 'open'>) {}

  seal(ctx: TenantContext, bridge: BridgeId, ordinal: number, secret: string): Buffer {
    return this.vault.seal(cellOf(ctx, bridge, ordinal), Buffer.from(secret));
  }

  open(ctx: TenantContext, rows: readonly BridgeSecretRow[]): readonly OpenedSecret[] {
    return rows.map((row) => ({
      ordinal: row.ordinal,
      secret: this.vault.open(cellOf(ctx, row.bridge_id, row.ordinal), row.sealed_secret).toString(),
      expiresAtMs: row.expires_at ?? undefined,
    }));
  }
}

function cellOf({ tenantId }: TenantContext, bridge: BridgeId, ordinal: number): CellIdentity {
  return { table: 'bridge_secrets', tenantId, row: `${bridge} ${ordinal}`, column: 'sealed_secret' };
}
