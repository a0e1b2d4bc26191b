import { parseFqid, parseParticipantId, parseRoomId, parseServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type {
  BackfillView,
  FederationAdminApi,
  FederationPolicyChange,
  FederationPolicyView,
  IdentityView,
  PeerView,
  RejectionView,
  RoomFederationView,
} from '../../flows/api/federation-admin.js';
import type { InvitationView } from '../../flows/api/invitations.js';
import type { ParticipantView } from '../../flows/api/participants.js';
import type { RoomView } from '../../flows/api/rooms.js';
import { userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const ROOM = { room_id: parseRoomId };
const policy = one<FederationPolicyView>('api/federation-policy');

interface PolicyBody {
  readonly default_mode?: FederationPolicyView['default_mode'];
  readonly allowed_peers?: readonly string[];
  readonly denied_peers?: readonly string[];
  readonly max_foreign_participants_per_room?: number;
  readonly max_backfill_events_per_request?: number;
}

function changeOf(given: PolicyBody): FederationPolicyChange {
  return {
    ...(given.default_mode !== undefined && { defaultMode: given.default_mode }),
    ...(given.allowed_peers !== undefined && { allowedPeers: given.allowed_peers.map(parseServerName) }),
    ...(given.denied_peers !== undefined && { deniedPeers: given.denied_peers.map(parseServerName) }),
    ...(given.max_foreign_participants_per_room !== undefined && {
      maxForeignParticipantsPerRoom: given.max_foreign_participants_per_room,
    }),
    ...(given.max_backfill_events_per_request !== undefined && {
      maxBackfillEventsPerRequest: given.max_backfill_events_per_request,
    }),
  };
}

export function federationAdminRoutes(api: FederationAdminApi): readonly Route[] {
  return [...trustRoutes(api), ...policyRoutes(api), ...roomRoutes(api)];
}

function trustRoutes(api: FederationAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/federation/identity',
      who: 'tenant_admin',
      summary: "The tenant's server name and public key.",
      reply: one<IdentityView>('api/identity'),
      handle: ({ caller }) => api.identity(caller),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/federation/peers',
      who: 'tenant_admin',
      summary: 'Peers, when they were last heard, and what went wrong.',
      query: PAGE_QUERY,
      reply: page<PeerView>('api/peer'),
      handle: ({ caller, query }) => api.peers(caller, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/federation/peers/{server}/pin',
      who: 'tenant_admin',
      summary: "Trust a peer's key after comparing its fingerprint.",
      params: { server: parseServerName },
      body: body<{ readonly fingerprint: string }>('api/pin'),
      reply: one<PeerView>('api/peer'),
      handle: ({ caller, params, body: { fingerprint } }) => api.pinPeer(caller, params.server, fingerprint),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/federation/foreign/{participant_id}/refresh',
      who: 'tenant_admin',
      summary: "Fetch a foreign person's profile, and their server's keys, anew.",
      params: { participant_id: parseParticipantId },
      body: optionalBody('api/nothing'),
      reply: one<ParticipantView>('api/participant'),
      handle: ({ caller, params }) => api.refreshForeign(caller, params.participant_id),
    }),
  ];
}

function policyRoutes(api: FederationAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/federation/policy',
      who: 'tenant_admin',
      summary: 'With whom this tenant federates.',
      reply: policy,
      handle: ({ caller }) => api.policy(caller),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/admin/federation/policy',
      who: 'tenant_admin',
      summary: 'Change the policy; what is not named stays.',
      body: body<PolicyBody>('api/federation-policy-change'),
      reply: policy,
      handle: ({ caller, body: given }) => api.changePolicy(caller, changeOf(given)),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/federation/rejections',
      who: 'tenant_admin',
      summary: 'What was refused from other servers, and why, newest first.',
      query: PAGE_QUERY,
      reply: page<RejectionView>('api/rejection'),
      handle: ({ caller, query }) => api.rejections(caller, query),
    }),
  ];
}

function roomRoutes(api: FederationAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/rooms/{room_id}/federation',
      who: 'tenant_admin',
      summary: 'How far the log of a room has come here, how far every peer has proved to have it, and which places are withheld.',
      params: ROOM,
      reply: one<RoomFederationView>('api/room-federation'),
      handle: ({ caller, params }) => api.roomFederation(caller, params.room_id),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/admin/rooms/{room_id}/federate',
      who: 'tenant_admin',
      summary: 'Let other servers into a room, or take them out of it.',
      params: ROOM,
      body: body<{ readonly enabled: boolean }>('api/federate'),
      reply: one<RoomView>('api/room'),
      handle: ({ caller, params, body: { enabled } }) => api.federateRoom(caller, params.room_id, enabled),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/rooms/{room_id}/federation/invite',
      who: 'tenant_admin',
      summary: 'Invite a person of another server.',
      params: ROOM,
      body: body<{ readonly fqid: string; readonly reason?: string }>('api/foreign-invite'),
      reply: one<InvitationView>('api/invitation'),
      handle: ({ caller, params, body: { fqid, reason } }) =>
        api.inviteForeign(caller, params.room_id, parseFqid(fqid), reason ?? null),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/rooms/{room_id}/federation/backfill',
      who: 'tenant_admin',
      summary: "Ask the room's home for events that are missing here.",
      params: ROOM,
      body: optionalBody<{ readonly limit?: number }>('api/backfill-request'),
      reply: one<BackfillView>('api/backfill'),
      handle: ({ caller, params, body: { limit } }) =>
        api.backfillRoom(caller, params.room_id, limit ?? LIMITS.backfillMax),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/rooms/{room_id}/federation/leave',
      who: 'tenant_admin',
      summary: 'Take everybody of the tenant out of a mirrored room that a contradiction has frozen.',
      params: ROOM,
      reply: one<RoomFederationView>('api/room-federation'),
      handle: ({ caller, params }) => api.leaveFrozen(caller, params.room_id),
    }),
  ];
}
