import { hash, type KeyObject } from 'node:crypto';
import type { KeyId, ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Descriptor } from '../protocol/descriptor.js';
import { keyHoldsAt, type ServerKey } from '../protocol/key-history.js';
import { keysTrustedFrom, type PinnedServer } from '../protocol/key-trust.js';

/** A peer as one tenant trusts it. */
export interface KnownPeer {
  readonly server: ServerName;
  readonly serial: number;
  /** As the peer lists them now, oldest first; the last is current. */
  readonly keys: readonly ServerKey[];
  /** Pins that the peer no longer lists, oldest first: they speak for stored events only, and never come back. */
  readonly retired: readonly ServerKey[];
  readonly nextKeySha256: string | null;
  readonly jws: string;
}

export type PeerVerdict =
  | { readonly verdict: 'trusted'; readonly peer: KnownPeer }
  | { readonly verdict: 'stale' }
  | { readonly verdict: 'contradiction'; readonly why: string };

/** What a key is wanted for decides when it must hold, and whether a retired one will do. */
export type KeyUse = 'request' | 'stored';

export function firstSight(descriptor: Descriptor): KnownPeer {
  const { serverName, serial, keys, nextKeySha256, jws } = descriptor;
  return { server: serverName, serial, keys, retired: [], nextKeySha256, jws };
}

/** What we know of a peer after it has shown us this descriptor. */
export function judged(known: KnownPeer, descriptor: Descriptor): PeerVerdict {
  const pinned: PinnedServer = { serial: known.serial, keys: [...known.retired, ...known.keys], nextKeySha256: known.nextKeySha256 };
  const verdict = keysTrustedFrom(pinned, descriptor);
  return verdict.verdict === 'trusted' ? { verdict: 'trusted', peer: succeeded(known, descriptor) } : verdict;
}

/** The descriptor takes the place of what we knew; keys it does not list are kept for what they have signed. */
export function succeeded(known: KnownPeer | undefined, descriptor: Descriptor): KnownPeer {
  const next = firstSight(descriptor);
  const listed = new Set(next.keys.map(({ keyId }) => keyId));
  const beganMs = next.keys[0]?.notBeforeMs ?? 0;
  const lost = (known?.keys ?? [])
    .filter(({ keyId }) => !listed.has(keyId))
    .map((key) => ({ ...key, notAfterMs: Math.min(key.notAfterMs, beganMs) }));
  const retired = [...(known?.retired ?? []).filter(({ keyId }) => !listed.has(keyId)), ...lost];
  return { ...next, retired: retired.slice(-LIMITS.keysPerServerMax) };
}

export type KeyFound = KeyObject | 'unknown' | 'not-valid';

export function keyAt(peer: KnownPeer, keyId: KeyId, use: KeyUse, atMs: number): KeyFound {
  const index = peer.keys.findIndex((key) => key.keyId === keyId);
  const listed = peer.keys[index];
  const key = listed === undefined ? retiredKey(peer, keyId, use) : withinOverlap(listed, peer.keys[index + 1]);
  if (key === undefined) return 'unknown';
  return keyHoldsAt(key, atMs) ? key.key : 'not-valid';
}

export function currentKeyOf(peer: Pick<KnownPeer, 'keys'>): ServerKey {
  const key = peer.keys.at(-1);
  if (key === undefined) throw new Error('a peer without a key');
  return key;
}

/** Hex SHA-256 of the 32 bytes, for comparing by voice. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return hash('sha256', publicKey, 'hex');
}

function retiredKey(peer: KnownPeer, keyId: KeyId, use: KeyUse): ServerKey | undefined {
  return use === 'stored' ? peer.retired.find((key) => key.keyId === keyId) : undefined;
}

/** A key that was followed by another ends with its overlap, whatever it says of itself. */
function withinOverlap(key: ServerKey, successor: ServerKey | undefined): ServerKey {
  if (successor === undefined) return key;
  return { ...key, notAfterMs: Math.min(key.notAfterMs, successor.notBeforeMs + LIMITS.keyOverlapMs) };
}
