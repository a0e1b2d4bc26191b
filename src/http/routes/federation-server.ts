import type { JsonObject } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';
import type { FederationServerApi } from '../../flows/api/federation-server.js';
import { openRoute, peerRoute } from '../define-route.js';
import { whole, withDefault } from '../read.js';
import { answer, document } from '../reply.js';
import type { Route } from '../route.js';

const BASE = '/_scaiwave/federation/v1';

/** Nothing is read out of a peer's path before its signature holds. */
const asSent = (text: string): string => text;

export function federationServerRoutes(api: FederationServerApi): readonly Route[] {
  const who = 'peer' as const;
  const screen = (call: Parameters<FederationServerApi['screen']>[0]): Promise<void> => api.screen(call);
  return [
    peerRoute({
      method: 'POST',
      path: `${BASE}/send`,
      who,
      screen,
      summary: 'Receive a signed event, or a batch of items.',
      request: 'api/send',
      reply: answer<JsonObject>('api/send-answer'),
      handle: ({ request }) => api.send(request),
    }),
    peerRoute({
      method: 'GET',
      path: `${BASE}/profile/{local_id}`,
      who,
      screen,
      summary: 'Profile of a local person, for servers that share a room with them.',
      params: { local_id: asSent },
      request: null,
      reply: answer<JsonObject>('federation/profile'),
      handle: ({ request, params }) => api.profile(request, params.local_id),
    }),
    peerRoute({
      method: 'GET',
      path: `${BASE}/rooms/{room_id}/members`,
      who,
      screen,
      summary: 'Members of a federated room.',
      params: { room_id: asSent },
      request: null,
      reply: answer<JsonObject>('federation/members'),
      handle: ({ request, params }) => api.members(request, params.room_id),
    }),
    peerRoute({
      method: 'GET',
      path: `${BASE}/rooms/{room_id}/backfill`,
      who,
      screen,
      summary: 'A run of entries that the asking server may read.',
      params: { room_id: asSent },
      query: {
        from_seq: withDefault(whole(1, Number.MAX_SAFE_INTEGER), 1),
        limit: withDefault(whole(1, LIMITS.backfillMax), LIMITS.backfillMax),
      },
      request: null,
      reply: answer<JsonObject>('federation/backfill'),
      handle: ({ request, params, query }) =>
        api.backfill(request, params.room_id, { fromSeq: query.from_seq, limit: query.limit }),
    }),
    openRoute({
      method: 'GET',
      path: '/.well-known/scaiwave/server',
      who: 'nobody',
      summary: 'The server that answers under this Host, its keys and its endpoints.',
      reply: document<JsonObject>('federation/descriptor'),
      // The header comes first: behind a configured address the host may be another.
      handle: ({ call }) => api.descriptor(call.headers['x-scaiwave-destination'] ?? call.headers['host'] ?? ''),
    }),
  ];
}
