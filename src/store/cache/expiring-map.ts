import type { Clock } from '../../kernel/ports.js';

interface Entry<V> {
  readonly value: V;
  readonly untilMs: number;
}

/** A full map is searched for expired entries at most this often. */
const SWEEP_EVERY_MS = 1_000;

/** A bounded map whose entries end. When it is full of living entries it takes no new one: what it promised, it keeps. */
export class ExpiringMap<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly entriesMax: number,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: string): V | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs > this.clock.monotonicMs()) return entry.value;
    this.entries.delete(key);
    return undefined;
  }

  /** False: there was no room. */
  set(key: string, value: V, ttlMs: number): boolean {
    const nowMs = this.clock.monotonicMs();
    if (!this.entries.has(key) && !this.hasRoom(nowMs)) return false;
    this.entries.set(key, { value, untilMs: nowMs + ttlMs });
    return true;
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  private hasRoom(nowMs: number): boolean {
    if (this.entries.size < this.entriesMax) return true;
    if (nowMs - this.sweptAtMs < SWEEP_EVERY_MS) return false;
    this.sweptAtMs = nowMs;
    for (const [key, { untilMs }] of this.entries) {
      if (untilMs <= nowMs) this.entries.delete(key);
    }
    return this.entries.size < this.entriesMax;
  }
}
