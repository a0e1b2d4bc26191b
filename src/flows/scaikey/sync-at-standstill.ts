import type { Log, Timers } from '../../kernel/ports.js';

export interface SyncAtStandstillDeps {
  readonly look: (signal: AbortSignal) => Promise<void>;
  readonly pauseMs: () => number;
  readonly timers: Pick<Timers, 'sleep'>;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * Duties stand still with their tenants, so that none of them would hear of the first tenant, or of one that is active
 * again while all are suspended: the process itself looks, now and then.
 */
export class SyncAtStandstill {
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(private readonly deps: SyncAtStandstillDeps) {}

  start(): void {
    this.#loop ??= this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal);
      await this.deps.timers.sleep(this.deps.pauseMs(), signal);
    }
  }

  /** A failure is kept with the run, and the next look tries again. */
  async #look(signal: AbortSignal): Promise<void> {
    try {
      await this.deps.look(signal);
    } catch (error) {
      if (!signal.aborted) this.deps.log.warn({ error }, 'tenants could not be held against ScaiKey');
    }
  }
}
