import type { JsonObject } from '../../kernel/events.js';
import { parseEventId, parseParticipantId, parseRoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { EventView, MessagesApi } from '../../flows/api/messages.js';
import { userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { oneOf, optional, textUpTo, whole, withDefault } from '../read.js';
import { cursorPage, nothing, one } from '../reply.js';
import type { Route } from '../route.js';

const ROOM = { room_id: parseRoomId };
const EVENT = { room_id: parseRoomId, event_id: parseEventId };
const event = one<EventView>('api/event');

interface NewMessageBody {
  readonly content: JsonObject;
  readonly event_uuid?: string;
  readonly as_participant_id?: string;
}

export function messageRoutes(api: MessagesApi): readonly Route[] {
  return [...talkingRoutes(api), ...amendingRoutes(api), ...reactingRoutes(api)];
}

function talkingRoutes(api: MessagesApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/send',
      who: 'member',
      summary: 'Send a message. The same event_uuid twice is one message and one answer.',
      params: ROOM,
      body: body<NewMessageBody>('api/new-message'),
      reply: event,
      handle: ({ caller, params, body: given }) =>
        api.send(caller, params.room_id, {
          content: given.content,
          eventUuid: given.event_uuid ?? null,
          asParticipantId: given.as_participant_id === undefined ? null : parseParticipantId(given.as_participant_id),
        }),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/messages',
      who: 'member',
      summary: 'Events of a room, newest first unless asked otherwise.',
      params: ROOM,
      query: {
        limit: withDefault(whole(1, LIMITS.messagesPageMax), LIMITS.messagesPageDefault),
        from: optional(whole(0, Number.MAX_SAFE_INTEGER)),
        direction: withDefault(oneOf(['back', 'forward']), 'back'),
      },
      reply: cursorPage<EventView>('api/event'),
      handle: ({ caller, params, query }) => api.list(caller, params.room_id, query),
    }),
  ];
}

function amendingRoutes(api: MessagesApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/events/{event_id}/edit',
      who: 'member',
      summary: 'Replace the content of an own message, within 24 hours.',
      params: EVENT,
      body: body<{ readonly content: JsonObject }>('api/edit'),
      reply: event,
      handle: ({ caller, params, body: { content } }) => api.edit(caller, params.room_id, params.event_id, content),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/events/{event_id}/redact',
      who: 'member',
      summary: 'Erase an own message, or anybody’s with power 50.',
      params: EVENT,
      body: optionalBody<{ readonly reason?: string }>('api/reason'),
      reply: event,
      handle: ({ caller, params, body: { reason } }) =>
        api.redact(caller, params.room_id, params.event_id, reason ?? null),
    }),
  ];
}

function reactingRoutes(api: MessagesApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/events/{event_id}/reactions',
      who: 'member',
      summary: 'React to a message.',
      params: EVENT,
      body: body<{ readonly emoji: string }>('api/reaction'),
      reply: event,
      handle: ({ caller, params, body: { emoji } }) => api.react(caller, params.room_id, params.event_id, emoji),
    }),
    userRoute({
      method: 'DELETE',
      path: '/v1/rooms/{room_id}/events/{event_id}/reactions/{emoji}',
      who: 'member',
      summary: 'Take back an own reaction.',
      params: { ...EVENT, emoji: textUpTo(LIMITS.emojiCharsMax) },
      reply: nothing,
      handle: ({ caller, params }) => api.unreact(caller, params.room_id, params.event_id, params.emoji),
    }),
  ];
}
