import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import type { TenantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { ScaigridAccounting } from '../../scaigrid/scaigrid-accounting.js';
import type { AiUsageRow } from '../../store/repositories/ai.repository.js';
import type { Store } from '../../store/store.js';
import { currentTenant } from '../current-tenant.js';
import type { AiKeys } from './ai-keys.js';
import { monthEndMs, monthOf, monthStartMs } from '../../kernel/utc-month.js';

/** AI tokens of a tenant in the current month (UTC), as ScaiGrid last told them. */
export interface AiUsageView {
  /** null: nothing is known of this month. */
  readonly tokens: number | null;
  /** `ai_tokens_monthly_limit`; null: none. */
  readonly limit: number | null;
  readonly asOfMs: number | null;
  /** True while ScaiGrid does not tell, or has not for a while. */
  readonly stale: boolean;
}

export interface AiUsageDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly keys: Pick<AiKeys, 'find'>;
  /** Absent without ScaiGrid: then only what is known already is told. */
  readonly accounting: Pick<ScaigridAccounting, 'tokensSince'> | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'warn'>;
}

interface Known {
  readonly row: AiUsageRow | undefined;
  readonly limit: number | null;
}

/**
 * The tokens that ScaiGrid has counted for a tenant, remembered with their age in PostgreSQL, so that every process and
 * every restart starts from the same number. However many ask, one of them asks ScaiGrid.
 */
export class AiUsage {
  readonly #asking = new Map<TenantId, Promise<void>>();

  constructor(private readonly deps: AiUsageDeps) {}

  /** Never throws for ScaiGrid's sake: what it does not tell stays as it was, marked as stale. */
  async find(ctx: TenantContext): Promise<AiUsageView> {
    const known = await this.#known(ctx);
    if (this.#isFresh(known)) return this.#view(known);
    await this.refresh(ctx);
    return this.#view(await this.#known(ctx));
  }

  /** Throws SW_AI_BUDGET_EXCEEDED. Usage that is unknown stops nobody: ScaiGrid itself enforces budgets as well. */
  async requireBudget(ctx: TenantContext): Promise<void> {
    const { limit } = await this.#known(ctx);
    if (limit === null) return;
    const { tokens } = await this.find(ctx);
    if ((tokens ?? 0) < limit) return;
    const nowMs = this.deps.clock.nowMs();
    throw new GatewayError('SW_AI_BUDGET_EXCEEDED', `${tokens ?? 'unknown'} of ${limit} tokens`, {
      retryAfterSeconds: Math.ceil((monthEndMs(nowMs) - nowMs) / 1_000),
    });
  }

  /** Asks ScaiGrid now, unless it is being asked or has just failed. */
  async refresh(ctx: TenantContext): Promise<void> {
    const { accounting } = this.deps;
    if (accounting === undefined) return;
    const running = this.#asking.get(ctx.tenantId);
    if (running !== undefined) return running;
    const asking = this.#ask(ctx, accounting).finally(() => this.#asking.delete(ctx.tenantId));
    this.#asking.set(ctx.tenantId, asking);
    return asking;
  }

  async #ask(ctx: TenantContext, accounting: Pick<ScaigridAccounting, 'tokensSince'>): Promise<void> {
    const { store, keys, clock, log } = this.deps;
    const nowMs = clock.nowMs();
    const claimedUntilMs = nowMs + LIMITS.aiUsageClaimMs;
    if (!(await store.transact(ctx, ({ ai }) => ai.claimUsage(ctx, nowMs, claimedUntilMs)))) return;
    const key = await keys.find(ctx);
    const noKey = new GatewayError('SW_AI_NO_TOKEN', 'neither the tenant nor the node has a key for ScaiGrid');
    const tokens = key === undefined ? noKey : await outcomeOf(accounting.tokensSince(key, ctx.scaikeyTenantId, monthStartMs(nowMs)));
    if (typeof tokens === 'number') {
      await store.transact(ctx, ({ ai }) => ai.saveUsage(ctx, { month: monthOf(nowMs), tokens, asOfMs: nowMs }));
      return;
    }
    log.warn({ tenantId: ctx.tenantId, code: tokens.code, note: tokens.message }, 'AI usage could not be read');
    await store.transact(ctx, ({ ai }) => ai.failUsage(ctx, tokens.code, claimedUntilMs, clock.nowMs() + LIMITS.aiUsageRetryMs));
  }

  #known(ctx: TenantContext): Promise<Known> {
    return this.deps.store.read(ctx, async (repositories) => {
      const { limits } = await currentTenant(ctx, repositories);
      return { row: await repositories.ai.usage(ctx), limit: limits.ai_tokens_monthly_limit };
    });
  }

  #isFresh({ row }: Known): boolean {
    const nowMs = this.deps.clock.nowMs();
    return row !== undefined && row.month === monthOf(nowMs) && nowMs - (row.as_of ?? 0) < LIMITS.aiUsageFreshMs;
  }

  /** A number of the month before says nothing of this one. What was told once is stale also where nobody can ask. */
  #view({ row, limit }: Known): AiUsageView {
    const nowMs = this.deps.clock.nowMs();
    const ofThisMonth = row !== undefined && row.month === monthOf(nowMs);
    const tokens = ofThisMonth ? row.tokens : null;
    const asOfMs = ofThisMonth ? row.as_of : null;
    const isOld = asOfMs === null || nowMs - asOfMs > LIMITS.aiUsageStaleMs;
    return { tokens, limit, asOfMs, stale: (this.deps.accounting !== undefined || row !== undefined) && (isOld || row?.last_error !== null) };
  }
}
