import type { AiSettings } from '../../kernel/ai-settings.js';
import type { ErrorCode } from '../../kernel/errors.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** What ScaiGrid last said of a tenant's usage. */
export interface AiUsageRow {
  /** `2026-11`, UTC; null: never read. */
  readonly month: string | null;
  readonly tokens: number | null;
  readonly as_of: number | null;
  /** Why the last try failed; null: it did not. */
  readonly last_error: ErrorCode | null;
  /** Until then one process reads, or all wait after a failure. */
  readonly busy_until: number;
}

/** What a tenant has decided about AI, and what the node remembers of ScaiGrid for it. */
export class AiRepository {
  constructor(private readonly tx: Tx) {}

  async settings(ctx: TenantContext): Promise<Partial<AiSettings>> {
    return (await this.tx.rows<{ ai: Partial<AiSettings> }>(q('tenants').select('ai').where({ tenant_id: ctx.tenantId })))[0]?.ai ?? {};
  }

  /** The same, and nobody else changes them until this transaction has ended. */
  async lockSettings(ctx: TenantContext): Promise<Partial<AiSettings>> {
    const text = 'select ai from tenants where tenant_id = $1 for no key update';
    return (await this.tx.prepared<{ ai: Partial<AiSettings> }>('ai_settings_lock', text, [ctx.tenantId]))[0]?.ai ?? {};
  }

  async saveSettings(ctx: TenantContext, settings: AiSettings): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ ai: JSON.stringify(settings) }));
  }

  async sealedKey(ctx: TenantContext): Promise<Buffer | null> {
    const rows = await this.tx.rows<{ sealed_ai_key: Buffer | null }>(q('tenants').select('sealed_ai_key').where({ tenant_id: ctx.tenantId }));
    return rows[0]?.sealed_ai_key ?? null;
  }

  async setSealedKey(ctx: TenantContext, sealed: Buffer | null): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ sealed_ai_key: sealed }));
  }

  async usage(ctx: TenantContext): Promise<AiUsageRow | undefined> {
    return (await this.tx.prepared<AiUsageRow>('ai_usage_find', 'select * from ai_usage where tenant_id = $1', [ctx.tenantId]))[0];
  }

  /** True for the one process that is to ask ScaiGrid now. */
  async claimUsage(ctx: TenantContext, nowMs: number, untilMs: number): Promise<boolean> {
    const rows = await this.tx.prepared(
      'ai_usage_claim',
      `insert into ai_usage (tenant_id, busy_until) values ($1, $3)
       on conflict (tenant_id) do update set busy_until = $3 where ai_usage.busy_until <= $2 returning 1`,
      [ctx.tenantId, nowMs, untilMs],
    );
    return rows.length > 0;
  }

  /** An answer that was overtaken by a later one changes nothing. */
  async saveUsage(ctx: TenantContext, usage: { readonly month: string; readonly tokens: number; readonly asOfMs: number }): Promise<void> {
    await this.tx.prepared(
      'ai_usage_save',
      `update ai_usage set month = $2, tokens = $3, as_of = $4, last_error = null, busy_until = 0
       where tenant_id = $1 and (as_of is null or as_of <= $4)`,
      [ctx.tenantId, usage.month, usage.tokens, usage.asOfMs],
    );
  }

  /** The last known value stays. `claimedUntilMs`: a claim that was ended meanwhile, as by a new key, has failed for nobody. */
  async failUsage(ctx: TenantContext, code: ErrorCode, claimedUntilMs: number, untilMs: number): Promise<void> {
    const claimed = { tenant_id: ctx.tenantId, busy_until: claimedUntilMs };
    await this.tx.rows(q('ai_usage').where(claimed).update({ last_error: code, busy_until: untilMs }));
  }

  /** Ends the wait after a failure. */
  async hastenUsage(ctx: TenantContext): Promise<void> {
    await this.tx.rows(q('ai_usage').where({ tenant_id: ctx.tenantId }).update({ busy_until: 0 }));
  }
}
