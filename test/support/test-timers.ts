import type { Timer, Timers } from '../../src/kernel/ports.js';

interface Waiting {
  readonly atMs: number;
  readonly run: () => void;
}

/** Timers that run only when they are told how much time has passed. */
export class TestTimers implements Pick<Timers, 'after'> {
  private readonly waiting = new Set<Waiting>();
  private passedMs = 0;

  after(delayMs: number, run: () => void): Timer {
    const one = { atMs: this.passedMs + delayMs, run };
    this.waiting.add(one);
    return { cancel: () => this.waiting.delete(one) };
  }

  get running(): number {
    return this.waiting.size;
  }

  advance(ms: number): void {
    this.passedMs += ms;
    for (const one of this.waiting) {
      if (one.atMs > this.passedMs) continue;
      this.waiting.delete(one);
      one.run();
    }
  }
}
