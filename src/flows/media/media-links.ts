import { createHmac, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../../kernel/errors.js';
import { parseMediaId, parseTenantId, type MediaId, type TenantId } from '../../kernel/ids.js';
import type { Clock } from '../../kernel/ports.js';
import type { Vault } from '../../store/vault.js';

/** What a link is good for. */
export interface LinkedMedia {
  readonly tenantId: TenantId;
  readonly id: MediaId;
}

const PURPOSE = 'media-link';
/** Token: version (1), tenant (16), file (16), seconds since 1970 at which it expires (6), HMAC-SHA256 of all that (32). */
const VERSION = 1;
const UUID_BYTES = 16;
const TENANT_AT = 1;
const FILE_AT = TENANT_AT + UUID_BYTES;
const EXPIRY_AT = FILE_AT + UUID_BYTES;
const EXPIRY_BYTES = 6;
const MAC_AT = EXPIRY_AT + EXPIRY_BYTES;
const TOKEN_BYTES = MAC_AT + 32;
const TOKEN = /^[A-Za-z0-9_-]{95}$/;

/** Links that name a file and expire; each tenant's are made with a key of its own. */
export class MediaLinks {
  constructor(
    private readonly vault: Pick<Vault, 'derivedKeys'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  token({ tenantId, id }: LinkedMedia, expiresAtMs: number): string {
    const head = Buffer.alloc(MAC_AT);
    head.writeUInt8(VERSION);
    uuidBytes(tenantId).copy(head, TENANT_AT);
    uuidBytes(id.slice('med-'.length)).copy(head, FILE_AT);
    head.writeUIntBE(Math.floor(expiresAtMs / 1_000), EXPIRY_AT, EXPIRY_BYTES);
    const [key] = this.vault.derivedKeys(PURPOSE, tenantId);
    if (key === undefined) throw new Error('the vault has no key');
    return Buffer.concat([head, macOf(key, head)]).toString('base64url');
  }

  /** Throws SW_MEDIA_LINK for whatever was not made here, was changed, or has expired. */
  open(token: string): LinkedMedia {
    const bytes = TOKEN.test(token) ? Buffer.from(token, 'base64url') : Buffer.alloc(0);
    // The last character may carry bits that decoding drops: one link has one spelling.
    if (bytes.length !== TOKEN_BYTES || bytes[0] !== VERSION || bytes.toString('base64url') !== token) throw refused('not a link');
    const head = bytes.subarray(0, MAC_AT);
    const tenantId = parseTenantId(uuidText(head.subarray(TENANT_AT, FILE_AT)));
    const isOurs = this.vault.derivedKeys(PURPOSE, tenantId).some((key) => timingSafeEqual(macOf(key, head), bytes.subarray(MAC_AT)));
    if (!isOurs) throw refused('not signed by us');
    if (head.readUIntBE(EXPIRY_AT, EXPIRY_BYTES) * 1_000 <= this.clock.nowMs()) throw refused('expired');
    return { tenantId, id: parseMediaId(`med-${uuidText(head.subarray(FILE_AT, EXPIRY_AT))}`) };
  }
}

function macOf(key: Buffer, head: Buffer): Buffer {
  return createHmac('sha256', key).update(head).digest();
}

function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function refused(note: string): GatewayError {
  return new GatewayError('SW_MEDIA_LINK', note);
}
