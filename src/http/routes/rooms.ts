import type { RoomType } from '../../kernel/events.js';
import { GatewayError } from '../../kernel/errors.js';
import { parseFqid, parseLogName, parseParticipantId, parseRoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { NewRoom, RoomStateView, RoomsApi, RoomView } from '../../flows/api/rooms.js';
import { userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { oneOf, optional, textUpTo } from '../read.js';
import { one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const ROOM_TYPES: readonly RoomType[] = ['group', 'dm', 'public', 'incognito', 'sidekick'];
const ROOM = { room_id: parseRoomId };
const room = one<RoomView>('api/room');
const rooms = page<RoomView>('api/room');

interface NewRoomBody {
  readonly room_type?: 'group' | 'public' | 'incognito';
  readonly name?: string | null;
  readonly topic?: string | null;
  readonly is_public?: boolean;
  readonly workspace_id?: string | null;
  readonly scope_kind?: 'incognito' | null;
  readonly visibility?: 'normal' | 'restricted';
  readonly history?: 'invite' | 'beginning';
  readonly read_role_slugs?: readonly string[];
}

/** The documented body can say the same thing twice; when it contradicts itself, it is refused. */
function newRoom(given: NewRoomBody): NewRoom {
  const roomType = given.room_type ?? (given.scope_kind === 'incognito' ? 'incognito' : 'group');
  const isPublic = given.is_public ?? roomType === 'public';
  if (given.scope_kind === 'incognito' && roomType !== 'incognito') {
    throw new GatewayError('SW_ROOM_TYPE_INVARIANT', `scope_kind incognito with room_type ${roomType}`);
  }
  if (isPublic !== (roomType === 'public')) {
    throw new GatewayError('SW_ROOM_TYPE_INVARIANT', `is_public ${isPublic} with room_type ${roomType}`);
  }
  return {
    roomType,
    isPublic,
    name: given.name ?? null,
    topic: given.topic ?? null,
    workspaceId: given.workspace_id ?? null,
    visibility: given.visibility ?? 'normal',
    history: given.history ?? 'invite',
    readRoleSlugs: given.read_role_slugs ?? [],
  };
}

export function roomRoutes(api: RoomsApi): readonly Route[] {
  return [...makingRoutes(api), ...findingRoutes(api), ...changingRoutes(api)];
}

function makingRoutes(api: RoomsApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/rooms',
      who: 'member',
      summary: 'Create a room; the caller is its first member, with power 100.',
      body: body<NewRoomBody>('api/new-room'),
      reply: room,
      handle: ({ caller, body: given }) => api.create(caller, newRoom(given)),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/dm',
      who: 'member',
      summary: 'Open the direct room with another person of this tenant; the same one every time.',
      body: body<{ readonly participant_id: string }>('api/new-dm'),
      reply: room,
      handle: ({ caller, body: given }) => api.openDm(caller, parseParticipantId(given.participant_id)),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/me/federated-dms',
      who: 'member',
      summary: 'Open the direct room with a person of another server, who is invited.',
      body: body<{ readonly fqid: string }>('api/new-federated-dm'),
      reply: room,
      handle: ({ caller, body: given }) => api.openFederatedDm(caller, parseFqid(given.fqid)),
    }),
  ];
}

function findingRoutes(api: RoomsApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/rooms',
      who: 'member',
      summary: 'Rooms the caller is in.',
      query: PAGE_QUERY,
      reply: rooms,
      handle: ({ caller, query }) => api.list(caller, query),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/archived',
      who: 'member',
      summary: 'Archived rooms the caller is in.',
      query: PAGE_QUERY,
      reply: rooms,
      handle: ({ caller, query }) => api.listArchived(caller, query),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/directory/rooms',
      who: 'member',
      summary: 'Public rooms of the tenant, and rooms the caller is in.',
      query: { ...PAGE_QUERY, q: optional(textUpTo(LIMITS.nameCharsMax)), room_type: optional(oneOf(ROOM_TYPES)) },
      reply: rooms,
      handle: ({ caller, query: { limit, offset, q, room_type } }) =>
        api.directory(caller, { limit, offset, q, roomType: room_type }),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/directory/alias/{alias}',
      who: 'member',
      summary: 'One room, by its `room_alias`.',
      params: { alias: parseLogName },
      reply: room,
      handle: ({ caller, params }) => api.byAlias(caller, params.alias),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}',
      who: 'member',
      summary: 'One room.',
      params: ROOM,
      reply: room,
      handle: ({ caller, params }) => api.get(caller, params.room_id),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/state',
      who: 'member',
      summary: 'Everything a client draws a room from, in one answer.',
      params: ROOM,
      reply: one<RoomStateView>('api/room-state'),
      handle: ({ caller, params }) => api.state(caller, params.room_id),
    }),
  ];
}

function changingRoutes(api: RoomsApi): readonly Route[] {
  return [
    userRoute({
      method: 'PUT',
      path: '/v1/rooms/{room_id}/name',
      who: 'member',
      summary: 'Rename a room.',
      params: ROOM,
      body: body<{ readonly name: string }>('api/room-name'),
      reply: room,
      handle: ({ caller, params, body: { name } }) => api.setName(caller, params.room_id, name),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/rooms/{room_id}/topic',
      who: 'member',
      summary: "Set a room's topic; an empty one clears it.",
      params: ROOM,
      body: body<{ readonly topic: string }>('api/room-topic'),
      reply: room,
      handle: ({ caller, params, body: { topic } }) => api.setTopic(caller, params.room_id, topic),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/archive',
      who: 'member',
      summary: 'Freeze a room until it is unarchived.',
      params: ROOM,
      body: optionalBody('api/nothing'),
      reply: room,
      handle: ({ caller, params }) => api.archive(caller, params.room_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/unarchive',
      who: 'member',
      summary: 'Open an archived room again.',
      params: ROOM,
      body: optionalBody('api/nothing'),
      reply: room,
      handle: ({ caller, params }) => api.unarchive(caller, params.room_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/close',
      who: 'member',
      summary: 'Close a room for good.',
      params: ROOM,
      body: optionalBody('api/nothing'),
      reply: room,
      handle: ({ caller, params }) => api.close(caller, params.room_id),
    }),
  ];
}
