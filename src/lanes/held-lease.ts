import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Timers } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { ConsumerRow } from '../store/repositories/consumers.repository.js';
import type { Store } from '../store/store.js';
import type { Lease } from './lane-handler.js';

/** Keeps a lease alive while its handler runs; aborts it when it is lost, or when its end has passed without word. */
export class HeldLease implements Lease {
  readonly #abort = new AbortController();
  readonly #renewal: { cancel(): void };
  #endsMs: number;

  constructor(
    readonly ctx: TenantContext,
    readonly consumer: ConsumerRow,
    private readonly deps: {
      readonly store: Pick<Store, 'transact'>;
      readonly clock: Pick<Clock, 'monotonicMs'>;
      readonly timers: Pick<Timers, 'every'>;
      readonly log: Pick<Log, 'warn'>;
    },
    claimedAtMs: number,
  ) {
    this.#endsMs = claimedAtMs + LIMITS.leaseMs;
    this.#renewal = deps.timers.every(LIMITS.leaseRenewMs, () => this.#renew());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Nothing more is written under this lease. */
  abandon(): void {
    this.#abort.abort();
  }

  /** Ends the renewals; what was not settled by now falls to whoever claims it next. */
  end(): void {
    this.#renewal.cancel();
  }

  #renew(): void {
    const { store, clock, log } = this.deps;
    const { ctx, consumer } = this;
    const askedAtMs = clock.monotonicMs();
    store
      .transact(ctx, ({ consumers }) => consumers.renew(ctx, consumer.consumer_id, consumer.token, LIMITS.leaseMs))
      .then(
        (held) => {
          if (held) this.#endsMs = askedAtMs + LIMITS.leaseMs;
          else this.abandon();
        },
        (error: unknown) => {
          log.warn({ tenantId: ctx.tenantId, kind: consumer.kind, error }, 'a lease could not be renewed');
          if (clock.monotonicMs() >= this.#endsMs) this.abandon();
        },
      );
  }
}
