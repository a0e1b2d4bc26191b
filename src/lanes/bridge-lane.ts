import { actOf } from '../kernel/audit.js';
import { EVENT_TYPES } from '../kernel/events.js';
import type { BridgeId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Transports } from '../protocol/transports/transports.js';
import type { BridgeSafe } from '../store/bridge-safe.js';
import type { PlacedEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';
import { doubling } from './backoff.js';
import { Breaker } from './breaker.js';
import { bridgeOfConsumer, readBridgeWork, type BridgeWork } from './bridge-work.js';
import type { BridgeRoute, DeliverEntry, DeliveryOutcome } from './deliver-entry.js';
import type { LaneHandler, Lease, Turn } from './lane-handler.js';
import { isRelayed } from './outbound-message.js';

/** Keeps a bridge true to its room: its member, its channel, what the room's home refused. */
export interface BridgeUpkeep {
  tend(ctx: TenantContext, bridge: BridgeId, position: number): Promise<BridgeTended>;
}

export interface BridgeTended {
  readonly open: boolean;
  /** How far in the tenant's stream refusals have been looked for. */
  readonly position: number;
  /** There may be more of them behind it. */
  readonly more: boolean;
}

export interface BridgeLaneDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly safe: Pick<BridgeSafe, 'open'>;
  readonly transports: Transports;
  readonly upkeep: BridgeUpkeep;
  readonly deliver: Pick<DeliverEntry, 'run'>;
  /** Called when a bridge has changed, for those who remember it. */
  readonly changed: (bridge: BridgeId) => void;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'fraction'>;
  readonly log: Pick<Log, 'warn'>;
}

/** How far a turn has come. */
interface Progress {
  cursor: number;
  posts: number;
}

type Stop = Pick<Turn, 'error' | 'nextMs'>;

/** Tells a bridge's other side what happens in the room, one entry after the other, each until it is taken or set aside. */
export class BridgeLane implements LaneHandler {
  readonly #breaker = new Breaker();

  constructor(private readonly deps: BridgeLaneDeps) {}

  async run(lease: Lease): Promise<Turn> {
    const { ctx, consumer } = lease;
    const bridgeId = bridgeOfConsumer(consumer.consumer_id);
    const tended = await this.deps.upkeep.tend(ctx, bridgeId, consumer.position);
    const turn = tended.open ? await this.#speak(lease, bridgeId) : { nextMs: null };
    return { ...turn, position: tended.position, ...(tended.more ? { nextMs: 0 } : {}) };
  }

  async #speak(lease: Lease, bridgeId: BridgeId): Promise<Turn> {
    const { ctx } = lease;
    const work = await readBridgeWork(this.deps.store, this.deps.safe, ctx, bridgeId, this.deps.clock.nowMs());
    if (work === undefined || work.bridge.state !== 'active') return { nextMs: null };
    const roomId = work.bridge.room_id;
    if (work.bridge.direction === 'in') return { nextMs: null, lanes: [{ roomId, cursor: work.headSeq }] };
    const progress: Progress = { cursor: work.cursor, posts: 0 };
    const stop = await this.#carry(lease, work, progress);
    return { ...stop, lanes: [{ roomId, cursor: progress.cursor }] };
  }

  retryMs(attempts: number): number {
    return doubling(attempts, LIMITS.peerBackoffMinMs, LIMITS.dutyRetryMaxMs, this.deps.randomness);
  }

  async #carry(lease: Lease, work: BridgeWork, progress: Progress): Promise<Stop> {
    const restMs = this.#breaker.waitMs(work.bridge.bridge_id, this.deps.clock.nowMs());
    if (restMs > 0) return { error: lease.consumer.last_error ?? 'breaker', nextMs: restMs };
    const route = this.#routeOf(lease, work);
    if (route === undefined) return { error: 'no webhook', nextMs: null };

    const waits: number[] = [];
    for (const { event_id: eventId } of work.replays) {
      const outcome = await this.#attempt(route, progress, () => this.deps.deliver.run(route, eventId, 'replay'));
      if (outcome.kind === 'waiting') waits.push(outcome.waitMs);
      if (outcome.kind === 'gone' || outcome.kind === 'closed') return this.#stopped(lease, route, outcome);
    }
    const stop = await this.#walk(lease, route, work.entries, progress);
    if (stop !== undefined) return stop;
    if (progress.cursor < work.headSeq) return { nextMs: 0 };
    return { nextMs: waits.length === 0 ? null : Math.min(...waits) };
  }

  /** Undefined: all of it is behind. */
  async #walk(lease: Lease, route: BridgeRoute, entries: readonly PlacedEntryRow[], progress: Progress): Promise<Stop | undefined> {
    for (const [index, entry] of entries.entries()) {
      if (progress.posts >= LIMITS.bridgePostsPerTurnMax) return { nextMs: 0 };
      if (isRelayed(route.bridge, entry)) {
        const outcome = await this.#attempt(route, progress, () => this.deps.deliver.run(route, entry.event_id, 'log'));
        const aside = outcome.kind === 'waiting' && (await this.#setAside(route, entry, entries.slice(index + 1), outcome, progress));
        if (outcome.kind !== 'passed' && !aside) return this.#stopped(lease, route, outcome);
      }
      progress.cursor = entry.seq;
    }
    return undefined;
  }

  /** A message that fails again and again while the next one passes is the fault of the message, and waits for nobody. */
  async #setAside(route: BridgeRoute, entry: PlacedEntryRow, later: readonly PlacedEntryRow[], outcome: DeliveryOutcome & { kind: 'waiting' }, progress: Progress): Promise<boolean> {
    if (outcome.failures < LIMITS.bridgeFastFailures || !outcome.reached || outcome.error === undefined) return false;
    const next = later.find((one) => one.event_type === EVENT_TYPES.message && one.redacted_by === null && isRelayed(route.bridge, one));
    if (next === undefined) return false;
    const probe = await this.#attempt(route, progress, () => this.deps.deliver.run(route, next.event_id, 'probe'));
    if (probe.kind !== 'passed' || probe.posted !== 'delivered') return false;
    const { ctx, bridge } = route;
    const nowMs = this.deps.clock.nowMs();
    const { error } = outcome;
    await this.deps.store.transact(ctx, ({ deliveries }) => deliveries.park(ctx, bridge.bridge_id, entry.event_id, error, nowMs, nowMs + LIMITS.deliveryKeptMs));
    return true;
  }

  async #attempt(route: BridgeRoute, progress: Progress, run: () => Promise<DeliveryOutcome>): Promise<DeliveryOutcome> {
    const outcome = await run();
    const posted = outcome.kind === 'passed' ? outcome.posted !== 'nothing' : outcome.kind !== 'closed';
    if (posted) progress.posts += 1;
    const failed = outcome.kind === 'waiting' && outcome.error !== undefined && outcome.failures > 0;
    if (posted) this.#breaker.record(route.bridge.bridge_id, failed, this.deps.clock.nowMs());
    return outcome;
  }

  async #stopped({ ctx, consumer }: Lease, { bridge }: BridgeRoute, outcome: DeliveryOutcome): Promise<Stop> {
    if (outcome.kind === 'gone') return this.#pause(ctx, bridge.bridge_id, outcome.error);
    if (outcome.kind !== 'waiting') return { nextMs: null };
    const { error, waitMs } = outcome;
    if (error === undefined) return { nextMs: waitMs };
    const failingMs = this.deps.clock.nowMs() - (consumer.failing_since ?? this.deps.clock.nowMs());
    if (failingMs >= LIMITS.bridgeAutoPauseMs) return this.#pause(ctx, bridge.bridge_id, `failing: ${error}`);
    if (failingMs >= LIMITS.bridgeFailingWarnMs) this.deps.log.warn({ tenantId: ctx.tenantId, bridgeId: bridge.bridge_id, note: error }, 'a bridge has failed for days and will be paused');
    return { error, nextMs: waitMs };
  }

  async #pause(ctx: TenantContext, bridgeId: BridgeId, reason: string): Promise<Stop> {
    await this.deps.store.transact(ctx, async ({ bridges, audit }) => {
      await bridges.change(ctx, bridgeId, { state: 'paused', paused_reason: reason });
      await audit.append(ctx, actOf('system', 'bridge.paused', bridgeId, { reason }));
    });
    this.deps.changed(bridgeId);
    this.deps.log.warn({ tenantId: ctx.tenantId, bridgeId, note: reason }, 'a bridge was paused');
    return { error: reason, nextMs: null };
  }

  #routeOf({ ctx, signal }: Lease, { bridge, secrets }: BridgeWork): BridgeRoute | undefined {
    if (bridge.outbound_webhook === null) return undefined;
    return { ctx, bridge, secrets, signal, url: bridge.outbound_webhook, transport: this.deps.transports.named(bridge.transport) };
  }
}
