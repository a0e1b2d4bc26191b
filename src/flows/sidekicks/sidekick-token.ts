import { hash, timingSafeEqual } from 'node:crypto';
import { parseTenantId, type TenantId } from '../../kernel/ids.js';
import type { Randomness } from '../../kernel/ports.js';

const PREFIX = 'swsk_';
const TENANT_BYTES = 16;
const SECRET_BYTES = 32;
/** 48 bytes are 64 characters of base64url without padding, so there is one spelling of each token. */
const FORM = /^swsk_[A-Za-z0-9_-]{64}$/;

/** Opaque to whoever holds it. It begins with its tenant, so that it is looked for in that tenant and nowhere else. */
export function newSidekickToken({ tenantId }: { readonly tenantId: TenantId }, randomness: Pick<Randomness, 'bytes'>): string {
  const tenant = Buffer.from(tenantId.replaceAll('-', ''), 'hex');
  return PREFIX + Buffer.concat([tenant, randomness.bytes(SECRET_BYTES)]).toString('base64url');
}

/** Whose token it says it is; undefined if it is none. */
export function tenantOfToken(token: string): TenantId | undefined {
  if (!FORM.test(token)) return undefined;
  const hex = Buffer.from(token.slice(PREFIX.length), 'base64url').subarray(0, TENANT_BYTES).toString('hex');
  return parseTenantId(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
}

export function tokenHash(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** In a time that says nothing of the difference. */
export function isSameHash(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
