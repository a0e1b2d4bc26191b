import { parseInvitationId, parseParticipantId, parseRoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { InvitationsApi, InvitationView } from '../../flows/api/invitations.js';
import { PARTICIPANT_TYPES } from '../../flows/api/participants.js';
import type { AuthApi, AuthConfigView, MeView, ParticipantsApi, ParticipantView, RegisteredView } from '../../flows/api/participants.js';
import type { Presence, PresenceApi, PresenceView } from '../../flows/api/presence.js';
import { openRoute, userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { flag, listOf, oneOf, optional, textUpTo, withDefault } from '../read.js';
import { all, nothing, one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

export function authRoutes(api: AuthApi): readonly Route[] {
  return [
    openRoute({
      method: 'GET',
      path: '/v1/auth/config',
      who: 'nobody',
      summary: 'Where a client gets a token.',
      reply: one<AuthConfigView>('api/auth-config'),
      handle: () => api.config(),
    }),
  ];
}

export function participantRoutes(api: ParticipantsApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/me',
      who: 'member',
      summary: 'The caller, and their tenant.',
      reply: one<MeView>('api/me'),
      handle: ({ caller }) => api.me(caller),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/auth/register',
      who: 'member',
      summary: "Make the caller's participant; again, find it.",
      body: optionalBody('api/nothing'),
      reply: one<RegisteredView>('api/registered'),
      handle: ({ caller }) => api.register(caller),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/directory/participants',
      who: 'member',
      summary: 'People of the tenant; foreign ones known here too, when asked for.',
      query: {
        ...PAGE_QUERY,
        q: optional(textUpTo(LIMITS.displayNameCharsMax)),
        type: optional(oneOf(PARTICIPANT_TYPES)),
        include_federated: withDefault(flag, false),
      },
      reply: page<ParticipantView>('api/participant'),
      handle: ({ caller, query: { limit, offset, q, type, include_federated } }) =>
        api.directory(caller, { limit, offset, q, type, includeFederated: include_federated }),
    }),
  ];
}

export function invitationRoutes(api: InvitationsApi): readonly Route[] {
  const params = { invitation_id: parseInvitationId };
  const reply = one<InvitationView>('api/invitation');
  return [
    userRoute({
      method: 'GET',
      path: '/v1/invitations',
      who: 'member',
      summary: 'Invitations that wait for the caller.',
      query: PAGE_QUERY,
      reply: page<InvitationView>('api/invitation'),
      handle: ({ caller, query }) => api.list(caller, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/invitations/{invitation_id}/accept',
      who: 'member',
      summary: 'Accept an invitation; a foreign room is joined once its home agrees.',
      params,
      body: optionalBody('api/nothing'),
      reply,
      handle: ({ caller, params: { invitation_id } }) => api.accept(caller, invitation_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/invitations/{invitation_id}/decline',
      who: 'member',
      summary: 'Decline an invitation.',
      params,
      body: optionalBody('api/nothing'),
      reply,
      handle: ({ caller, params: { invitation_id } }) => api.decline(caller, invitation_id),
    }),
  ];
}

export function presenceRoutes(api: PresenceApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/presence',
      who: 'member',
      summary: 'Presence of people, by id.',
      query: { ids: withDefault(listOf(parseParticipantId, LIMITS.listPageMax), []) },
      reply: all<PresenceView>('api/presence'),
      handle: ({ caller, query: { ids } }) => api.get(caller, ids),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/presence',
      who: 'member',
      summary: "Set the caller's presence; it fades unless repeated.",
      body: body<{ readonly presence: Presence }>('api/new-presence'),
      reply: one<PresenceView>('api/presence'),
      handle: ({ caller, body: { presence } }) => api.set(caller, presence),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/typing',
      who: 'member',
      summary: 'Say that the caller is typing; it fades after 4 seconds.',
      body: body<{ readonly room_id: string; readonly typing: boolean }>('api/typing'),
      reply: nothing,
      handle: ({ caller, body: { room_id, typing } }) => api.typing(caller, parseRoomId(room_id), typing),
    }),
  ];
}
