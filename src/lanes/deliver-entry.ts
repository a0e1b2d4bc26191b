import { hash } from 'node:crypto';
import { parseDeliveryId, type DeliveryId, type EventId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { OutboundPost } from '../protocol/transports/transport.js';
import type { BoundTransport } from '../protocol/transports/transports.js';
import type { OpenedSecret } from '../store/bridge-safe.js';
import type { BridgeRow } from '../store/repositories/bridges.repository.js';
import type { DeliveryRow, Settled } from '../store/repositories/deliveries.repository.js';
import type { Repositories, Store } from '../store/store.js';
import type { BridgePost, PostOutcome } from './bridge-post.js';
import { busyWaitMs, retryWaitMs } from './bridge-schedule.js';
import { outboundOf } from './outbound-message.js';

/** To whom a turn delivers, and under which secrets. */
export interface BridgeRoute {
  readonly ctx: TenantContext;
  readonly bridge: BridgeRow;
  readonly transport: BoundTransport;
  readonly url: string;
  readonly secrets: readonly OpenedSecret[];
  readonly signal: AbortSignal;
}

/**
 * log: the next of the log. replay: once more, because an administrator asked. probe: out of turn, to see whether
 * others pass; its failure is not held against it.
 */
export type DeliveryMode = 'log' | 'replay' | 'probe';

/** passed: nothing more to do for this entry. waiting: not yet. gone: never again at this address. closed: the bridge stands still. */
export type DeliveryOutcome =
  | { readonly kind: 'passed'; readonly posted: 'delivered' | 'parked' | 'nothing' }
  | { readonly kind: 'waiting'; readonly waitMs: number; readonly error: string | undefined; readonly failures: number; readonly reached: boolean }
  | { readonly kind: 'gone'; readonly error: string }
  | { readonly kind: 'closed' };

interface Opened {
  readonly atMs: number;
  readonly post: OutboundPost;
  readonly attempts: number;
  readonly failures: number;
}

const NOTHING: DeliveryOutcome = { kind: 'passed', posted: 'nothing' };

/**
 * One attempt at one entry: the intent is committed, then the post is made, then its outcome is written. Whoever comes
 * back after a crash finds the intent and knows that the other side may have the message.
 */
export class DeliverEntry {
  constructor(
    private readonly deps: {
      readonly store: Pick<Store, 'transact'>;
      readonly post: Pick<BridgePost, 'send'>;
      readonly clock: Pick<Clock, 'nowMs'>;
      readonly randomness: Pick<Randomness, 'uuid' | 'fraction'>;
    },
  ) {}

  async run(route: BridgeRoute, eventId: EventId, mode: DeliveryMode): Promise<DeliveryOutcome> {
    if (route.signal.aborted) return { kind: 'closed' };
    const freshId = parseDeliveryId(`dlv-${this.deps.randomness.uuid()}`);
    const opened = await this.deps.store.transact(route.ctx, (repositories) => this.#open(route, repositories, eventId, mode, freshId));
    if ('kind' in opened) return opened;
    const outcome = await this.deps.post.send(route, opened.post);
    const settled = this.#judge(outcome, opened, mode);
    await this.deps.store.transact(route.ctx, (repositories) => this.#close(route, repositories, eventId, settled));
    return deliveryOutcome(outcome, settled, opened, this.deps.clock.nowMs());
  }

  async #open(route: BridgeRoute, repositories: Repositories, eventId: EventId, mode: DeliveryMode, freshId: DeliveryId): Promise<Opened | DeliveryOutcome> {
    const { ctx, bridge, transport } = route;
    const nowMs = this.deps.clock.nowMs();
    if ((await repositories.bridges.find(ctx, bridge.bridge_id))?.state !== 'active') return { kind: 'closed' };
    const entry = await repositories.relay.hold(ctx, bridge.room_id, eventId);
    const before = await repositories.deliveries.findByEvent(ctx, bridge.bridge_id, eventId);
    if (before !== undefined && before.state !== 'waiting') return NOTHING;
    if (before !== undefined && (before.next_attempt_at ?? 0) > nowMs) return waitingOf(before, nowMs);
    const formSeq = mode === 'replay' ? undefined : (before?.form_seq ?? undefined);
    const outbound = entry && (await outboundOf(ctx, repositories, entry, { bridge, capabilities: transport.capabilities, formSeq }));
    if (entry === undefined || outbound === undefined) return this.#withdraw(route, repositories, before);

    const contentHash = hash('sha256', JSON.stringify(outbound.message.content), 'buffer');
    const attempt = { delivery_id: freshId, bridge_id: bridge.bridge_id, event_id: eventId, seq: entry.seq, form_seq: outbound.formSeq, contentHash, nowMs };
    const { delivery_id: deliveryId, attempts } = await repositories.deliveries.begin(ctx, attempt);
    const post = transport.writeOutbound(outbound.message, {
      bridgeId: bridge.bridge_id,
      roomId: bridge.room_id,
      deliveryId: `${deliveryId}-${attempts}`,
      attempt: attempts,
      nowMs,
      secrets: route.secrets.map(({ secret }) => secret),
    });
    return { post, attempts, atMs: nowMs, failures: before?.failures ?? 0 };
  }

  /** What was erased before it was posted is not posted. If a post of it may have arrived, its deletion follows. */
  async #withdraw({ ctx, bridge }: BridgeRoute, { deliveries, bridgeMap }: Repositories, before: DeliveryRow | undefined): Promise<DeliveryOutcome> {
    if (before === undefined) return NOTHING;
    const mayHaveArrived = await deliveries.withdraw(ctx, bridge.bridge_id, before.event_id);
    if (mayHaveArrived) await bridgeMap.add(ctx, bridge.bridge_id, before.event_id, before.event_id);
    return NOTHING;
  }

  async #close(route: BridgeRoute, { deliveries, bridgeMap, bridgeSecrets }: Repositories, eventId: EventId, settled: Settled): Promise<void> {
    const { ctx, bridge } = route;
    await deliveries.settle(ctx, bridge.bridge_id, eventId, settled);
    if (settled.state === 'delivered') await bridgeMap.add(ctx, bridge.bridge_id, settled.externalId ?? eventId, eventId);
    for (const { ordinal } of route.secrets) await bridgeSecrets.countUses(ctx, bridge.bridge_id, ordinal, 1, settled.nowMs);
  }

  #judge(outcome: PostOutcome, { attempts, failures, atMs }: Opened, mode: DeliveryMode): Settled {
    const nowMs = this.deps.clock.nowMs();
    const facts = { triedAtMs: atMs, status: outcome.status, error: outcome.error, ms: outcome.ms, answer: outcome.answer, externalId: outcome.externalId, outcomeKnown: outcome.known, nowMs };
    const done = { ...facts, nextAttemptAtMs: null, expiresAtMs: nowMs + LIMITS.deliveryKeptMs };
    if (outcome.kind === 'delivered') return { ...done, state: 'delivered', failed: 0 };
    if (outcome.kind === 'refused') return { ...done, state: 'parked', failed: 1 };
    if (outcome.kind === 'gone') return { ...facts, state: 'waiting', failed: 0, nextAttemptAtMs: null, expiresAtMs: null };
    const counts = outcome.kind === 'failed' && mode !== 'probe';
    const waitMs = counts ? retryWaitMs(failures + 1, this.deps.randomness) : busyWaitMs(attempts, this.deps.randomness);
    if (waitMs === undefined) return { ...done, state: 'parked', failed: 1 };
    const nextMs = mode === 'probe' ? 0 : Math.max(waitMs, outcome.retryAfterMs ?? 0);
    const heldMs = outcome.kind === 'busy' ? (outcome.retryAfterMs ?? nextMs) : nextMs;
    return { ...facts, state: 'waiting', failed: counts ? 1 : 0, nextAttemptAtMs: nowMs + heldMs, expiresAtMs: null };
  }
}

function waitingOf(row: DeliveryRow, nowMs: number): DeliveryOutcome {
  const error = row.failures > 0 ? (row.last_error ?? 'failed') : undefined;
  return { kind: 'waiting', waitMs: (row.next_attempt_at ?? nowMs) - nowMs, error, failures: 0, reached: false };
}

function deliveryOutcome(outcome: PostOutcome, settled: Settled, { failures }: Opened, nowMs: number): DeliveryOutcome {
  if (outcome.kind === 'gone') return { kind: 'gone', error: outcome.error ?? 'gone' };
  if (settled.state !== 'waiting') return { kind: 'passed', posted: settled.state };
  return {
    kind: 'waiting',
    waitMs: Math.max((settled.nextAttemptAtMs ?? nowMs) - nowMs, 1),
    error: outcome.kind === 'busy' ? undefined : (outcome.error ?? 'failed'),
    failures: failures + settled.failed,
    reached: outcome.reached,
  };
}
