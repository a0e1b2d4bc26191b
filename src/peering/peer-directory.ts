import type { KeyObject } from 'node:crypto';
import type { AuditEntry } from '../kernel/audit.js';
import { codeOf, GatewayError } from '../kernel/errors.js';
import type { KeyId, ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Descriptor } from '../protocol/descriptor.js';
import { ExpiringMap } from '../store/cache/expiring-map.js';
import type { DescriptorFetches } from './descriptor-fetches.js';
import { currentKeyOf, fingerprintOf, keyAt, type KeyFound, type KeyUse } from './known-peer.js';
import type { PeerMemory, RememberedPeer } from './peer-memory.js';

/** What a key is asked for. */
export type KeyPurpose =
  /** A request that came now. */
  | { readonly kind: 'request'; readonly nowMs: number }
  /** An answer that came now to a request of ours: the peer may have rotated since we last looked. */
  | { readonly kind: 'answer'; readonly nowMs: number }
  /** Something with a place in a log: the home's time of it. */
  | { readonly kind: 'stored'; readonly atMs: number };

export interface PeerDirectoryParts {
  readonly memory: PeerMemory;
  readonly fetches: DescriptorFetches;
  readonly clock: Clock;
  readonly log: Pick<Log, 'debug'>;
}

/** The keys of other servers, as each tenant trusts them. */
export class PeerDirectory {
  /** Peers whose descriptor was asked for a moment ago. */
  private readonly cooling: ExpiringMap<true>;
  private readonly background = new Map<string, Promise<void>>();

  constructor(private readonly parts: PeerDirectoryParts) {
    this.cooling = new ExpiringMap(LIMITS.peersCachedMax, parts.clock);
  }

  find(ctx: TenantContext, server: ServerName): Promise<RememberedPeer | undefined> {
    return this.parts.memory.find(ctx, server);
  }

  /** The key, if it may speak for the server at that time. Never goes out, except for an answer by an unknown key. */
  async keyFor(ctx: TenantContext, server: ServerName, keyId: KeyId, purpose: KeyPurpose): Promise<KeyObject> {
    const peer = await this.find(ctx, server);
    if (purpose.kind === 'stored') return usable(lookUp(peer, server, keyId, 'stored', purpose.atMs), server);
    const stale = peer !== undefined && purpose.nowMs - peer.fetchedAtMs > LIMITS.descriptorCacheMs;
    const found = stale ? 'unknown' : lookUp(peer, server, keyId, 'request', purpose.nowMs);
    if (found !== 'unknown' || purpose.kind === 'request') return usable(found, server);
    return usable(lookUp(await this.refreshed(ctx, server), server, keyId, 'request', purpose.nowMs), server);
  }

  /** Asks a stranger who it is, so that its next request can be verified. */
  admitInBackground(ctx: TenantContext, server: ServerName, remoteAddress: string): void {
    this.inBackground(ctx, server, () => this.parts.fetches.ofStranger(server, remoteAddress), (descriptor) => this.took(ctx, descriptor));
  }

  /** An administrator has named it: whoever of the two speaks first is known by then. */
  meetInBackground(ctx: TenantContext, server: ServerName): void {
    this.inBackground(ctx, server, () => this.parts.fetches.needed(server), async (descriptor) => {
      await this.parts.memory.learn(ctx, descriptor);
    });
  }

  /** A peer uses a key that we have not seen: it may have rotated. */
  refreshInBackground(ctx: TenantContext, server: ServerName): void {
    if (!this.coolDown(ctx, server, LIMITS.keyRefreshCooldownMs)) return;
    this.inBackground(ctx, server, () => this.parts.fetches.ofPeer(server), (descriptor) => this.took(ctx, descriptor));
  }

  /** A request was verified with this peer's keys. */
  async proved(ctx: TenantContext, peer: RememberedPeer): Promise<void> {
    await this.parts.memory.proved(ctx, peer);
    const aging = this.parts.clock.nowMs() - peer.fetchedAtMs > LIMITS.descriptorRefreshMs;
    const { server } = peer.peer;
    if (!aging || !this.coolDown(ctx, server, LIMITS.descriptorFailureMinMs)) return;
    this.inBackground(ctx, server, () => this.parts.fetches.fetch(server), (descriptor) => this.took(ctx, descriptor));
  }

  /** For those who are about to deal with a server: as we know it, or fetched if we do not or have not for long. */
  async fetchNow(ctx: TenantContext, server: ServerName): Promise<RememberedPeer> {
    const known = await this.find(ctx, server);
    if (known?.trust === 'frozen') throw frozen(server);
    if (known?.proven === true && this.parts.clock.nowMs() - known.fetchedAtMs <= LIMITS.descriptorCacheMs) return known;
    const learned = await this.parts.memory.learn(ctx, await this.parts.fetches.needed(server));
    if (learned.trust === 'frozen') throw frozen(server);
    return learned;
  }

  /** Fetches whatever is known; a contradiction leaves the peer frozen, which the answer says. */
  async refresh(ctx: TenantContext, server: ServerName): Promise<RememberedPeer> {
    return this.parts.memory.learn(ctx, await this.parts.fetches.fetch(server));
  }

  /** Trusts what the server shows now, if its current key has this fingerprint (hex SHA-256 of the key). */
  async pin(ctx: TenantContext, server: ServerName, fingerprint: string, act: AuditEntry): Promise<RememberedPeer> {
    return this.parts.memory.pin(ctx, await this.parts.fetches.fetch(server), fingerprint, act);
  }

  async fingerprint(ctx: TenantContext, server: ServerName): Promise<string | undefined> {
    const known = await this.find(ctx, server);
    return known && fingerprintOf(currentKeyOf(known.peer).publicKey);
  }

  /** Resolves when nothing is under way in the background. */
  async settled(): Promise<void> {
    while (this.background.size > 0) await Promise.all(this.background.values());
  }

  private async refreshed(ctx: TenantContext, server: ServerName): Promise<RememberedPeer | undefined> {
    if (!this.coolDown(ctx, server, LIMITS.keyRefreshCooldownMs)) return this.find(ctx, server);
    return this.refresh(ctx, server);
  }

  /** What only a stranger made us ask for stays out of the database. */
  private async took(ctx: TenantContext, descriptor: Descriptor): Promise<void> {
    const known = await this.find(ctx, descriptor.serverName);
    if (known?.proven === true) await this.parts.memory.learn(ctx, descriptor);
    else this.parts.memory.holdUnproven(ctx, descriptor);
  }

  private coolDown(ctx: TenantContext, server: ServerName, waitMs: number): boolean {
    const name = `${ctx.tenantId} ${server}`;
    return this.cooling.get(name) === undefined && this.cooling.set(name, true, waitMs);
  }

  /** Nobody waits for it, so a failure is only noted. Until what came is taken in, nothing more is asked of the server. */
  private inBackground(
    ctx: TenantContext,
    server: ServerName,
    fetch: () => Promise<Descriptor> | undefined,
    take: (descriptor: Descriptor) => Promise<void>,
  ): void {
    const name = `${ctx.tenantId} ${server}`;
    const fetching = this.background.has(name) ? undefined : fetch();
    if (fetching === undefined) return;
    this.background.set(name, this.noted(ctx, server, fetching.then(take)).finally(() => this.background.delete(name)));
  }

  private async noted(ctx: TenantContext, server: ServerName, taking: Promise<void>): Promise<void> {
    try {
      await taking;
    } catch (error) {
      this.parts.log.debug({ peer: server, error }, 'a descriptor was not taken');
      const code = codeOf(error);
      await this.parts.memory.failed(ctx, server, code).catch((cause: unknown) => {
        this.parts.log.debug({ peer: server, error: cause }, 'the failure was not kept');
      });
    }
  }
}

function lookUp(remembered: RememberedPeer | undefined, server: ServerName, keyId: KeyId, use: KeyUse, atMs: number): KeyFound {
  if (remembered === undefined) throw unknownPeer(server);
  if (remembered.trust === 'frozen') throw frozen(server);
  return keyAt(remembered.peer, keyId, use, atMs);
}

function usable(found: KeyFound, server: ServerName): KeyObject {
  if (found === 'not-valid') throw new GatewayError('SW_FED_KEY_REFUSED', `a key of ${server} outside its time`);
  if (found !== 'unknown') return found;
  throw new GatewayError('SW_FED_KEY_UNKNOWN', `a key of ${server}`, { retryAfterSeconds: LIMITS.descriptorWaitS });
}

function unknownPeer(server: ServerName): GatewayError {
  return new GatewayError('SW_FED_PEER_UNKNOWN', server, { retryAfterSeconds: LIMITS.descriptorWaitS });
}

function frozen(server: ServerName): GatewayError {
  return new GatewayError('SW_FED_PEER_FROZEN', server);
}
