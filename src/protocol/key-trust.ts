import { hash } from 'node:crypto';
import type { Descriptor } from './descriptor.js';
import type { ServerKey } from './key-history.js';

/** What we keep of a server once we trust it. */
export interface PinnedServer {
  readonly serial: number;
  /** Oldest first. */
  readonly keys: readonly PinnedKey[];
  readonly nextKeySha256: string | null;
}

export type PinnedKey = Pick<ServerKey, 'keyId' | 'publicKey' | 'notBeforeMs' | 'notAfterMs' | 'revokedAtMs'>;

export type KeyVerdict =
  /** Keep these keys, oldest first. */
  | { readonly verdict: 'trusted'; readonly keys: readonly PinnedKey[] }
  /** Older than what we have: keep ours. */
  | { readonly verdict: 'stale' }
  /** Contradicts what we have: an administrator decides. */
  | { readonly verdict: 'contradiction'; readonly why: string };

/**
 * Judges a descriptor by the keys we have pinned. The history only grows: the list must go through all our pins from
 * the one it begins with, and what follows them is vouched for link by link. So a stolen old key cannot grow a branch
 * of its own. A server that lost its key may begin anew with the key it had announced by hash.
 */
export function keysTrustedFrom(
  pinned: PinnedServer | undefined,
  descriptor: Pick<Descriptor, 'serial' | 'keys'>,
): KeyVerdict {
  const first = descriptor.keys[0];
  if (first === undefined) return { verdict: 'contradiction', why: 'no key' };
  if (pinned === undefined || pinned.keys.length === 0) return { verdict: 'trusted', keys: descriptor.keys };
  if (descriptor.serial < pinned.serial) return { verdict: 'stale' };

  const begin = pinned.keys.findIndex((key) => key.publicKey.equals(first.publicKey));
  if (begin < 0) {
    if (!isAnnounced(pinned, first)) return { verdict: 'contradiction', why: 'keys that nobody we know vouches for' };
    if (anyPinned(pinned, descriptor.keys)) return { verdict: 'contradiction', why: 'an old key comes back' };
    return { verdict: 'trusted', keys: [...pinned.keys, ...descriptor.keys] };
  }
  const known = pinned.keys.slice(begin);
  const fresh = descriptor.keys.slice(known.length);
  if (anyPinned(pinned, fresh)) return { verdict: 'contradiction', why: 'an old key comes back' };
  const why = contradiction(known, descriptor.keys);
  if (why !== undefined) return { verdict: 'contradiction', why };
  if (fresh.length > 0 && descriptor.serial === pinned.serial) {
    return { verdict: 'contradiction', why: 'other keys under the same serial' };
  }
  return { verdict: 'trusted', keys: [...pinned.keys.slice(0, begin), ...descriptor.keys] };
}

function anyPinned(pinned: PinnedServer, keys: readonly ServerKey[]): boolean {
  return keys.some((key) => pinned.keys.some(({ keyId }) => keyId === key.keyId));
}

function isAnnounced(pinned: PinnedServer, key: ServerKey): boolean {
  return hash('sha256', key.publicKey, 'hex') === pinned.nextKeySha256;
}

/** What we knew of a key may only get narrower, and a revoked key vouches for nothing new. */
function contradiction(known: readonly PinnedKey[], listed: readonly ServerKey[]): string | undefined {
  for (const [index, old] of known.entries()) {
    const now = listed[index];
    if (now === undefined || !now.publicKey.equals(old.publicKey)) return 'a pinned key is gone or another';
    if (now.notBeforeMs !== old.notBeforeMs || now.notAfterMs > old.notAfterMs) return 'a key became valid for longer';
    if (revokedLater(old, now)) return 'a revocation was taken back';
  }
  const grows = listed.length > known.length;
  return grows && known.at(-1)?.revokedAtMs !== undefined ? 'a revoked key vouches' : undefined;
}

function revokedLater(old: PinnedKey, now: ServerKey): boolean {
  return old.revokedAtMs !== undefined && (now.revokedAtMs === undefined || now.revokedAtMs > old.revokedAtMs);
}
