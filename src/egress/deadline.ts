import type { Timer, Timers } from '../kernel/ports.js';
import { EgressFailure } from './egress-failure.js';

/** The end of one exchange. It aborts the exchange, whatever the socket is doing; so does the caller who gives up. */
export class Deadline {
  private readonly abort = new AbortController();
  private readonly total: Timer;
  private failure: EgressFailure | undefined;
  private readonly onOuterAbort = (): void => this.fail('the caller gave up');

  constructor(
    timers: Pick<Timers, 'after'>,
    totalMs: number,
    private readonly outer: AbortSignal | undefined,
  ) {
    this.total = timers.after(totalMs, () => this.fail(`no whole answer within ${totalMs} ms`));
    outer?.addEventListener('abort', this.onOuterAbort, { once: true });
    if (outer?.aborted === true) this.onOuterAbort();
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Why the exchange was aborted from this side, if it was. */
  reason(): EgressFailure | undefined {
    return this.failure;
  }

  clear(): void {
    this.total.cancel();
    this.outer?.removeEventListener('abort', this.onOuterAbort);
  }

  private fail(message: string): void {
    this.failure ??= new EgressFailure('timeout', message);
    this.abort.abort(this.failure);
  }
}
