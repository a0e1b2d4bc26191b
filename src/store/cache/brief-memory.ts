import type { Clock } from '../../kernel/ports.js';
import { ExpiringMap } from './expiring-map.js';

/**
 * What was loaded a moment ago. One load at a time per name; failures and `undefined` are not kept, so that names that
 * strangers make up take no room from those that exist.
 */
export class BriefMemory<V> {
  private readonly kept: ExpiringMap<Promise<V | undefined>>;

  constructor(
    entriesMax: number,
    private readonly keptMs: number,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.kept = new ExpiringMap(entriesMax, clock);
  }

  /** What is kept or on its way, without loading. */
  known(name: string): Promise<V | undefined> | undefined {
    return this.kept.get(name);
  }

  async get(name: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const known = this.kept.get(name);
    if (known !== undefined) return known;
    const loading = load();
    this.kept.set(name, loading, this.keptMs);
    try {
      const value = await loading;
      if (value === undefined) this.forgetLoad(name, loading);
      return value;
    } catch (error) {
      this.forgetLoad(name, loading);
      throw error;
    }
  }

  forget(name: string): void {
    this.kept.delete(name);
  }

  /** Only the load that came to nothing: another may have begun since. */
  private forgetLoad(name: string, loading: Promise<V | undefined>): void {
    if (this.kept.get(name) === loading) this.kept.delete(name);
  }
}
