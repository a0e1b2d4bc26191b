import { LIMITS } from '../kernel/limits.js';
import type { Clock, Hint, Log, Meter, Randomness, Timers, Wake } from '../kernel/ports.js';
import { systemContext, type TenantContext } from '../kernel/tenant-context.js';
import type { ConsumerKind, ConsumerRow } from '../store/repositories/consumers.repository.js';
import type { DueConsumerRow } from '../store/repositories/spanning.repository.js';
import type { Store } from '../store/store.js';
import type { Dispatcher } from './dispatcher.js';
import { fairOrder } from './fair-order.js';
import { HeldLease } from './held-lease.js';
import type { LaneHandler } from './lane-handler.js';
import { Slots } from './slots.js';
import { turnOf, writeTurn, type TurnOutcome } from './write-turn.js';

export interface LaneWorkerDeps {
  readonly store: Pick<Store, 'spanning' | 'transact'>;
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly handlers: ReadonlyMap<ConsumerKind, LaneHandler>;
  readonly wake: Pick<Wake, 'listen'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly randomness: Pick<Randomness, 'fraction'>;
  readonly log: Pick<Log, 'warn' | 'error'>;
  readonly meter: Pick<Meter, 'count' | 'observe'>;
}

/**
 * Serves due consumers. Hints make it quick, the poll makes it certain; any number of workers share the work, and what
 * one leaves behind another finds again when the lease has run out.
 */
export class LaneWorker {
  readonly #slots = new Slots(LIMITS.laneConcurrency, LIMITS.laneTenantConcurrency);
  readonly #leases = new Set<HeldLease>();
  #stopping = false;
  #hinted = false;
  #dispatching = false;
  #pause = new AbortController();
  #loop: Promise<void> | undefined;
  #deaf: (() => void) | undefined;

  constructor(private readonly deps: LaneWorkerDeps) {}

  start(): void {
    this.#deaf ??= this.deps.wake.listen((hint) => this.#hear(hint));
    this.#loop ??= this.#run();
  }

  /** Takes nothing new and waits for what runs, but not longer than the node may take to stop. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#deaf?.();
    this.#rouse();
    await this.#loop;
    const ended = await this.#slots.drained(this.deps.timers, LIMITS.laneStopMs);
    if (ended) return;
    for (const lease of this.#leases) lease.abandon();
    this.deps.log.warn({ count: this.#leases.size }, 'stopped with lanes under way');
  }

  /** One look at what is due. Resolves when the turns have begun. */
  async look(): Promise<number> {
    await this.#dispatch();
    const free = this.#slots.free;
    if (free === 0) return 0;
    const system = systemContext('find-due');
    const kinds = [...this.deps.handlers.keys()];
    const due = await this.deps.store.spanning(system, (all) => all.dueConsumers(system, kinds, LIMITS.consumersPerPoll));
    let begun = 0;
    for (const row of fairOrder(due, this.deps.randomness)) {
      if (this.#stopping || this.#slots.free === 0) break;
      const release = this.#slots.take(row.tenant_id, row.consumer_id);
      if (release === undefined) continue;
      begun += 1;
      this.#serve(row).then(
        (served) => {
          release();
          if (served) this.#rouse();
        },
        (error: unknown) => {
          release();
          this.deps.log.error({ tenantId: row.tenant_id, kind: row.kind, error }, 'a turn was lost');
        },
      );
    }
    return begun;
  }

  async #dispatch(): Promise<void> {
    this.#dispatching = true;
    try {
      await this.deps.dispatcher.dispatch();
    } finally {
      this.#dispatching = false;
    }
  }

  /** What becomes due while we dispatch is seen by the look that follows: our own word is no news to us. */
  #hear({ kind }: Hint): void {
    if (kind === 'due' && this.#dispatching) return;
    this.#rouse();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#hinted = false;
      const begunMs = this.deps.clock.monotonicMs();
      try {
        await this.look();
      } catch (error) {
        this.deps.log.warn({ error }, 'due work could not be looked for');
      }
      await this.#rest(this.deps.clock.monotonicMs() - begunMs);
    }
  }

  /** A hint ends the rest, after a gap that lets hints gather: as long as the look took, so that under load looking is never most of the work. */
  async #rest(lookedMs: number): Promise<void> {
    await this.deps.timers.sleep(Math.min(Math.max(LIMITS.laneGapMs, lookedMs), LIMITS.lanePollMs));
    if (this.#hinted || this.#stopping) return;
    this.#pause = new AbortController();
    await this.deps.timers.sleep(LIMITS.lanePollMs * (0.5 + this.deps.randomness.fraction()), this.#pause.signal);
  }

  #rouse(): void {
    this.#hinted = true;
    this.#pause.abort();
  }

  /** Turn after turn while there is more and no other waits for the slot. False if there was nothing to do after all. */
  async #serve(row: DueConsumerRow): Promise<boolean> {
    for (let served = false; ; served = true) {
      const lease = await this.#claim(row);
      if (lease === undefined) return served;
      const outcome = await this.#turn(lease);
      if (outcome !== 'more' || this.#stopping || this.#slots.free === 0) return true;
    }
  }

  /** Suspended tenants stand still, and come up again after a while. */
  async #claim({ tenant_id: tenantId, consumer_id: id }: DueConsumerRow): Promise<HeldLease | undefined> {
    const { store, clock } = this.deps;
    const claimedAtMs = clock.monotonicMs();
    const claimed = await store.transact({ tenantId }, async ({ tenants, consumers }) => {
      const ctx: TenantContext | undefined = (await tenants.load({ tenantId }))?.ctx;
      if (ctx === undefined) return undefined;
      if (ctx.status === 'suspended') return void (await consumers.postponeDue(ctx, LIMITS.tenantStandsStillMs));
      const consumer: ConsumerRow | undefined = await consumers.claim(ctx, id, LIMITS.leaseMs);
      return consumer === undefined ? undefined : { ctx, consumer };
    });
    return claimed && new HeldLease(claimed.ctx, claimed.consumer, this.deps, claimedAtMs);
  }

  async #turn(lease: HeldLease): Promise<TurnOutcome> {
    const { consumer } = lease;
    const handler = this.deps.handlers.get(consumer.kind);
    if (handler === undefined) throw new Error(`no handler for ${consumer.kind}`);
    this.#leases.add(lease);
    const begunMs = this.deps.clock.monotonicMs();
    try {
      const turn = await turnOf(handler, lease, this.deps.log);
      const outcome = await writeTurn(this.deps, lease, turn, handler);
      this.deps.meter.count('lane_turns_total', { kind: consumer.kind, outcome });
      this.deps.meter.observe('lane_turn_seconds', (this.deps.clock.monotonicMs() - begunMs) / 1_000, { kind: consumer.kind });
      return outcome;
    } finally {
      lease.end();
      this.#leases.delete(lease);
    }
  }
}
