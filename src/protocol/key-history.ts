import type { KeyObject } from 'node:crypto';
import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { parseKeyId, type KeyId, type ServerName } from '../kernel/ids.js';
import { readJws, readPayload, signJws, verifyJws } from './jws.js';
import { admitPublicKey, keyIdOf, parsePublicKeyText, publicKeyText, type SigningKey } from './keys.js';

/** A key as descriptors list it. */
export interface WireKey {
  readonly id: string;
  /** `ed25519:<base64>` */
  readonly public_key: string;
  readonly not_before: number;
  /** End of every use of the key, its overlap with the next one included. */
  readonly not_after: number;
  readonly revoked_at?: number;
  /** The word of the key before it; every key but the first has one. */
  readonly proof?: string;
}

/** A key of another server, admitted. */
export interface ServerKey {
  readonly keyId: KeyId;
  readonly publicKey: Buffer;
  readonly key: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly revokedAtMs: number | undefined;
}

interface KeyProofPayload {
  readonly server: string;
  readonly id: string;
  readonly public_key: string;
  readonly not_before: number;
}

/** May the key speak at this time? Requests ask for now, stored events for their entry's `at`. */
export function keyHoldsAt(key: Pick<ServerKey, 'notBeforeMs' | 'notAfterMs' | 'revokedAtMs'>, atMs: number): boolean {
  return key.notBeforeMs <= atMs && atMs < key.notAfterMs && (key.revokedAtMs === undefined || atMs < key.revokedAtMs);
}

/** The old key's word for the new one. */
export function proveNextKey(previous: SigningKey, publicKey: Uint8Array, notBeforeMs: number): string {
  const payload: KeyProofPayload = {
    server: previous.server,
    id: keyIdOf(publicKey),
    public_key: publicKeyText(publicKey),
    not_before: notBeforeMs,
  };
  return signJws(previous, 'scaiwave-key+jws', payload);
}

/** Admits every key of the list, oldest first, and checks that each but the first is vouched for by the one before. */
export async function readKeyHistory(
  contract: Contract,
  server: ServerName,
  list: readonly WireKey[],
): Promise<readonly ServerKey[]> {
  const keys: ServerKey[] = [];
  for (const wire of list) {
    const key = readKey(wire);
    const before = keys.at(-1);
    if (before !== undefined) await checkProof(contract, server, before, wire);
    else if (wire.proof !== undefined) refuse('a proof for the first key');
    keys.push(key);
  }
  if (new Set(keys.map(({ keyId }) => keyId)).size !== keys.length) refuse('a key twice');
  return keys;
}

function readKey(wire: WireKey): ServerKey {
  const publicKey = parsePublicKeyText(wire.public_key);
  const keyId = parseKeyId(wire.id);
  if (keyIdOf(publicKey) !== keyId) refuse('key id of another key');
  if (wire.not_after <= wire.not_before) refuse('key that is never valid');
  return {
    keyId,
    publicKey,
    key: admitPublicKey(publicKey),
    notBeforeMs: wire.not_before,
    notAfterMs: wire.not_after,
    revokedAtMs: wire.revoked_at,
  };
}

async function checkProof(contract: Contract, server: ServerName, before: ServerKey, wire: WireKey): Promise<void> {
  const jws = readJws(wire.proof ?? refuse('a key without proof'), 'scaiwave-key+jws');
  const payload = readPayload<KeyProofPayload>(contract, jws, 'federation/key-proof');
  const speaks = jws.kid.server === server && jws.kid.keyId === before.keyId;
  const about =
    payload.server === server &&
    payload.id === wire.id &&
    payload.public_key === wire.public_key &&
    payload.not_before === wire.not_before;
  if (!speaks || !about) refuse('proof of something else');
  if (!(await verifyJws(jws, before.key))) refuse('proof signature');
}

function refuse(why: string): never {
  throw new GatewayError('SW_FED_DESCRIPTOR_INVALID', why);
}
