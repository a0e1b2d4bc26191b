import { codeOf } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { ScaikeyPart } from '../../store/repositories/scaikey-runs.repository.js';
import type { Store } from '../../store/store.js';

/** A reconciliation under way. */
export interface Run<Step extends string> {
  readonly step: Step;
  /** The next page to ask for, from 1. */
  readonly page: number;
  readonly begunAtMs: number;
  /** How many things it has changed so far. */
  readonly changes: number;
}

/** Where one kind of reconciliation stands. */
export interface Runs {
  /** The run that was left, or a new one. */
  open<Step extends string>(steps: readonly [Step, ...Step[]]): Promise<Run<Step>>;
  keep(run: Run<string>): Promise<void>;
  close(run: Run<string>): Promise<void>;
  /** What was reached stays: the next attempt goes on there. */
  fail(error: unknown): Promise<void>;
}

/** Keeps how far reconciliations have come, so that whoever takes over goes on, and an operator can see how they end. */
export class RunBook {
  constructor(
    private readonly store: Pick<Store, 'read' | 'transact'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  /** Whether one was left unfinished, or the last has been a while ago. */
  async isDue(ctx: TenantContext, part: ScaikeyPart): Promise<boolean> {
    const row = await this.store.read(ctx, ({ scaikeyRuns }) => scaikeyRuns.find(ctx, part));
    return row === undefined || row.begun_at !== null || (row.last_ok ?? 0) + LIMITS.scaikeySyncPeriodMs / 2 <= this.clock.nowMs();
  }

  of(ctx: TenantContext, part: ScaikeyPart): Runs {
    const { store, clock } = this;
    return {
      async open(steps) {
        const row = await store.read(ctx, ({ scaikeyRuns }) => scaikeyRuns.find(ctx, part));
        const step = steps.find((one) => one === row?.step);
        if (row === undefined || row.begun_at === null || step === undefined) return firstOf(steps, clock);
        return { step, page: row.page, begunAtMs: row.begun_at, changes: row.changes };
      },
      async keep({ step, page, begunAtMs, changes }) {
        await store.transact(ctx, ({ scaikeyRuns }) => scaikeyRuns.save(ctx, part, { step, page, begun_at: begunAtMs, changes }));
      },
      async close({ changes }) {
        const ended = { begun_at: null, page: 1, changes: 0, last_ok: clock.nowMs(), last_changes: changes, failing_since: null, last_error: null };
        await store.transact(ctx, ({ scaikeyRuns }) => scaikeyRuns.save(ctx, part, ended));
      },
      async fail(error) {
        const lastError = codeOf(error);
        await store.transact(ctx, async ({ scaikeyRuns }) => {
          const row = await scaikeyRuns.find(ctx, part);
          await scaikeyRuns.save(ctx, part, { failing_since: row?.failing_since ?? clock.nowMs(), last_error: lastError });
        });
      },
    };
  }
}

/** For the very first run of a node, while there is no tenant with which anything could be kept. */
export function unkeptRuns(clock: Pick<Clock, 'nowMs'>): Runs {
  let left: Run<string> | undefined;
  const keep = async (run: Run<string> | undefined): Promise<void> => void (left = run);
  return {
    async open(steps) {
      const step = steps.find((one) => one === left?.step);
      return left === undefined || step === undefined ? firstOf(steps, clock) : { ...left, step };
    },
    keep,
    close: () => keep(undefined),
    fail: async () => {},
  };
}

function firstOf<Step extends string>([step]: readonly [Step, ...Step[]], clock: Pick<Clock, 'nowMs'>): Run<Step> {
  return { step, page: 1, begunAtMs: clock.nowMs(), changes: 0 };
}
