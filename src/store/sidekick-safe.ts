import type { TaskId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { CellIdentity, Vault } from './vault.js';

/** Seals and opens the tokens of tasks that are still to be handed over. */
export class SidekickSafe {
  constructor(private readonly vault: Pick<Vault, 'seal' | 'open'>) {}

  seal(ctx: TenantContext, task: TaskId, token: string): Buffer {
    return this.vault.seal(cellOf(ctx, task), Buffer.from(token));
  }

  open(ctx: TenantContext, task: TaskId, sealed: Buffer): string {
    return this.vault.open(cellOf(ctx, task), sealed).toString();
  }
}

function cellOf({ tenantId }: TenantContext, task: TaskId): CellIdentity {
  return { table: 'sidekicks', tenantId, row: task, column: 'sealed_token' };
}
