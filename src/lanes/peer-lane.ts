import type { ServerName } from '../kernel/ids.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Meter, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { OwnKeys } from '../peering/own-keys.js';
import type { PeerDirectory } from '../peering/peer-directory.js';
import { peerOfConsumer, type ConsumerRow } from '../store/repositories/consumers.repository.js';
import type { Store } from '../store/store.js';
import { peerBackoffMs } from './backoff.js';
import { fillBatch } from './build-batch.js';
import type { CheckedResult, ReceiptCheck } from './check-receipts.js';
import type { LaneHandler, Lease, Turn } from './lane-handler.js';
import type { PeerWork } from './peer-work.js';
import { readPeerWork } from './read-peer-work.js';
import { readResults, type Outcome } from './read-results.js';
import { STANDS_STILL, type Delivery, type ParcelSender, type SendFailure } from './send-parcels.js';
import type { UnreachedHome } from './unreached-home.js';
import { writesOf, type OnRefused } from './write-outcomes.js';

export { peerConsumerId, peerOfConsumer } from '../store/repositories/consumers.repository.js';

export interface PeerLaneDeps {
  readonly store: Pick<Store, 'read'>;
  readonly keys: Pick<OwnKeys, 'current'>;
  readonly directory: Pick<PeerDirectory, 'fetchNow'>;
  readonly sender: Pick<ParcelSender, 'send'>;
  readonly receipts: Pick<ReceiptCheck, 'check'>;
  readonly onRefused: OnRefused;
  readonly unreachedHome: Pick<UnreachedHome, 'during' | 'tell'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'fraction'>;
  readonly log: Pick<Log, 'warn' | 'error'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** Keys contradict what was pinned, on either side: it may pass, but not soon. */
const AWAITS_ADMINISTRATOR = 'SW_FED_PEER_FROZEN';

/** Carries to one server what it may read of our rooms, and what our people say in its own. */
export class PeerLane implements LaneHandler {
  constructor(private readonly deps: PeerLaneDeps) {}

  async run(lease: Lease): Promise<Turn> {
    const { ctx, consumer } = lease;
    const nowMs = this.deps.clock.nowMs();
    const peer = peerOfConsumer(consumer.consumer_id);
    const query = { consumerId: consumer.consumer_id, peer, turn: consumer.token, nowMs };
    const work = await this.deps.store.read(ctx, (repositories) => readPeerWork(ctx, repositories, query));
    const delivery = await this.deps.unreachedHome.during(ctx, consumer.consumer_id, () => this.#deliver(lease, peer, work));
    const outcomes = await this.#outcomes(ctx, peer, work, delivery);
    for (const outcome of outcomes) this.#alarm(ctx, peer, outcome);

    const { failure } = delivery;
    if (failure !== undefined) await this.deps.unreachedHome.tell(ctx, consumer.consumer_id, failure.code);
    const writes = writesOf(ctx, { consumerId: consumer.consumer_id, peer, work, outcomes, failureCode: failure?.code, nowMs }, this.deps.onRefused);
    if (failure !== undefined) return { ...writes, error: failure.code, nextMs: this.#waitMs(consumer, failure, nowMs) };
    return { ...writes, nextMs: nextOf(work, outcomes, nowMs) };
  }

  retryMs(attempts: number): number {
    return peerBackoffMs(attempts, 0, this.deps.randomness);
  }

  async #deliver({ ctx, signal }: Lease, peer: ServerName, work: PeerWork): Promise<Delivery> {
    if (work.work.length === 0) return { answered: [] };
    try {
      await this.deps.directory.fetchNow(ctx, peer);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return { answered: [], failure: { code: error.code, retryAfterMs: undefined, final: false } };
    }
    const signing = { key: await this.deps.keys.current(ctx), nowMs: this.deps.clock.nowMs() };
    return this.deps.sender.send({ ctx, peer, descriptors: work.descriptors, signal }, fillBatch(work, signing));
  }

  async #outcomes(ctx: TenantContext, peer: ServerName, work: PeerWork, { answered }: Delivery): Promise<readonly Outcome[]> {
    const aid = { nowMs: this.deps.clock.nowMs(), randomness: this.deps.randomness, reach: work.reach };
    const outcomes: Outcome[] = [];
    for (const { parcel, results } of answered) {
      const checked: CheckedResult[] = [];
      for (const result of results) checked.push(await this.deps.receipts.check(ctx, peer, parcel, result));
      outcomes.push(readResults(parcel, checked, aid));
    }
    return outcomes;
  }

  #alarm({ tenantId }: TenantContext, peer: ServerName, { alarm, move }: Outcome): void {
    if (alarm === undefined) return;
    const fields = { tenantId, peer, roomId: move?.roomId, code: alarm };
    this.deps.meter.count('fed_alarms_total', { kind: move?.frozen === undefined ? 'withheld' : 'lane-stopped' });
    if (move?.frozen === undefined) this.deps.log.warn(fields, 'an entry is left out for a peer that cannot take it');
    else this.deps.log.error(fields, 'a room is no longer sent to a peer');
  }

  /** A tenant that is resumed is heard of within a minute, however long it was suspended. */
  #waitMs(consumer: ConsumerRow, { code, final, retryAfterMs }: SendFailure, nowMs: number): number {
    const failingForMs = consumer.failing_since === null ? 0 : nowMs - consumer.failing_since;
    const mostMs = code === STANDS_STILL && failingForMs <= LIMITS.peerHoldMs ? LIMITS.tenantStandsStillMs : Number.POSITIVE_INFINITY;
    const backoffMs = final || code === AWAITS_ADMINISTRATOR ? LIMITS.peerBackoffMaxMs : peerBackoffMs(consumer.attempts + 1, failingForMs, this.deps.randomness);
    return Math.max(Math.min(backoffMs, mostMs), Math.min(retryAfterMs ?? 0, LIMITS.peerBackoffMaxMs));
  }
}

/** At once while something is left; else when a rest ends, an accepted event is overdue or a decline goes again. */
function nextOf({ work, nextTimeMs }: PeerWork, outcomes: readonly Outcome[], nowMs: number): number | null {
  const unsent = work.length > outcomes.length;
  if (unsent || outcomes.some(({ more }) => more)) return 0;
  const declineWaits = outcomes.some(({ move, declined }) => move === undefined && declined === undefined);
  const times = [
    nextTimeMs,
    declineWaits ? nowMs + LIMITS.declineRetryMs : undefined,
    ...outcomes.flatMap(({ move }) => [move?.restUntil ?? undefined, move?.acceptedAt === undefined ? undefined : move.acceptedAt + LIMITS.acceptedResendMs]),
  ].filter((time) => time !== undefined);
  return times.length === 0 ? null : Math.max(1, Math.min(...times) - nowMs);
}
