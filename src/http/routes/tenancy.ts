import type { JsonObject } from '../../kernel/events.js';
import { parsePartnerId, parseTenantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import { PARTICIPANT_STATUSES, PARTICIPANT_TYPES } from '../../flows/api/participants.js';
import type {
  AdminParticipantView,
  FleetUsageApi,
  LimitsPatch,
  PartnerChangeRequest,
  PartnersApi,
  PartnerView,
  StatsView,
  TenantItemView,
  TenantMonthView,
  TenantOverviewApi,
  TenantPatch,
  TenantsAdminApi,
  TenantView,
} from '../../flows/api/tenancy.js';
import { userRoute } from '../define-route.js';
import { body, mergePatchBody, optionalBody } from '../json-body.js';
import { month, oneOf, optional, textUpTo, whole, withDefault } from '../read.js';
import { one, page, pageOrCsv } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const TENANT = { tenant_id: parseTenantId };
const PARTNER = { partner_id: parsePartnerId };
const USAGE_COLUMNS = ['tenant_id', 'slug', 'name', 'month', 'rooms_peak', 'participants_peak', 'storage_mb_peak', 'messages', 'ai_tokens'] as const;
const tenant = one<TenantView>('api/tenant');
const tenants = page<TenantItemView>('api/tenant-item');
const partner = one<PartnerView>('api/partner');

interface NewTenantBody {
  readonly slug: string;
  readonly name: string;
  readonly scaikey_tenant_id: string;
  readonly server_name?: string;
  readonly partner_id?: string | null;
  readonly limits?: LimitsPatch;
  readonly features?: JsonObject;
}

interface PartnerBody {
  readonly name?: string;
  readonly status?: 'active' | 'suspended';
  readonly limits?: { readonly max_tenants?: number | null };
}

interface NewPartnerBody extends PartnerBody {
  readonly partner_id: string;
  readonly name: string;
}

function changeOf({ name, status, limits }: PartnerBody): PartnerChangeRequest {
  return {
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
    ...(limits?.max_tenants === undefined ? {} : { maxTenants: limits.max_tenants }),
  };
}

/** For whoever administers several tenants. */
export function fleetRoutes(tenantsAdmin: TenantsAdminApi, partners: PartnersApi): readonly Route[] {
  return [...keepingRoutes(tenantsAdmin), ...statusRoutes(tenantsAdmin), ...partnerRoutes(partners)];
}

function keepingRoutes(api: TenantsAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/tenants',
      who: 'partner_admin',
      summary: "Tenants of the caller's fleet; of all partners for the platform.",
      query: { ...PAGE_QUERY, partner_id: optional(parsePartnerId), status: optional(oneOf(['active', 'suspended'])) },
      reply: tenants,
      handle: ({ caller, query: { limit, offset, partner_id, status } }) => api.list(caller, { limit, offset, status, partnerId: partner_id }),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/tenants',
      who: 'partner_admin',
      summary: 'Make a tenant with its server name and first signing key.',
      body: body<NewTenantBody>('api/new-tenant'),
      reply: tenant,
      handle: ({ caller, body: { slug, name, scaikey_tenant_id, server_name, partner_id, limits, features } }) =>
        api.create(caller, {
          slug,
          name,
          scaikeyTenantId: scaikey_tenant_id,
          serverName: server_name,
          partnerId: typeof partner_id === 'string' ? parsePartnerId(partner_id) : partner_id,
          limits: limits ?? {},
          features: features ?? {},
        }),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/tenants/{tenant_id}',
      who: 'partner_admin',
      summary: 'One tenant of the fleet, with limits, features and use.',
      params: TENANT,
      reply: tenant,
      handle: ({ caller, params }) => api.get(caller, params.tenant_id),
    }),
    userRoute({
      method: 'PATCH',
      path: '/v1/admin/tenants/{tenant_id}',
      who: 'partner_admin',
      summary: 'Change name, limits and features by a JSON merge patch; a limit that is null is the default again.',
      params: TENANT,
      body: mergePatchBody<TenantPatch>('api/tenant-patch'),
      reply: tenant,
      handle: ({ caller, params, body: patch }) => api.change(caller, params.tenant_id, patch),
    }),
  ];
}

function statusRoutes(api: TenantsAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/admin/tenants/{tenant_id}/suspend',
      who: 'partner_admin',
      summary: 'Refuse the people, peers and bridges of a tenant and let its lanes stand still; nothing is lost.',
      params: TENANT,
      body: optionalBody('api/nothing'),
      reply: tenant,
      handle: ({ caller, params }) => api.suspend(caller, params.tenant_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/tenants/{tenant_id}/resume',
      who: 'partner_admin',
      summary: 'Let a suspended tenant go on where it was.',
      params: TENANT,
      body: optionalBody('api/nothing'),
      reply: tenant,
      handle: ({ caller, params }) => api.resume(caller, params.tenant_id),
    }),
  ];
}

function partnerRoutes(api: PartnersApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/partners',
      who: 'partner_admin',
      summary: 'Partners; a partner admin sees their own.',
      query: PAGE_QUERY,
      reply: page<PartnerView>('api/partner'),
      handle: ({ caller, query }) => api.list(caller, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/partners',
      who: 'super_admin',
      summary: 'Make a partner, under its id in ScaiKey.',
      body: body<NewPartnerBody>('api/new-partner'),
      reply: partner,
      handle: ({ caller, body: given }) =>
        api.create(caller, { id: parsePartnerId(given.partner_id), name: given.name, maxTenants: given.limits?.max_tenants }),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/partners/{partner_id}',
      who: 'partner_admin',
      summary: 'One partner, and how much of its fleet is taken.',
      params: PARTNER,
      reply: partner,
      handle: ({ caller, params }) => api.get(caller, params.partner_id),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/admin/partners/{partner_id}',
      who: 'partner_admin',
      summary: "Change a partner; what is not named stays. Status and limits are the platform's to change.",
      params: PARTNER,
      body: body<PartnerBody>('api/partner-change'),
      reply: partner,
      handle: ({ caller, params, body: given }) => api.change(caller, params.partner_id, changeOf(given)),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/partners/{partner_id}/tenants',
      who: 'partner_admin',
      summary: "A partner's fleet, with the use of each tenant.",
      params: PARTNER,
      query: PAGE_QUERY,
      reply: tenants,
      handle: ({ caller, params, query }) => api.tenants(caller, params.partner_id, query),
    }),
  ];
}

export function fleetUsageRoutes(api: FleetUsageApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/partners/{partner_id}/usage',
      who: 'partner_admin',
      summary: 'What each tenant of a fleet came to in a month; as CSV for whoever accepts text/csv.',
      params: PARTNER,
      query: { month: optional(month), limit: withDefault(whole(1, LIMITS.usagePageMax), LIMITS.usagePageMax), offset: PAGE_QUERY.offset },
      reply: pageOrCsv<(typeof USAGE_COLUMNS)[number], TenantMonthView>('api/tenant-month', USAGE_COLUMNS),
      handle: ({ caller, params, query }) => api.ofMonth(caller, params.partner_id, query.month, query),
    }),
  ];
}

/** For the admin of one tenant. */
export function overviewRoutes(api: TenantOverviewApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/stats',
      who: 'tenant_admin',
      summary: 'What the tenant uses of its limits.',
      reply: one<StatsView>('api/stats'),
      handle: ({ caller }) => api.stats(caller),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/participants',
      who: 'tenant_admin',
      summary: 'Everybody known to the tenant, foreign and bridged people too.',
      query: { ...PAGE_QUERY, q: optional(textUpTo(LIMITS.displayNameCharsMax)), type: optional(oneOf(PARTICIPANT_TYPES)), status: optional(oneOf(PARTICIPANT_STATUSES)) },
      reply: page<AdminParticipantView>('api/admin-participant'),
      handle: ({ caller, query }) => api.participants(caller, query),
    }),
  ];
}
