import { parseFqid, parseParticipantId, parseRoomId } from '../../kernel/ids.js';
import type { InvitationView } from '../../flows/api/invitations.js';
import type { MembersApi, MembershipView, MemberView, PersonRef } from '../../flows/api/rooms.js';
import { userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const ROOM = { room_id: parseRoomId };
const membership = one<MembershipView>('api/membership');
const invitation = one<InvitationView>('api/invitation');

/** The schema holds that exactly one of the two ids is there. */
interface PersonBody {
  readonly participant_id?: string;
  readonly fqid?: string;
  readonly reason?: string;
}

function personOf(given: PersonBody): PersonRef {
  return given.fqid === undefined
    ? { participantId: parseParticipantId(given.participant_id) }
    : { fqid: parseFqid(given.fqid) };
}

export function memberRoutes(api: MembersApi): readonly Route[] {
  return [...ownRoutes(api), ...invitingRoutes(api), ...moderatingRoutes(api)];
}

function ownRoutes(api: MembersApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/members',
      who: 'member',
      summary: 'Members of a room, foreign ones included.',
      params: ROOM,
      query: PAGE_QUERY,
      reply: page<MemberView>('api/member'),
      handle: ({ caller, params, query }) => api.list(caller, params.room_id, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/join',
      who: 'member',
      summary: 'Join a public room, or one the caller is invited to; again, it changes nothing.',
      params: ROOM,
      body: optionalBody('api/nothing'),
      reply: membership,
      handle: ({ caller, params }) => api.join(caller, params.room_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/rejoin',
      who: 'member',
      summary: 'Come back to a room the caller left.',
      params: ROOM,
      body: optionalBody('api/nothing'),
      reply: membership,
      handle: ({ caller, params }) => api.rejoin(caller, params.room_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/leave',
      who: 'member',
      summary: 'Leave a room.',
      params: ROOM,
      body: optionalBody<{ readonly reason?: string }>('api/reason'),
      reply: membership,
      handle: ({ caller, params, body: { reason } }) => api.leave(caller, params.room_id, reason ?? null),
    }),
  ];
}

function invitingRoutes(api: MembersApi): readonly Route[] {
  return (['invite', 'invitations'] as const).map((spelling) =>
    userRoute({
      method: 'POST',
      path: `/v1/rooms/{room_id}/${spelling}`,
      who: 'member',
      summary: 'Invite a person of this tenant by id, or anybody by FQID.',
      params: ROOM,
      body: body<PersonBody>('api/person'),
      reply: invitation,
      handle: ({ caller, params, body: given }) =>
        api.invite(caller, params.room_id, personOf(given), given.reason ?? null),
    }),
  );
}

function moderatingRoutes(api: MembersApi): readonly Route[] {
  const acts = [
    { act: 'kick', summary: 'Remove a member, who may come back when invited.' },
    { act: 'ban', summary: 'Remove a person for good.' },
    { act: 'unban', summary: 'Lift a ban; the person is out, and may be invited again.' },
  ] as const;
  return [
    ...acts.map(({ act, summary }) =>
      userRoute({
        method: 'POST',
        path: `/v1/rooms/{room_id}/${act}`,
        who: 'member',
        summary,
        params: ROOM,
        body: body<PersonBody>('api/person'),
        reply: membership,
        handle: ({ caller, params, body: given }) =>
          api[act](caller, params.room_id, personOf(given), given.reason ?? null),
      }),
    ),
    userRoute({
      method: 'PUT',
      path: '/v1/rooms/{room_id}/members/{participant_id}/power-level',
      who: 'member',
      summary: "Set a member's power level, never above the caller's own.",
      params: { ...ROOM, participant_id: parseParticipantId },
      body: body<{ readonly power_level: number }>('api/power-level'),
      reply: one<MemberView>('api/member'),
      handle: ({ caller, params, body: given }) =>
        api.setPower(caller, params.room_id, params.participant_id, given.power_level),
    }),
  ];
}
