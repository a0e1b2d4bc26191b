import type { TaskId } from '../../kernel/ids.js';
import type { Cache, Clock, Meter, RoomStreams, Wake } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { SIDEKICK_DUTY } from '../../lanes/duties.js';
import type { SidekickEnding, SidekickRow } from '../../store/repositories/sidekicks.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import { tellOfSidekick } from './sidekick-news.js';

export interface EndSidekickDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly cache: Pick<Cache, 'delete'>;
  readonly streams: Pick<RoomStreams, 'publishEphemeral'>;
  readonly wake: Pick<Wake, 'hint'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** The one way in which a task ends. The first to come gives the slot back, and the token is gone; what its room has to be told follows the commit. */
export class EndSidekick {
  constructor(private readonly deps: EndSidekickDeps) {}

  /** Undefined if it had ended already. `also` is written together with the end. */
  async run(ctx: TenantContext, taskId: TaskId, ending: SidekickEnding, also?: (repositories: Repositories) => Promise<void>): Promise<SidekickRow | undefined> {
    const row = await this.deps.store.transact(ctx, async (repositories) => {
      const ended = await repositories.sidekicks.end(ctx, taskId, ending, this.deps.clock.nowMs());
      if (ended === undefined) return undefined;
      await repositories.usage.release(ctx, 'sidekicks');
      await repositories.consumers.wake(ctx, [SIDEKICK_DUTY]);
      await also?.(repositories);
      return ended;
    });
    if (row !== undefined) await this.#follow(ctx, row);
    return row;
  }

  async #follow(ctx: TenantContext, row: SidekickRow): Promise<void> {
    const { cache, streams, wake, meter } = this.deps;
    await cache.delete(ctx, 'sidekick_token', row.task_id);
    tellOfSidekick(streams, ctx, row.status === 'cancelled' ? 'swp.sidekick.cancel' : 'swp.sidekick.result', row);
    wake.hint({ kind: 'due', tenantId: ctx.tenantId });
    meter.count('sidekicks_ended_total', { outcome: row.status });
  }
}
