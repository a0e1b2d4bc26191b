import { codeOf } from '../kernel/errors.js';
import type { Clock, Log } from '../kernel/ports.js';
import type { Store } from '../store/store.js';
import type { HeldLease } from './held-lease.js';
import type { LaneHandler, Turn } from './lane-handler.js';

export type TurnOutcome = 'idle' | 'more' | 'later' | 'failed' | 'lost';

interface SettleDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Undoes a transaction whose lease turned out to be another's. */
class LeaseLost extends Error {}

/** Runs the handler; what it throws becomes a failed turn. */
export async function turnOf(handler: LaneHandler, lease: HeldLease, log: Pick<Log, 'warn'>): Promise<Turn> {
  try {
    return await handler.run(lease);
  } catch (error) {
    const { ctx, consumer } = lease;
    log.warn({ tenantId: ctx.tenantId, kind: consumer.kind, attempt: consumer.attempts + 1, error }, 'a turn failed');
    return { error: codeOf(error), nextMs: handler.retryMs(consumer.attempts + 1) };
  }
}

/** Writes what a turn did. A lost lease changes nothing; a write that fails becomes a failed turn. */
export async function writeTurn(
  deps: SettleDeps & { readonly log: Pick<Log, 'warn'> },
  lease: HeldLease,
  turn: Turn,
  handler: Pick<LaneHandler, 'retryMs'>,
): Promise<TurnOutcome> {
  if (lease.signal.aborted) return 'lost';
  try {
    return (await settle(deps, lease, turn)) ? outcomeOf(turn) : 'lost';
  } catch (error) {
    deps.log.warn({ tenantId: lease.ctx.tenantId, kind: lease.consumer.kind, error }, 'a turn could not be written');
    const failed = { error: codeOf(error), nextMs: handler.retryMs(lease.consumer.attempts + 1) };
    return (await settle(deps, lease, failed)) ? 'failed' : 'lost';
  }
}

/** False if the lease is another's by now; then nothing of the turn was written. */
async function settle(deps: SettleDeps, lease: HeldLease, turn: Turn): Promise<boolean> {
  const { ctx, consumer } = lease;
  const failed = turn.error !== undefined;
  const settlement = {
    nextMs: turn.nextMs,
    failed,
    attempts: failed ? consumer.attempts + 1 : 0,
    error: turn.error ?? null,
    nowMs: deps.clock.nowMs(),
    lanes: turn.lanes ?? [],
    ...(turn.position === undefined ? {} : { position: turn.position }),
  };
  try {
    await deps.store.transact(ctx, async (repositories) => {
      await turn.before?.(repositories);
      if (!(await repositories.consumers.settle(ctx, consumer.consumer_id, consumer.token, settlement))) throw new LeaseLost();
      await turn.after?.(repositories);
    });
    return true;
  } catch (error) {
    if (error instanceof LeaseLost) return false;
    throw error;
  }
}

function outcomeOf({ error, nextMs }: Turn): TurnOutcome {
  if (error !== undefined) return 'failed';
  if (nextMs === null) return 'idle';
  return nextMs === 0 ? 'more' : 'later';
}
