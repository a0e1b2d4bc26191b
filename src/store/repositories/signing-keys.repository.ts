import type { KeyId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export interface SigningKeyRow {
  readonly key_id: KeyId;
  /** Counts from 1; the highest is current, the one above the current is announced by hash only. */
  readonly ordinal: number;
  readonly public_key: Buffer;
  readonly sealed_private_key: Buffer;
  readonly not_before: number;
  readonly not_after: number;
  readonly revoked_at: number | null;
  /** By the key before, over this key; null for the first. */
  readonly predecessor_signature: string | null;
}

export class SigningKeysRepository {
  constructor(private readonly tx: Tx) {}

  async list(ctx: TenantContext): Promise<readonly SigningKeyRow[]> {
    return this.tx.rows<SigningKeyRow>(q('signing_keys').where({ tenant_id: ctx.tenantId }).orderBy('ordinal'));
  }

  async add(ctx: TenantContext, key: SigningKeyRow): Promise<void> {
    await this.tx.rows(q('signing_keys').insert({ tenant_id: ctx.tenantId, ...key }));
  }

  async change(ctx: TenantContext, keyId: KeyId, change: Partial<Pick<SigningKeyRow, 'not_before' | 'not_after' | 'revoked_at' | 'predecessor_signature'>>): Promise<void> {
    await this.tx.rows(q('signing_keys').where({ tenant_id: ctx.tenantId, key_id: keyId }).update(change));
  }
}
