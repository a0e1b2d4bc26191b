import { hash, randomBytes } from 'node:crypto';
import { parseServerName, type ServerName } from '../../src/kernel/ids.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { signDescriptor, type WireDescriptor } from '../../src/protocol/descriptor.js';
import { proveNextKey, type WireKey } from '../../src/protocol/key-history.js';
import { generateSigningKey, publicKeyText, type SigningKey } from '../../src/protocol/keys.js';
import { signRequest } from '../../src/protocol/request-signature.js';
import type { PeerCallWhole } from '../../src/verify/peer-head.js';

interface HeldKey {
  readonly signing: SigningKey;
  readonly wire: WireKey;
}

/** Another server in full control of its keys, so that it can also do what none should. */
export class FakePeer {
  readonly server: ServerName;
  serial = 1;
  asked = 0;
  private keys: HeldKey[];
  private next: SigningKey;

  constructor(name: string, private readonly nowMs: () => number) {
    this.server = parseServerName(name);
    this.keys = [this.held(this.fresh(), undefined)];
    this.next = this.fresh();
  }

  get current(): SigningKey {
    const key = this.keys.at(-1);
    if (key === undefined) throw new Error('no key');
    return key.signing;
  }

  get first(): SigningKey {
    return (this.keys[0] ?? this.held(this.current, undefined)).signing;
  }

  /** As a server should: announced, vouched for, under a higher serial. */
  rotate(): void {
    const before = this.current;
    this.keys = [...this.keys, this.held(this.next, before)];
    this.next = this.fresh();
    this.serial += 1;
  }

  /** All keys lost: begins again with the announced key, or with one out of nowhere. */
  beginAnew(how: 'announced' | 'unannounced'): void {
    this.keys = [this.held(how === 'announced' ? this.next : this.fresh(), undefined)];
    this.next = this.fresh();
    this.serial += 1;
  }

  /** What none should do: an old key becomes the current one again, vouched for by the one before. */
  takeBack(key: SigningKey): void {
    this.keys = [...this.keys, this.held(key, this.current)];
    this.serial += 1;
  }

  revoke(keyId: string, atMs: number): void {
    this.keys = this.keys.map((key) => (key.signing.keyId === keyId ? { ...key, wire: { ...key.wire, revoked_at: atMs } } : key));
    this.serial += 1;
  }

  descriptor(): WireDescriptor {
    const nextKeySha256 = hash('sha256', this.next.publicKey, 'hex');
    return signDescriptor(this.current, { serial: this.serial, keys: this.keys.map(({ wire }) => wire), nextKeySha256 });
  }

  document(): Buffer {
    this.asked += 1;
    return Buffer.from(JSON.stringify(this.descriptor()));
  }

  /** A signed call, as it comes out of the HTTP room. */
  call(to: ServerName, options: CallOptions = {}): PeerCallWhole {
    const method = options.method ?? 'POST';
    const target = options.target ?? '/_scaiwave/federation/v1/send';
    const body = method === 'POST' ? Buffer.from(options.body ?? '{}') : undefined;
    const nonce = options.nonce ?? randomBytes(24).toString('base64url');
    const nowMs = options.nowMs ?? this.nowMs();
    const headers = signRequest(options.key ?? this.current, { destination: to, method, target, body, nowMs, nonce });
    return { method, target, headers, body, remoteAddress: options.remoteAddress ?? '192.0.2.1', requestId: 'req-1' };
  }

  private fresh(): SigningKey {
    return generateSigningKey(this.server, randomBytes(32));
  }

  private held(signing: SigningKey, before: SigningKey | undefined): HeldKey {
    const notBefore = this.nowMs() - LIMITS.clockSkewMs;
    const wire: WireKey = {
      id: signing.keyId,
      public_key: publicKeyText(signing.publicKey),
      not_before: notBefore,
      not_after: this.nowMs() + LIMITS.keyLifetimeMs,
      ...(before === undefined ? {} : { proof: proveNextKey(before, signing.publicKey, notBefore) }),
    };
    return { signing, wire };
  }
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST';
  readonly target?: string;
  readonly body?: string;
  readonly nonce?: string;
  readonly nowMs?: number;
  readonly key?: SigningKey;
  readonly remoteAddress?: string;
}
