import type { JsonObject } from '../kernel/events.js';
import { parseKeyId } from '../kernel/ids.js';
import type { ServerKey } from '../protocol/key-history.js';
import { parsePublicKeyText, publicKeyText } from '../protocol/keys.js';
import type { PeerRow } from '../store/repositories/peers.repository.js';
import type { AdmittedKeys } from './admitted-keys.js';
import type { KnownPeer } from './known-peer.js';

/** `peers.descriptor` and `peers.candidate`. */
interface StoredPeer {
  readonly jws: string;
  readonly keys: readonly StoredKey[];
  readonly retired: readonly StoredKey[];
  readonly next_key_sha256: string | null;
}

interface StoredKey {
  readonly id: string;
  readonly public_key: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly revoked_at: number | null;
}

/** Turns rows into peers and back. */
export class PeerRows {
  constructor(private readonly admitted: AdmittedKeys) {}

  read(row: Pick<PeerRow, 'server_name' | 'serial' | 'descriptor'>): KnownPeer {
    const stored = row.descriptor as JsonObject & StoredPeer;
    return {
      server: row.server_name,
      serial: row.serial,
      keys: stored.keys.map((key) => this.readKey(key)),
      retired: stored.retired.map((key) => this.readKey(key)),
      nextKeySha256: stored.next_key_sha256,
      jws: stored.jws,
    };
  }

  write(peer: KnownPeer): JsonObject {
    return { jws: peer.jws, keys: peer.keys.map(writeKey), retired: peer.retired.map(writeKey), next_key_sha256: peer.nextKeySha256 };
  }

  private readKey(stored: StoredKey): ServerKey {
    return {
      keyId: parseKeyId(stored.id),
      publicKey: parsePublicKeyText(stored.public_key),
      key: this.admitted.get(stored.public_key),
      notBeforeMs: stored.not_before,
      notAfterMs: stored.not_after,
      revokedAtMs: stored.revoked_at ?? undefined,
    };
  }
}

function writeKey(key: ServerKey): JsonObject {
  return {
    id: key.keyId,
    public_key: publicKeyText(key.publicKey),
    not_before: key.notBeforeMs,
    not_after: key.notAfterMs,
    revoked_at: key.revokedAtMs ?? null,
  };
}
