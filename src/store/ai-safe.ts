import type { TenantContext } from '../kernel/tenant-context.js';
import type { CellIdentity, Vault } from './vault.js';

/** Seals and opens a tenant's key for ScaiGrid. It opens for that tenant alone. */
export class AiSafe {
  constructor(private readonly vault: Pick<Vault, 'seal' | 'open'>) {}

  seal(ctx: TenantContext, key: string): Buffer {
    return this.vault.seal(cellOf(ctx), Buffer.from(key));
  }

  open(ctx: TenantContext, sealed: Buffer): string {
    return this.vault.open(cellOf(ctx), sealed).toString();
  }
}

function cellOf({ tenantId }: TenantContext): CellIdentity {
  return { table: 'tenants', tenantId, row: tenantId, column: 'sealed_ai_key' };
}
