import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { monthEndMs, monthOf, startOfMonth } from '../../kernel/utc-month.js';
import type { ScaigridAccounting } from '../../scaigrid/scaigrid-accounting.js';
import type { ScaigridKey } from '../../scaigrid/scaigrid-key.js';
import type { Store } from '../../store/store.js';
import type { AiKeys } from './ai-keys.js';

export interface AiMonthsDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly keys: Pick<AiKeys, 'find'>;
  /** Absent without ScaiGrid: then nothing more is told of any month. */
  readonly accounting: Pick<ScaigridAccounting, 'tokensSince'> | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'warn'>;
}

/** What a month came to in the end: nobody asked in its last hour, nor while the tenant stood still. */
export class AiMonths {
  constructor(private readonly deps: AiMonthsDeps) {}

  /** Settles the eldest month that is over and was not settled. Resolves to true if there may be another. */
  async settle(ctx: TenantContext): Promise<boolean> {
    const { store, keys, accounting, clock, log } = this.deps;
    if (accounting === undefined) return false;
    // ScaiGrid, too, takes a moment until the last of a month is in its books.
    const current = monthOf(clock.nowMs() - LIMITS.aiMonthSettlesMs);
    const month = await store.read(ctx, ({ usage }) => usage.unsettledMonth(ctx, current, LIMITS.aiMonthsBackMax));
    const key = month === undefined ? undefined : await keys.find(ctx);
    if (month === undefined || key === undefined) return false;
    const tokens = await outcomeOf(tokensOf(accounting, key, ctx, month));
    if (tokens instanceof GatewayError) {
      log.warn({ tenantId: ctx.tenantId, code: tokens.code, note: tokens.message }, 'AI usage of a month that is over could not be read');
      return false;
    }
    await store.transact(ctx, ({ usage }) => usage.settleMonth(ctx, month, tokens));
    return true;
  }
}

/** ScaiGrid tells what was used since a moment. The longer time is asked for first, so that nothing that is used meanwhile falls into the month. */
async function tokensOf(accounting: Pick<ScaigridAccounting, 'tokensSince'>, key: ScaigridKey, { scaikeyTenantId }: TenantContext, month: string): Promise<number> {
  const beganMs = startOfMonth(month);
  const sinceItBegan = await accounting.tokensSince(key, scaikeyTenantId, beganMs);
  const sinceItEnded = await accounting.tokensSince(key, scaikeyTenantId, monthEndMs(beganMs));
  return Math.max(sinceItBegan - sinceItEnded, 0);
}
