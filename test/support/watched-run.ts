import { keysOf, NodesOnly, RedisWatch, strays } from './redis-watch.js';
import type { Tally } from './tally.js';

const SHOWN_MAX = 20;

/** What is told of the commands that the nodes of a whole run gave to a lent Redis. */
export interface Watched {
  readonly tally: Tally;
  readonly line: string;
}

/** Watches the nodes of a run on a lent Redis: each key they touch, in whatever suite, is one of one tenant. */
export class WatchedRun {
  private readonly nodes = new NodesOnly();
  private readonly stray = new Set<string>();
  private keys = 0;
  private watch?: RedisWatch;

  static async of(url: string): Promise<WatchedRun> {
    const run = new WatchedRun();
    run.watch = await RedisWatch.on(url, (command, source) => run.hear(command, source));
    return run;
  }

  hear(command: readonly string[], source: string): void {
    if (!this.nodes.hears(source, command)) return;
    this.keys += keysOf(command).length;
    for (const key of strays([command])) this.stray.add(key);
  }

  async end(): Promise<Watched> {
    await this.watch?.caughtUp();
    this.watch?.close();
    return this.verdict();
  }

  /** One test more: passed when nodes touched keys and each was of a tenant. */
  verdict(): Watched {
    const faults = [...this.stray].slice(0, SHOWN_MAX).map((key) => `a key in Redis that is of no tenant: ${key}`);
    if (this.keys === 0) faults.push('no node touched a key in Redis');
    const failed = faults.length === 0 ? 0 : 1;
    return {
      tally: { passed: 1 - failed, failed, pending: 0, failures: faults },
      line: `redis watch  ${this.keys} keys in the commands of all nodes, ${this.stray.size} of them of no tenant`,
    };
  }
}
