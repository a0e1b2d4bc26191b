import type { TenantId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Log, Timer, Timers, Wake } from '../kernel/ports.js';
import { systemContext, type TenantContext } from '../kernel/tenant-context.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';

export type Follower = (row: ToldEntryRow) => void;

interface Followed {
  readonly ctx: TenantContext;
  readonly followers: Set<Follower>;
  position: number;
  reading: boolean;
  again: boolean;
}

/**
 * Reads the log of each followed tenant once per process and hands every new row to all who follow. Hints make it
 * prompt; one poll for all tenants of the process makes it sure.
 */
export class Followers {
  readonly #tenants = new Map<TenantId, Followed>();
  #poll: Timer | undefined;
  #deaf: (() => void) | undefined;

  constructor(
    private readonly store: Pick<Store, 'read' | 'spanning'>,
    private readonly wake: Pick<Wake, 'listen'>,
    private readonly timers: Pick<Timers, 'every'>,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  /** Rows from now on. Returns the function that stops following. */
  async follow(ctx: TenantContext, follower: Follower): Promise<() => void> {
    const followed = this.#tenants.get(ctx.tenantId) ?? (await this.#begin(ctx));
    followed.followers.add(follower);
    return () => {
      followed.followers.delete(follower);
      if (followed.followers.size === 0 && this.#tenants.get(ctx.tenantId) === followed) this.#tenants.delete(ctx.tenantId);
      if (this.#tenants.size === 0) this.#rest();
    };
  }

  async #begin(ctx: TenantContext): Promise<Followed> {
    const position = await this.store.read(ctx, ({ log }) => log.position(ctx));
    // Another caller may have begun meanwhile.
    const followed = this.#tenants.get(ctx.tenantId) ?? { ctx, followers: new Set<Follower>(), position, reading: false, again: false };
    this.#tenants.set(ctx.tenantId, followed);
    this.#deaf ??= this.wake.listen((hint) => {
      const hinted = hint.kind === 'log' ? this.#tenants.get(hint.tenantId) : undefined;
      if (hinted !== undefined) this.#advanceSoon(hinted);
    });
    this.#poll ??= this.timers.every(LIMITS.followPollMs, () => this.#lookSoon());
    return followed;
  }

  #rest(): void {
    this.#poll?.cancel();
    this.#deaf?.();
    this.#poll = undefined;
    this.#deaf = undefined;
  }

  async #look(): Promise<void> {
    const system = systemContext('follow');
    const positions = await this.store.spanning(system, (all) => all.positions(system, [...this.#tenants.keys()]));
    for (const followed of this.#tenants.values()) {
      if ((positions.get(followed.ctx.tenantId) ?? 0) > followed.position) this.#advanceSoon(followed);
    }
  }

  #lookSoon(): void {
    this.#look().catch((error: unknown) => this.log.warn({ error }, 'the logs could not be looked at; readers wait for the next look'));
  }

  #advanceSoon(followed: Followed): void {
    this.#advance(followed).catch((error: unknown) => this.log.warn({ error }, 'a log could not be read on; the next look tries again'));
  }

  async #advance(followed: Followed): Promise<void> {
    followed.again = true;
    if (followed.reading) return;
    followed.reading = true;
    try {
      while (followed.again && followed.followers.size > 0) {
        followed.again = false;
        await this.#read(followed);
      }
    } finally {
      followed.reading = false;
    }
  }

  async #read(followed: Followed): Promise<void> {
    const { ctx } = followed;
    const { rows, hasMore } = await this.store.read(ctx, ({ log }) => log.after(ctx, followed.position, LIMITS.syncPageMax));
    for (const row of rows) {
      followed.position = row.stream_position;
      for (const follower of followed.followers) follower(row);
    }
    if (hasMore) followed.again = true;
  }
}
