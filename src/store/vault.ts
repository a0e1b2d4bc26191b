import { createCipheriv, createDecipheriv, hash, hkdfSync } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { TenantId } from '../kernel/ids.js';
import type { Randomness } from '../kernel/ports.js';
import { refuseStart } from './start-refusal.js';

/** Which cell a secret belongs to. A blob opens there and nowhere else. */
export interface CellIdentity {
  readonly table: string;
  readonly tenantId: TenantId;
  /** The rest of the row's key. */
  readonly row: string;
  readonly column: string;
}

/** Blob: version (1), key id (8), nonce (12), tag (16), ciphertext. */
const VERSION = 1;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const DERIVED_KEY_BYTES = 32;
const TAG_BYTES = 16;
const NONCE_AT = 1 + KEY_ID_BYTES;
const TAG_AT = NONCE_AT + NONCE_BYTES;
const TEXT_AT = TAG_AT + TAG_BYTES;

const CHECK_TEXT = 'scaiwave master key check';

/** Seals secrets before they are stored: AES-256-GCM with the cell as associated data. */
export class Vault {
  readonly #currentId: Buffer;
  readonly #keys = new Map<string, Buffer>();

  /** The first key seals; all of them open, so that a new one can be put in front of the old. */
  constructor(
    keys: readonly [Buffer, ...Buffer[]],
    private readonly randomness: Pick<Randomness, 'bytes'>,
  ) {
    for (const key of keys) this.#keys.set(keyId(key).toString('hex'), key);
    this.#currentId = keyId(keys[0]);
  }

  seal(cell: CellIdentity, plaintext: Uint8Array): Buffer {
    const nonce = this.randomness.bytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key(this.#currentId), nonce);
    cipher.setAAD(associated(cell));
    const text = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), this.#currentId, nonce, cipher.getAuthTag(), text]);
  }

  /** Refuses a blob of another cell, of another key, and one that was changed. */
  open(cell: CellIdentity, blob: Buffer): Buffer {
    if (blob.length < TEXT_AT || blob[0] !== VERSION) throw unopened(cell);
    const key = this.#key(blob.subarray(1, NONCE_AT));
    const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(NONCE_AT, TAG_AT), { authTagLength: TAG_BYTES });
    decipher.setAAD(associated(cell));
    decipher.setAuthTag(blob.subarray(TAG_AT, TEXT_AT));
    try {
      return Buffer.concat([decipher.update(blob.subarray(TEXT_AT)), decipher.final()]);
    } catch {
      throw unopened(cell);
    }
  }

  /** Keys of one tenant for one purpose, cut from the master keys (HKDF-SHA256): the first makes, all of them verify. */
  derivedKeys(purpose: string, tenantId: TenantId): readonly Buffer[] {
    return [...this.#keys.values()].map((key) => Buffer.from(hkdfSync('sha256', key, tenantId, `scaiwave ${purpose}`, DERIVED_KEY_BYTES)));
  }

  /** Kept in the tenant's row (`tenants.sealed_check`), to recognise the master key by. */
  sealCheck(tenantId: TenantId): Buffer {
    return this.seal(checkCell(tenantId), Buffer.from(CHECK_TEXT));
  }

  /** A node with the wrong key could sign nothing and would seal what nobody can open: it does not start. */
  verifyCheck(tenantId: TenantId, blob: Buffer | null): void {
    try {
      if (blob !== null && this.open(checkCell(tenantId), blob).toString() === CHECK_TEXT) return;
    } catch {
      // The sentence below says it all.
    }
    refuseStart(
      'master-key',
      'The master key is not the one that this database was sealed with; restore it (SCAIWAVE_MASTER_KEY, SCAIWAVE_MASTER_KEY_FILE or the file in SCAIWAVE_DATA_DIR).',
    );
  }

  #key(id: Buffer): Buffer {
    const key = this.#keys.get(id.toString('hex'));
    if (key === undefined) throw new GatewayError('SW_INTERNAL', 'a secret was sealed with another master key');
    return key;
  }
}

/** Tells keys apart, and nothing about them. */
function keyId(key: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from('scaiwave-master-key-id'), key]), 'buffer').subarray(0, KEY_ID_BYTES);
}

function associated({ table, tenantId, row, column }: CellIdentity): Buffer {
  return Buffer.from(JSON.stringify([VERSION, table, tenantId, row, column]));
}

function checkCell(tenantId: TenantId): CellIdentity {
  return { table: 'tenants', tenantId, row: tenantId, column: 'sealed_check' };
}

function unopened({ table, column }: CellIdentity): GatewayError {
  return new GatewayError('SW_INTERNAL', `a secret in ${table}.${column} does not open`);
}
