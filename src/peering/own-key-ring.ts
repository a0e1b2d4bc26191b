import { hash } from 'node:crypto';
import type { KeyId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { DescriptorFacts } from '../protocol/descriptor.js';
import type { WireKey } from '../protocol/key-history.js';
import { generateSigningKey, publicKeyText, type SigningKey } from '../protocol/keys.js';
import type { SigningKeyRow } from '../store/repositories/signing-keys.repository.js';
import type { CellIdentity, Vault } from '../store/vault.js';

export interface OwnKeyRing {
  readonly signing: SigningKey;
  readonly facts: DescriptorFacts;
}

/** The rows by their part. The next key is the highest, and not yet in force. */
export function keyRing(rows: readonly SigningKeyRow[]): {
  readonly inForce: readonly SigningKeyRow[];
  readonly current: SigningKeyRow;
  readonly next: SigningKeyRow;
} {
  const inForce = rows.filter(isInForce);
  const current = inForce.at(-1);
  const next = rows.at(-1);
  if (current === undefined || next === undefined || isInForce(next)) throw new Error('the signing keys have no order');
  return { inForce, current, next };
}

/** Makes, seals and opens keys. A sealed key opens only for the tenant and the key id it was sealed for. */
export class KeySafe {
  constructor(private readonly vault: Pick<Vault, 'seal' | 'open'>) {}

  make(ctx: TenantContext, ordinal: number, seed: Buffer): SigningKeyRow {
    const { keyId, publicKey } = generateSigningKey(ctx.serverName, seed);
    return {
      key_id: keyId,
      ordinal,
      public_key: publicKey,
      sealed_private_key: this.vault.seal(sealedAs(ctx, keyId), seed),
      not_before: 0,
      not_after: 0,
      revoked_at: null,
      predecessor_signature: null,
    };
  }

  open(ctx: TenantContext, row: SigningKeyRow): SigningKey {
    const key = generateSigningKey(ctx.serverName, this.vault.open(sealedAs(ctx, row.key_id), row.sealed_private_key));
    if (!key.publicKey.equals(row.public_key)) throw new Error(`the sealed key ${row.key_id} is another one`);
    return key;
  }

  ring(ctx: TenantContext, serial: number, rows: readonly SigningKeyRow[]): OwnKeyRing {
    const { inForce, current, next } = keyRing(rows);
    const nextKeySha256 = hash('sha256', next.public_key, 'hex');
    return { signing: this.open(ctx, current), facts: { serial, keys: inForce.map(wireKey), nextKeySha256 } };
  }
}

function isInForce(row: SigningKeyRow): boolean {
  return row.not_after > 0;
}

function sealedAs({ tenantId }: TenantContext, keyId: KeyId): CellIdentity {
  return { table: 'signing_keys', tenantId, row: keyId, column: 'sealed_private_key' };
}

function wireKey(row: SigningKeyRow): WireKey {
  return {
    id: row.key_id,
    public_key: publicKeyText(row.public_key),
    not_before: row.not_before,
    not_after: row.not_after,
    ...(row.revoked_at === null ? {} : { revoked_at: row.revoked_at }),
    ...(row.predecessor_signature === null ? {} : { proof: row.predecessor_signature }),
  };
}
