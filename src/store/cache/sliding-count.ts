import type { CountedPart, RatePace } from '../../kernel/rates.js';

interface Part {
  count: number;
  readonly untilMs: number;
}

/**
 * How many calls there were in a moving window. They are kept by slots of it, and a slot counts whole until its last
 * moment is out of the window: a call counts for at least a window, and for at most a slot longer. So no window ever
 * holds more than was allowed, wherever it begins.
 */
export class SlidingCount {
  /** Oldest first. */
  #parts: readonly Part[] = [];

  constructor(private readonly pace: Pick<RatePace, 'windowMs' | 'slotMs'>) {}

  add(nowMs: number, calls = 1): void {
    const { windowMs, slotMs } = this.pace;
    const untilMs = (Math.floor(nowMs / slotMs) + 1) * slotMs + windowMs;
    const last = this.#parts.at(-1);
    if (last?.untilMs === untilMs) last.count += calls;
    else this.#parts = [...this.#parts, { count: calls, untilMs }];
  }

  replace(nowMs: number, parts: readonly CountedPart[]): void {
    this.#parts = parts.map(({ count, leavesInMs }) => ({ count, untilMs: nowMs + leavesInMs })).sort((one, other) => one.untilMs - other.untilMs);
  }

  sum(nowMs: number): number {
    this.#forget(nowMs);
    return this.#parts.reduce((sum, { count }) => sum + count, 0);
  }

  /** Until so many of those counted are out of the window. */
  leaveMs(nowMs: number, calls: number): number {
    this.#forget(nowMs);
    let left = calls;
    for (const { count, untilMs } of this.#parts) {
      left -= count;
      if (left <= 0) return untilMs - nowMs;
    }
    return this.pace.windowMs + this.pace.slotMs;
  }

  #forget(nowMs: number): void {
    const living = this.#parts.findIndex(({ untilMs }) => untilMs > nowMs);
    if (living !== 0) this.#parts = living === -1 ? [] : this.#parts.slice(living);
  }
}
