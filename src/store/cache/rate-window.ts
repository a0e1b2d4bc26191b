import { LIMITS } from '../../kernel/limits.js';
import type { CountedPart, RatePace } from '../../kernel/rates.js';
import { SlidingCount } from './sliding-count.js';

/** One window, as one process sees it: what was let through here, and what all processes had counted when last told. */
export class RateWindow {
  readonly #here: SlidingCount;
  readonly #everywhere: SlidingCount;
  /** Let through here since, and not yet known to the others. */
  #untold = 0;

  constructor(pace: Pick<RatePace, 'windowMs' | 'slotMs'>) {
    this.#here = new SlidingCount(pace);
    this.#everywhere = new SlidingCount(pace);
  }

  /** Whatever was lost on the way between the processes, what this one let through counts. */
  used(nowMs: number): number {
    return Math.max(this.#here.sum(nowMs), this.#everywhere.sum(nowMs) + this.#untold);
  }

  /** How many more may be let through here before it is asked what the others did: a twentieth, and at least one. */
  isAhead(limit: number): boolean {
    return this.#untold >= Math.max(1, Math.floor((limit * LIMITS.rateAheadPercent) / 100));
  }

  /** Until `calls` more may be let through. */
  leaveMs(nowMs: number, limit: number, calls: number): number {
    const hereMs = this.#freeMs(this.#here, this.#here.sum(nowMs), nowMs, limit - calls);
    const everywhereMs = this.#freeMs(this.#everywhere, this.#everywhere.sum(nowMs) + this.#untold, nowMs, limit - calls);
    return Math.max(hereMs, everywhereMs);
  }

  take(nowMs: number): void {
    this.#here.add(nowMs);
  }

  owe(): void {
    this.#untold += 1;
  }

  /** The others know of so many calls, or never will. */
  settle(calls: number): void {
    this.#untold -= calls;
  }

  hear(nowMs: number, parts: readonly CountedPart[]): void {
    this.#everywhere.replace(nowMs, parts);
  }

  #freeMs(counted: SlidingCount, used: number, nowMs: number, wanted: number): number {
    return used <= wanted ? 0 : counted.leaveMs(nowMs, used - wanted);
  }
}
