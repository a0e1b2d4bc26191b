import type { Timers } from '../kernel/ports.js';

/** How much runs at once, in all and per tenant, so that one tenant's slow receivers leave room for the others. */
export class Slots {
  readonly #running = new Map<string, Set<string>>();
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(
    private readonly max: number,
    private readonly maxPerTenant: number,
  ) {}

  get free(): number {
    return this.max - this.#taken;
  }

  /** Returns the function that gives the slot back; undefined = full, or the same work runs already. */
  take(tenantId: string, work: string): (() => void) | undefined {
    const ofTenant = this.#running.get(tenantId) ?? new Set<string>();
    if (this.free === 0 || ofTenant.size >= this.maxPerTenant || ofTenant.has(work)) return undefined;
    this.#running.set(tenantId, ofTenant.add(work));
    this.#taken += 1;
    return () => this.#release(tenantId, work);
  }

  /** True when nothing runs any more, false if that took longer. */
  async drained(timers: Pick<Timers, 'sleep'>, withinMs: number): Promise<boolean> {
    if (this.#taken === 0) return true;
    const late = new AbortController();
    const empty = new Promise<void>((resolve) => this.#waiting.add(resolve));
    await Promise.race([empty, timers.sleep(withinMs, late.signal)]);
    late.abort();
    return this.#taken === 0;
  }

  #release(tenantId: string, work: string): void {
    const ofTenant = this.#running.get(tenantId);
    if (ofTenant?.delete(work) !== true) return;
    if (ofTenant.size === 0) this.#running.delete(tenantId);
    this.#taken -= 1;
    if (this.#taken > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
