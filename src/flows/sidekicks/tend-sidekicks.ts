import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { LiveSidekick, SidekickEnding } from '../../store/repositories/sidekicks.repository.js';
import type { Store } from '../../store/store.js';
import type { EndSidekick } from './end-sidekick.js';
import type { Farewell } from './farewell.js';
import type { HandOver } from './hand-over.js';

export interface TendSidekicksDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly endSidekick: Pick<EndSidekick, 'run'>;
  readonly handOver: Pick<HandOver, 'run'>;
  readonly farewell: Pick<Farewell, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * Everything that a tenant's tasks need besides their workers: to be handed over, to end when their time is up or those
 * they were for have gone, and to have their end said. A duty, so that some process always does it, and one at a time.
 */
export class TendSidekicks {
  constructor(private readonly deps: TendSidekicksDeps) {}

  /** Milliseconds until there may be more to do. */
  async run(ctx: TenantContext, signal: AbortSignal): Promise<number> {
    const { store } = this.deps;
    await this.#endWhatIsOver(ctx, signal);
    if (signal.aborted) return 0;
    await this.#handOver(ctx);
    const untold = await this.#sayFarewells(ctx, signal);
    return this.#nextMs(await store.read(ctx, ({ sidekicks }) => sidekicks.nextDue(ctx)), untold);
  }

  async #endWhatIsOver(ctx: TenantContext, signal: AbortSignal): Promise<void> {
    const { store, endSidekick, clock } = this.deps;
    const nowMs = clock.nowMs();
    for (const row of await store.read(ctx, ({ sidekicks }) => sidekicks.over(ctx, nowMs, LIMITS.sidekicksPerTurnMax))) {
      if (signal.aborted) return;
      await endSidekick.run(ctx, row.task_id, endingOf(row, nowMs));
    }
  }

  /** At once, so that a queue that does not answer costs a turn one wait and not one for each task. */
  async #handOver(ctx: TenantContext): Promise<void> {
    const { store, handOver, clock } = this.deps;
    const due = await store.read(ctx, ({ sidekicks }) => sidekicks.toHandOver(ctx, clock.nowMs(), LIMITS.sidekickHandOversAtOnce));
    await Promise.all(due.map((row) => handOver.run(ctx, row)));
  }

  /** Tells how many are left: one that cannot be said now holds up nothing else. */
  async #sayFarewells(ctx: TenantContext, signal: AbortSignal): Promise<number> {
    const { store, farewell, clock, log } = this.deps;
    const rows = await store.read(ctx, ({ sidekicks }) => sidekicks.untold(ctx, LIMITS.sidekicksPerTurnMax));
    let left = 0;
    for (const row of rows) {
      if (signal.aborted) return left;
      const outcome = await outcomeOf(farewell.run(ctx, row));
      if (!(outcome instanceof GatewayError)) continue;
      log.warn({ tenantId: ctx.tenantId, code: outcome.code }, 'the end of a sidekick could not be said');
      await store.transact(ctx, ({ sidekicks }) => sidekicks.putOff(ctx, row.task_id, clock.nowMs()));
      left += 1;
    }
    return left;
  }

  #nextMs(dueMs: number | null, untold: number): number {
    if (dueMs === null) return untold === 0 ? LIMITS.dutyPeriodMs : LIMITS.sidekickLookMs;
    return Math.min(LIMITS.sidekickLookMs, Math.max(LIMITS.laneGapMs, dueMs - this.deps.clock.nowMs()));
  }
}

/** Why a task may not go on. */
function endingOf(row: LiveSidekick, nowMs: number): SidekickEnding {
  const ended = (status: SidekickEnding['status'], error: string): SidekickEnding => ({ status, result: null, error });
  if (nowMs >= row.deadline) return ended('timed_out', row.handed_over_at === null ? 'No worker could be reached in time.' : 'The time was up.');
  if (row.room_state !== 'open') return ended('cancelled', 'The room in which it was asked for was closed.');
  if (row.sidekick_room_state !== 'open') return ended('cancelled', 'Its own room was closed.');
  if (row.agent_membership !== 'join') return ended('cancelled', 'Its agent was put out of its own room.');
  return ended('cancelled', 'The person who asked for it has left the room.');
}
