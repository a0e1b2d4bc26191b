import { GatewayError } from '../../kernel/errors.js';
import { policyOf } from '../../kernel/federation-policy.js';
import { MEGABYTE } from '../../kernel/limits.js';
import { maxSidekicks } from '../../kernel/sidekicks.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Repositories } from '../../store/store.js';
import type { AiUsageView } from '../ai/ai-usage.js';
import type { StatsView } from '../api/tenancy.js';
import { iso } from '../event-view.js';

/** Every limit of a tenant, as it is now, beside what is in use of it. Throws SW_TENANT_NOT_FOUND. */
export async function tenantUses(ctx: TenantContext, { tenants, usage }: Pick<Repositories, 'tenants' | 'usage'>, ai: AiUsageView): Promise<StatsView> {
  const [tenant, used] = [await tenants.load(ctx), await usage.find(ctx)];
  if (tenant === undefined || used === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', ctx.slug);
  const { limits } = tenant.ctx;
  const highest = await usage.highest(ctx);
  return {
    rooms: { used: used.rooms, limit: limits.max_rooms },
    participants: { used: used.participants, limit: limits.max_participants },
    foreign_participants_per_room: { used: highest.foreign_participants_per_room, limit: policyOf(tenant.policy).max_foreign_participants_per_room },
    storage_mb: { used: megabytes(used.storage_bytes), limit: limits.max_storage_mb },
    ai_tokens: { used: ai.tokens, limit: limits.ai_tokens_monthly_limit, as_of: ai.asOfMs === null ? null : iso(ai.asOfMs), stale: ai.stale },
    sidekicks: { used: used.sidekicks, limit: maxSidekicks(tenant.ctx) },
    sidekicks_per_user: { used: highest.sidekicks_per_user, limit: limits.max_sidekicks_per_user },
    plan_steps: { used: highest.plan_steps, limit: limits.max_plan_steps },
    bridge_shadows: { used: used.bridge_shadows, limit: limits.max_bridge_shadows },
    federated_shadows: { used: used.federated_shadows, limit: limits.max_federated_shadows },
    mirror_mb: { used: megabytes(used.mirror_bytes), limit: limits.max_mirror_mb },
  };
}

/** Whole megabytes, a begun one as a whole. */
export function megabytes(bytes: number): number {
  return Math.ceil(bytes / MEGABYTE);
}
