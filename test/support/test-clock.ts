import type { Clock } from '../../src/kernel/ports.js';

/** A clock that stands still until it is told to move. */
export class TestClock implements Clock {
  private passedMs = 0;

  constructor(private readonly startMs: number = Date.UTC(2031, 0, 1)) {}

  nowMs(): number {
    return this.startMs + this.passedMs;
  }

  monotonicMs(): number {
    return this.passedMs;
  }

  advance(ms: number): void {
    this.passedMs += ms;
  }
}
