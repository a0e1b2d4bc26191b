import type { AuditApi } from '../../flows/api/audit.js';
import type { BridgeInboundApi } from '../../flows/api/bridge-inbound.js';
import type { BridgesAdminApi } from '../../flows/api/bridges-admin.js';
import type { FederationAdminApi } from '../../flows/api/federation-admin.js';
import type { FederationServerApi } from '../../flows/api/federation-server.js';
import type { InvitationsApi } from '../../flows/api/invitations.js';
import type { MediaApi } from '../../flows/api/media.js';
import type { MessagesApi } from '../../flows/api/messages.js';
import type { OpsApi } from '../../flows/api/ops.js';
import type { AiConfigApi, AiModelsApi, PromptStudioApi } from '../../flows/api/ai.js';
import type { AuthApi, ParticipantsApi } from '../../flows/api/participants.js';
import type { PlansApi } from '../../flows/api/plans.js';
import type { PresenceApi } from '../../flows/api/presence.js';
import type { MembersApi, RoomsApi } from '../../flows/api/rooms.js';
import type { ScaikeyEventsApi } from '../../flows/api/scaikey.js';
import type { SidekickReportsApi, SidekicksApi } from '../../flows/api/sidekicks.js';
import type { SyncApi } from '../../flows/api/sync.js';
import type { FleetUsageApi, PartnersApi, TenantOverviewApi, TenantsAdminApi } from '../../flows/api/tenancy.js';
import type { Route } from '../route.js';
import { aiConfigRoutes, aiModelRoutes, promptStudioRoutes } from './ai.js';
import { auditRoutes } from './audit.js';
import { actingRoutes } from './acting.js';
import { bridgeAdminRoutes, bridgeInboundRoutes } from './bridges.js';
import { federationAdminRoutes } from './federation-admin.js';
import { federationServerRoutes } from './federation-server.js';
import { mediaRoutes } from './media.js';
import { memberRoutes } from './members.js';
import { messageRoutes } from './messages.js';
import { opsRoutes } from './ops.js';
import { authRoutes, invitationRoutes, participantRoutes, presenceRoutes } from './people.js';
import { planRoutes } from './plans.js';
import { roomRoutes } from './rooms.js';
import { scaikeyRoutes } from './scaikey.js';
import { sidekickReportRoutes, sidekickRoutes } from './sidekicks.js';
import { syncRoutes } from './sync.js';
import { fleetRoutes, fleetUsageRoutes, overviewRoutes } from './tenancy.js';

/** Everything the API does, by whom it is done. */
export interface Apis {
  readonly federationServer: FederationServerApi;
  readonly bridgeInbound: BridgeInboundApi;
  readonly messages: MessagesApi;
  readonly sync: SyncApi;
  readonly rooms: RoomsApi;
  readonly members: MembersApi;
  readonly invitations: InvitationsApi;
  readonly participants: ParticipantsApi;
  readonly presence: PresenceApi;
  readonly plans: PlansApi;
  readonly sidekicks: SidekicksApi;
  readonly sidekickReports: SidekickReportsApi;
  readonly auth: AuthApi;
  readonly federationAdmin: FederationAdminApi;
  readonly bridgesAdmin: BridgesAdminApi;
  readonly aiConfig: AiConfigApi;
  readonly aiModels: AiModelsApi;
  readonly promptStudio: PromptStudioApi;
  readonly media: MediaApi;
  readonly audit: AuditApi;
  readonly scaikeyEvents: ScaikeyEventsApi;
  readonly overview: TenantOverviewApi;
  readonly tenantsAdmin: TenantsAdminApi;
  readonly partners: PartnersApi;
  readonly fleetUsage: FleetUsageApi;
  readonly ops: OpsApi;
}

/** The table, and what of it is done for customers. */
export function servedRoutes(apis: Apis): readonly Route[] {
  const routes = routeTable(apis);
  return [...routes, ...actingRoutes(routes)];
}

/** All routes, the busiest first: the router looks at them in this order. */
export function routeTable(apis: Apis): readonly Route[] {
  return [
    ...federationServerRoutes(apis.federationServer),
    ...bridgeInboundRoutes(apis.bridgeInbound),
    ...messageRoutes(apis.messages),
    ...syncRoutes(apis.sync),
    ...roomRoutes(apis.rooms),
    ...memberRoutes(apis.members),
    ...invitationRoutes(apis.invitations),
    ...participantRoutes(apis.participants),
    ...presenceRoutes(apis.presence),
    ...planRoutes(apis.plans),
    ...sidekickRoutes(apis.sidekicks),
    ...sidekickReportRoutes(apis.sidekickReports),
    ...authRoutes(apis.auth),
    ...federationAdminRoutes(apis.federationAdmin),
    ...bridgeAdminRoutes(apis.bridgesAdmin),
    ...aiConfigRoutes(apis.aiConfig),
    ...aiModelRoutes(apis.aiModels),
    ...promptStudioRoutes(apis.promptStudio),
    ...mediaRoutes(apis.media),
    ...auditRoutes(apis.audit),
    ...scaikeyRoutes(apis.scaikeyEvents),
    ...overviewRoutes(apis.overview),
    ...fleetRoutes(apis.tenantsAdmin, apis.partners),
    ...fleetUsageRoutes(apis.fleetUsage),
    ...opsRoutes(apis.ops),
  ];
}
