import { LIMITS } from './limits.js';

/** Limits of one tenant, overridable per tenant; counted where the comment says. `null` = no limit. */
export interface TenantLimits {
  /** People joined to rooms hosted here, local and foreign alike, each once. At join. */
  readonly max_participants: number;
  /** Hosted rooms plus accepted mirrors. At creation and at accept. */
  readonly max_rooms: number;
  /** Megabytes of uploads. At upload. */
  readonly max_storage_mb: number;
  /** Tokens a month, accounted by ScaiGrid. At sidekick spawn. */
  readonly ai_tokens_monthly_limit: number | null;
  /** People behind the bridges there are. When a shadow is made; given back when its bridge is removed. */
  readonly max_bridge_shadows: number;
  /** Foreign people known here. When a shadow is made; beyond it content is withheld. */
  readonly max_federated_shadows: number;
  /** Megabytes that mirrored rooms may make us store; beyond it talk is withheld, and state a while later. */
  readonly max_mirror_mb: number;
  /** Tasks of one person that sidekicks are at. At spawn. */
  readonly max_sidekicks_per_user: number;
  /** Tasks that sidekicks are at; `features.sidekick_limits.max_concurrent` takes its place where it is set. At spawn. */
  readonly max_sidekicks: number;
  /** Steps of one sidekick's task. At its worker's report. */
  readonly max_sidekick_steps: number;
  /** Tokens of one sidekick's task. At its worker's report. */
  readonly max_sidekick_tokens: number | null;
  /** Steps of one plan. At plan write. */
  readonly max_plan_steps: number;
  /** Calls in any minute by all people of the tenant together, and as many by all peers and bridges together. */
  readonly tenant_requests_per_minute: number;
  /** Calls in any minute by one person, on all their devices. */
  readonly user_requests_per_minute: number;
  /** Requests in any minute by one server. */
  readonly peer_requests_per_minute: number;
  /** Inbound calls in any minute by one bridge. */
  readonly bridge_requests_per_minute: number;
}

/** The least that a limit of a tenant may be set to. At a rate of 0 nobody could come in to raise it again. */
export function tenantLimitMin(limit: keyof TenantLimits): number {
  return limit === 'tenant_requests_per_minute' || limit === 'user_requests_per_minute' ? 1 : 0;
}

/** The most that a limit of a tenant may be set to: no more than the node itself would let through. */
export function tenantLimitMax(limit: keyof TenantLimits): number {
  if (limit === 'max_plan_steps') return LIMITS.planStepsMax;
  return limit === 'ai_tokens_monthly_limit' || limit === 'max_sidekick_tokens' ? LIMITS.tenantTokensMax : LIMITS.tenantLimitMax;
}

export const TENANT_LIMIT_DEFAULTS: TenantLimits = Object.freeze({
  max_participants: 100,
  max_rooms: 500,
  max_storage_mb: 10_240,
  ai_tokens_monthly_limit: null,
  max_bridge_shadows: 5_000,
  max_federated_shadows: 20_000,
  max_mirror_mb: 10_240,
  max_sidekicks_per_user: 3,
  max_sidekicks: 10,
  max_sidekick_steps: 25,
  max_sidekick_tokens: null,
  max_plan_steps: 20,
  tenant_requests_per_minute: 30_000,
  user_requests_per_minute: 6_000,
  peer_requests_per_minute: 12_000,
  bridge_requests_per_minute: 1_200,
});

/** Limits of one partner, set by the platform. `null` = no limit. */
export interface PartnerLimits {
  /** Tenants of its fleet. When one is made. */
  readonly max_tenants: number | null;
}

export const PARTNER_LIMIT_DEFAULTS: PartnerLimits = Object.freeze({ max_tenants: 100 });
