import type { TenantId } from '../../kernel/ids.js';
import type { Clock, Log, Timer, Timers } from '../../kernel/ports.js';
import type { RatePace, SharedCounts } from '../../kernel/rates.js';
import type { RateWindow } from './rate-window.js';

interface Owed {
  readonly window: RateWindow;
  calls: number;
}

/** Tells the other processes what was let through here, and hears from them: soon, together, and on no call's way. */
export class RateTeller {
  #owed = new Map<TenantId, Map<string, Owed>>();
  #timer: Timer | undefined;
  #telling: Promise<void> | undefined;
  /** Until then nobody waits for an answer, since the last did not come. */
  #aloneUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly shared: SharedCounts,
    private readonly pace: RatePace,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly timers: Pick<Timers, 'after' | 'sleep'>,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  note(tenantId: TenantId, key: string, window: RateWindow): void {
    const keys = this.#owed.get(tenantId) ?? new Map<string, Owed>();
    const owed = keys.get(key) ?? { window, calls: 0 };
    owed.calls += 1;
    window.owe();
    keys.set(key, owed);
    this.#owed.set(tenantId, keys);
    this.#begin();
  }

  /** Tells at once. False when no answer came by `deadlineMs`: then each process is on its own for a while. */
  async tellNow(deadlineMs: number): Promise<boolean> {
    const leftMs = deadlineMs - this.clock.monotonicMs();
    if (leftMs <= 0 || this.clock.monotonicMs() < this.#aloneUntilMs) return false;
    const told = new AbortController();
    const telling = this.#tell().then(() => told.abort());
    await Promise.race([telling, this.timers.sleep(leftMs, told.signal)]);
    if (!told.signal.aborted) this.#stayAlone();
    return this.clock.monotonicMs() >= this.#aloneUntilMs;
  }

  #begin(): void {
    if (this.#telling !== undefined) return;
    this.#timer ??= this.timers.after(this.pace.tellMs, () => {
      this.#tell().catch((error: unknown) => this.log.warn({ error }, 'other processes could not be told of calls'));
    });
  }

  /** One round at a time. What comes up meanwhile is told in the next. */
  #tell(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#telling ??= this.#round().finally(() => {
      this.#telling = undefined;
      if (this.#owed.size > 0) this.#begin();
    });
    return this.#telling;
  }

  async #round(): Promise<void> {
    const owed = this.#owed;
    this.#owed = new Map();
    const answered = await Promise.all([...owed].map(([tenantId, keys]) => this.#tellOf(tenantId, keys)));
    if (answered.includes(false)) this.#stayAlone();
    else this.#aloneUntilMs = Number.NEGATIVE_INFINITY;
  }

  async #tellOf(tenantId: TenantId, keys: ReadonlyMap<string, Owed>): Promise<boolean> {
    const calls = new Map([...keys].map(([key, owed]) => [key, owed.calls]));
    const heard = await this.shared.add({ tenantId }, calls);
    const nowMs = this.clock.monotonicMs();
    for (const [key, owed] of keys) {
      owed.window.settle(owed.calls);
      const parts = heard?.get(key);
      if (parts !== undefined) owed.window.hear(nowMs, parts);
    }
    return heard !== undefined;
  }

  #stayAlone(): void {
    this.#aloneUntilMs = this.clock.monotonicMs() + this.pace.aloneMs;
  }
}
