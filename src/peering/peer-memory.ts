import type { AuditEntry } from '../kernel/audit.js';
import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Meter } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Descriptor } from '../protocol/descriptor.js';
import { ExpiringMap } from '../store/cache/expiring-map.js';
import { peerConsumerId } from '../store/repositories/consumers.repository.js';
import type { PeerRow, PeerTrust } from '../store/repositories/peers.repository.js';
import type { Repositories, Store } from '../store/store.js';
import { AdmittedKeys } from './admitted-keys.js';
import { BriefMemory } from '../store/cache/brief-memory.js';
import { currentKeyOf, fingerprintOf, firstSight, judged, succeeded, type KnownPeer } from './known-peer.js';
import { PeerRows } from './peer-rows.js';

export interface RememberedPeer {
  readonly peer: KnownPeer;
  readonly trust: PeerTrust;
  readonly fetchedAtMs: number;
  /** A request of this peer has been verified; until then it is known in this process only. */
  readonly proven: boolean;
}

export interface PeerMemoryParts {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'error' | 'info'>;
  readonly meter: Pick<Meter, 'count'>;
}

/**
 * What each tenant knows of its peers. Rows are read anew after half a minute, so a key that one process has learned
 * to be revoked, frozen or pinned is so on every process well within a minute. Servers that have only been fetched
 * because a stranger named them stay out of the database until a signature of theirs holds.
 */
export class PeerMemory {
  private readonly rows = new PeerRows(new AdmittedKeys(LIMITS.peersCachedMax));
  private readonly known: BriefMemory<RememberedPeer>;
  private readonly unproven: ExpiringMap<RememberedPeer>;
  private readonly seen: ExpiringMap<true>;

  constructor(private readonly parts: PeerMemoryParts) {
    this.known = new BriefMemory(LIMITS.peersCachedMax, LIMITS.peerKeysCacheMs, parts.clock);
    this.unproven = new ExpiringMap(LIMITS.unprovenDescriptorsMax, parts.clock);
    this.seen = new ExpiringMap(LIMITS.peersCachedMax, parts.clock);
  }

  async find(ctx: TenantContext, server: ServerName): Promise<RememberedPeer | undefined> {
    const name = nameOf(ctx, server);
    const row = await this.known.get(name, async () => {
      const found = await this.parts.store.read(ctx, ({ peers }) => peers.find(ctx, server));
      return found && this.remembered(found);
    });
    return row ?? this.unproven.get(name);
  }

  /** Keeps a stranger in mind, for its next request to be verified. */
  holdUnproven(ctx: TenantContext, descriptor: Descriptor): void {
    const fetchedAtMs = this.parts.clock.nowMs();
    const held: RememberedPeer = { peer: firstSight(descriptor), trust: 'first-use', fetchedAtMs, proven: false };
    this.unproven.set(nameOf(ctx, descriptor.serverName), held, LIMITS.unprovenKeptMs);
  }

  /** A request of this server was verified with the keys that `find` gave. Pins them if it was the first. */
  async proved(ctx: TenantContext, remembered: RememberedPeer): Promise<void> {
    const { server } = remembered.peer;
    const name = nameOf(ctx, server);
    if (remembered.proven && this.seen.get(name) === true) return;
    const nowMs = this.parts.clock.nowMs();
    await this.parts.store.transact(ctx, async ({ consumers, peers }) => {
      await consumers.probe(ctx, peerConsumerId(server));
      if (!remembered.proven) await addBounded(ctx, peers, this.newRow(remembered.peer, remembered.fetchedAtMs));
      await peers.seen(ctx, server, nowMs);
    });
    this.seen.set(name, true, LIMITS.peerSeenEveryMs);
    if (!remembered.proven) this.forget(ctx, server);
  }

  /** Takes in a descriptor that was fetched: pins at first sight, follows the chain, or freezes. */
  async learn(ctx: TenantContext, descriptor: Descriptor): Promise<RememberedPeer> {
    const { serverName: server } = descriptor;
    const nowMs = this.parts.clock.nowMs();
    try {
      return await this.parts.store.transact(ctx, async ({ peers }) => {
        if (await addBounded(ctx, peers, this.newRow(firstSight(descriptor), nowMs))) {
          return { peer: firstSight(descriptor), trust: 'first-use' as const, fetchedAtMs: nowMs, proven: true };
        }
        const row = await peers.lock(ctx, server);
        if (row === undefined) throw new Error('a peer vanished');
        return this.judge(ctx, peers, row, descriptor);
      });
    } finally {
      this.forget(ctx, server);
    }
  }

  /** An administrator vouches for the key with this fingerprint: it stands, whatever we knew before. */
  async pin(ctx: TenantContext, descriptor: Descriptor, fingerprint: string, act: AuditEntry): Promise<RememberedPeer> {
    const { serverName: server } = descriptor;
    if (fingerprintOf(currentKeyOf(descriptor).publicKey) !== fingerprint.toLowerCase()) {
      throw new GatewayError('SW_FED_KEY_REFUSED', `${server} shows a key with another fingerprint`);
    }
    const fetchedAtMs = this.parts.clock.nowMs();
    const peer = await this.parts.store.transact(ctx, async ({ peers, audit }) => {
      const row = await peers.lock(ctx, server);
      const next = succeeded(row && this.rows.read(row), descriptor);
      await peers.save(ctx, { ...this.newRow(next, fetchedAtMs), trust: 'pinned', candidate: null });
      await audit.append(ctx, act);
      return next;
    });
    this.forget(ctx, server);
    this.parts.log.info({ tenantId: ctx.tenantId, peer: server }, 'a peer was pinned');
    return { peer, trust: 'pinned', fetchedAtMs, proven: true };
  }

  async failed(ctx: TenantContext, server: ServerName, code: string): Promise<void> {
    const nowMs = this.parts.clock.nowMs();
    await this.parts.store.transact(ctx, ({ peers }) => peers.failed(ctx, server, code, nowMs));
  }

  private async judge(ctx: TenantContext, peers: Repositories['peers'], row: PeerRow, descriptor: Descriptor): Promise<RememberedPeer> {
    const known = this.rows.read(row);
    const verdict = judged(known, descriptor);
    if (verdict.verdict === 'stale') throw new GatewayError('SW_FED_DESCRIPTOR_INVALID', `${known.server} went back to an older serial`);
    const fetchedAtMs = this.parts.clock.nowMs();
    const contradicts = verdict.verdict === 'contradiction';
    const frozen = contradicts || row.trust === 'frozen';
    const next: RememberedPeer = { peer: frozen ? known : verdict.peer, trust: frozen ? 'frozen' : row.trust, fetchedAtMs, proven: true };
    const candidate = frozen ? this.rows.write(firstSight(descriptor)) : null;
    await peers.save(ctx, { ...this.newRow(next.peer, fetchedAtMs), trust: next.trust, candidate });
    if (contradicts && row.trust !== 'frozen') this.alarm(ctx, known.server, verdict.why);
    return next;
  }

  private alarm(ctx: TenantContext, server: ServerName, reason: string): void {
    this.parts.meter.count('fed_alarms_total', { kind: 'peer-frozen' });
    this.parts.log.error({ tenantId: ctx.tenantId, peer: server, reason }, 'a peer contradicts its own keys and is frozen');
  }

  private forget(ctx: TenantContext, server: ServerName): void {
    this.known.forget(nameOf(ctx, server));
    this.unproven.delete(nameOf(ctx, server));
  }

  private remembered(row: PeerRow): RememberedPeer {
    return { peer: this.rows.read(row), trust: row.trust, fetchedAtMs: row.fetched_at, proven: true };
  }

  private newRow(peer: KnownPeer, fetchedAtMs: number): Parameters<Repositories['peers']['add']>[1] & { trust: 'first-use' } {
    return { server_name: peer.server, trust: 'first-use' as const, serial: peer.serial, descriptor: this.rows.write(peer), fetched_at: fetchedAtMs };
  }
}

/** Whoever owns a domain has as many servers as they like: those that are nobody's business here are kept up to a number. */
async function addBounded(ctx: TenantContext, peers: Repositories['peers'], row: Parameters<Repositories['peers']['add']>[1]): Promise<boolean> {
  const isNew = await peers.add(ctx, row);
  if (isNew && (await peers.count(ctx)) > LIMITS.unusedPeersMax) await peers.forgetUnused(ctx, LIMITS.unusedPeersMax - 1, row.server_name);
  return isNew;
}

function nameOf(ctx: TenantContext, server: ServerName): string {
  return `${ctx.tenantId} ${server}`;
}
