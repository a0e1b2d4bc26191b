import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Point } from '@noble/ed25519';
import { GatewayError } from '../kernel/errors.js';
import { parseKeyId, type KeyId, type ServerName } from '../kernel/ids.js';
import { isSampleKey } from './sample-keys.js';

export interface SigningKey {
  readonly server: ServerName;
  readonly keyId: KeyId;
  readonly privateKey: KeyObject;
  /** 32 bytes, RFC 8032. */
  readonly publicKey: Buffer;
}

const KEY_BYTES = 32;
/** Characters of base64url kept of the digest: 132 bits. */
const KEY_ID_CHARS = 22;
/** What PKCS #8 puts before the 32 bytes of an Ed25519 seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const TEXT_PREFIX = 'ed25519:';

/**
 * Admits a foreign key, once, before anything is verified under it. Native verification alone accepts forgeries under
 * small-order keys and disagrees with other libraries on mixed-order ones; after these checks it does neither.
 */
export function admitPublicKey(bytes: Uint8Array): KeyObject {
  if (bytes.length !== KEY_BYTES) refuse('length');
  const point = strictPoint(bytes);
  if (point.isSmallOrder()) refuse('small order');
  if (!point.isTorsionFree()) refuse('mixed order');
  if (isSampleKey(bytes)) refuse('published sample key');
  return publicKeyObject(bytes);
}

/** A key's id is cut from its digest, so an id never names two keys. */
export function keyIdOf(publicKey: Uint8Array): KeyId {
  return parseKeyId(createHash('sha256').update(publicKey).digest('base64url').slice(0, KEY_ID_CHARS));
}

/** Makes a signing key of 32 random bytes, or again of the bytes that were kept. */
export function generateSigningKey(server: ServerName, seed: Uint8Array): SigningKey {
  if (seed.length !== KEY_BYTES) refuse('seed length');
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  if (isSampleKey(publicKey)) refuse('published sample key');
  return { server, keyId: keyIdOf(publicKey), privateKey, publicKey };
}

/** `ed25519:<base64>`, as descriptors write a key. */
export function publicKeyText(publicKey: Uint8Array): string {
  return TEXT_PREFIX + Buffer.from(publicKey).toString('base64');
}

/** The 32 bytes of `ed25519:<base64>` in its one spelling; not yet admitted. */
export function parsePublicKeyText(text: string): Buffer {
  const bytes = Buffer.from(text.slice(TEXT_PREFIX.length), 'base64');
  if (bytes.length !== KEY_BYTES || publicKeyText(bytes) !== text) refuse('spelling');
  return bytes;
}

function strictPoint(bytes: Uint8Array): Point {
  try {
    return Point.fromBytes(bytes, false);
  } catch (error) {
    throw new GatewayError('SW_FED_KEY_REFUSED', 'not a point in its one encoding', { cause: error });
  }
}

function publicKeyObject(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

function refuse(why: string): never {
  throw new GatewayError('SW_FED_KEY_REFUSED', why);
}
