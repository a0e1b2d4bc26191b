import type { Caller } from '../../kernel/caller.js';
import type { JsonObject } from '../../kernel/events.js';
import type { PartnerId, TenantId } from '../../kernel/ids.js';
import type { Features, TenantStatus } from '../../kernel/tenant-context.js';
import type { TenantLimits } from '../../kernel/tenant-limits.js';
import type { Page, PageRequest } from './page.js';
import type { ParticipantStatus, ParticipantType, ParticipantView } from './participants.js';

/** What is in use of a limit; `limit: null` = no limit. */
export interface UseView {
  readonly used: number;
  readonly limit: number | null;
}

/** What is counted elsewhere, as it was last told. */
export interface ToldUseView {
  /** `null` = nothing is known of this month. */
  readonly used: number | null;
  readonly limit: number | null;
  readonly as_of: string | null;
  /** True while whoever counts does not tell, or has not for a while. */
  readonly stale: boolean;
}

export interface TenantItemView {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly server_name: string;
  readonly partner_id: string | null;
  readonly status: TenantStatus;
  readonly created_at: string;
  readonly rooms: UseView;
  readonly participants: UseView;
  readonly storage_mb: UseView;
}

export interface TenantView extends TenantItemView {
  readonly scaikey_tenant_id: string;
  /** All limits in force. */
  readonly limits: TenantLimits;
  /** Those that were set for this tenant. */
  readonly own_limits: Partial<TenantLimits>;
  readonly features: Features;
}

/** `null` = back to the default. */
export type LimitsPatch = { readonly [L in keyof TenantLimits]?: TenantLimits[L] | null };

/** A JSON merge patch of what may change; slug, server name and identity never do. */
export interface TenantPatch {
  readonly name?: string;
  readonly limits?: LimitsPatch | null;
  readonly features?: JsonObject | null;
}

export interface TenantRequest {
  readonly slug: string;
  readonly name: string;
  readonly scaikeyTenantId: string;
  /** Otherwise `<slug>.<server name of the node>`. */
  readonly serverName: string | undefined;
  /** Undefined = the caller's own, or none for the platform. */
  readonly partnerId: PartnerId | null | undefined;
  readonly limits: LimitsPatch;
  readonly features: JsonObject;
}

export interface TenantFilter extends PageRequest {
  readonly partnerId: PartnerId | null;
  readonly status: TenantStatus | null;
}

/** What lies outside the caller's fleet does not exist: SW_TENANT_NOT_FOUND. */
export interface TenantsAdminApi {
  create(caller: Caller, request: TenantRequest): Promise<TenantView>;
  list(caller: Caller, filter: TenantFilter): Promise<Page<TenantItemView>>;
  get(caller: Caller, tenant: TenantId): Promise<TenantView>;
  change(caller: Caller, tenant: TenantId, patch: TenantPatch): Promise<TenantView>;
  suspend(caller: Caller, tenant: TenantId): Promise<TenantView>;
  resume(caller: Caller, tenant: TenantId): Promise<TenantView>;
}

export interface PartnerView {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'suspended';
  readonly tenants: UseView;
  readonly created_at: string;
}

export interface PartnerRequest {
  readonly id: PartnerId;
  readonly name: string;
  readonly maxTenants: number | null | undefined;
}

/** What is not named stays. Only the platform sets status and limits. */
export interface PartnerChangeRequest {
  readonly name?: string;
  readonly status?: 'active' | 'suspended';
  readonly maxTenants?: number | null;
}

/** Partners that the caller does not administer do not exist: SW_PARTNER_NOT_FOUND. */
export interface PartnersApi {
  list(caller: Caller, page: PageRequest): Promise<Page<PartnerView>>;
  create(caller: Caller, request: PartnerRequest): Promise<PartnerView>;
  get(caller: Caller, partner: PartnerId): Promise<PartnerView>;
  change(caller: Caller, partner: PartnerId, change: PartnerChangeRequest): Promise<PartnerView>;
  tenants(caller: Caller, partner: PartnerId, page: PageRequest): Promise<Page<TenantItemView>>;
}

/** One tenant in one month (UTC). Peaks are the most that was in use at one time; `null` = nothing was recorded. */
export interface TenantMonthView {
  readonly tenant_id: string;
  readonly slug: string;
  readonly name: string;
  readonly month: string;
  readonly rooms_peak: number | null;
  readonly participants_peak: number | null;
  readonly storage_mb_peak: number | null;
  /** Messages stored, whoever wrote them; counted within the hour. */
  readonly messages: number;
  /** As ScaiGrid counted them. */
  readonly ai_tokens: number | null;
}

export interface FleetUsageApi {
  /** `month`: `2026-11`; `null` = this one. */
  ofMonth(caller: Caller, partner: PartnerId, month: string | null, page: PageRequest): Promise<Page<TenantMonthView>>;
}

export interface StatsView {
  readonly rooms: UseView;
  readonly participants: UseView;
  /** In the hosted room with the most of them. */
  readonly foreign_participants_per_room: UseView;
  readonly storage_mb: UseView;
  /** Of this month, as ScaiGrid last told. */
  readonly ai_tokens: ToldUseView;
  /** At work now. */
  readonly sidekicks: UseView;
  /** Of the person with the most of them. */
  readonly sidekicks_per_user: UseView;
  /** Of the longest plan that is not over. */
  readonly plan_steps: UseView;
  readonly bridge_shadows: UseView;
  readonly federated_shadows: UseView;
  readonly mirror_mb: UseView;
}

export interface AdminParticipantView extends ParticipantView {
  readonly status: ParticipantStatus;
  readonly foreign_origin: string | null;
  readonly scaikey_subject: string | null;
  readonly created_at: string;
}

export interface AdminParticipantFilter extends PageRequest {
  readonly q: string | null;
  readonly type: ParticipantType | null;
  readonly status: ParticipantStatus | null;
}

/** What a tenant admin sees of the tenant as a whole. */
export interface TenantOverviewApi {
  stats(caller: Caller): Promise<StatsView>;
  participants(caller: Caller, filter: AdminParticipantFilter): Promise<Page<AdminParticipantView>>;
}
