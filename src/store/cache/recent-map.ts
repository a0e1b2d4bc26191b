import type { Clock } from '../../kernel/ports.js';

/** A bounded map that forgets what nobody asked for, after `keptMs` at the earliest and twice that at the latest. */
export class RecentMap<V> {
  #recent = new Map<string, V>();
  #older: ReadonlyMap<string, V> = new Map();
  #turnsAtMs: number;

  constructor(
    private readonly entriesMax: number,
    private readonly keptMs: number,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.#turnsAtMs = clock.monotonicMs() + keptMs;
  }

  /** `undefined`: it was not there, and there is no room. */
  getOrMake(key: string, make: () => V): V | undefined {
    this.#turn(this.clock.monotonicMs());
    const known = this.#recent.get(key);
    if (known !== undefined) return known;
    const older = this.#older.get(key);
    if (older === undefined && this.#recent.size >= this.entriesMax) return undefined;
    const kept = older ?? make();
    this.#recent.set(key, kept);
    return kept;
  }

  #turn(nowMs: number): void {
    if (nowMs < this.#turnsAtMs) return;
    this.#older = nowMs < this.#turnsAtMs + this.keptMs ? this.#recent : new Map();
    this.#recent = new Map();
    this.#turnsAtMs = nowMs + this.keptMs;
  }
}
