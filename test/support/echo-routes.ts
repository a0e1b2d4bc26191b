import { document, nothing, one, text } from '../../src/http/reply.js';
import { bridgeRoute, openRoute, peerRoute, userRoute } from '../../src/http/define-route.js';
import { body, optionalBody } from '../../src/http/json-body.js';
import { whole, withDefault } from '../../src/http/read.js';
import type { Route } from '../../src/http/route.js';
import { GatewayError } from '../../src/kernel/errors.js';
import { parseRoomId } from '../../src/kernel/ids.js';
import type { JsonObject } from '../../src/kernel/events.js';

/** One route of each kind, saying back what arrived. */
export function echoRoutes(): readonly Route[] {
  const anything = { ...one<unknown>('none'), schema: null };
  const raw = { ...document<unknown>('none'), schema: null };
  return [
    userRoute({
      method: 'POST',
      path: '/rooms/{room_id}/send',
      who: 'member',
      summary: 'Say it again.',
      params: { room_id: parseRoomId },
      query: { limit: withDefault(whole(1, 10), 5) },
      body: body<{ readonly content: JsonObject }>('api/new-message'),
      reply: anything,
      handle: async ({ caller, params, query, body: given }) => ({ person: caller.participantId, ...params, ...query, given }),
    }),
    userRoute({
      method: 'POST',
      path: '/leave',
      who: 'member',
      summary: 'A body may be there.',
      body: optionalBody<{ readonly reason?: string }>('api/reason'),
      reply: anything,
      handle: async ({ body: given }) => given,
    }),
    userRoute({ method: 'GET', path: '/admin', who: 'tenant_admin', summary: 'Admins.', reply: anything, handle: async ({ caller }) => caller.role }),
    userRoute({ method: 'DELETE', path: '/things/{emoji}', who: 'member', summary: 'Gone.', params: { emoji: (given) => given }, reply: nothing, handle: async () => undefined }),
    openRoute({ method: 'GET', path: '/open/{name}', who: 'nobody', summary: 'Anybody.', params: { name: (given) => given }, reply: anything, handle: ({ params }) => params }),
    openRoute({ method: 'GET', path: '/text', who: 'nobody', summary: 'Text.', reply: text, handle: () => 'a 1\n' }),
    openRoute({ method: 'GET', path: '/bare', who: 'nobody', summary: 'Bare.', reply: raw, handle: () => ({ bare: true }) }),
    openRoute({
      method: 'GET',
      path: '/broken',
      who: 'nobody',
      summary: 'A bug.',
      reply: anything,
      handle: () => {
        throw new TypeError('secret detail');
      },
    }),
    openRoute({
      method: 'GET',
      path: '/busy',
      who: 'nobody',
      summary: 'Overloaded.',
      reply: anything,
      handle: () => Promise.reject(new GatewayError('SW_OVERLOADED', 'queue full', { retryAfterSeconds: 7 })),
    }),
    peerRoute({
      method: 'POST',
      path: '/peer/{room_id}',
      who: 'peer',
      summary: 'A server.',
      request: 'api/send',
      params: { room_id: (given) => given },
      screen: async ({ headers }) => {
        if (headers['x-scaiwave-origin'] === 'denied.example') throw new GatewayError('SW_FED_PEER_DENIED', 'test');
      },
      reply: anything,
      handle: async ({ request, params }) => ({ target: request.target, ...params, bytes: request.body?.toString('hex') }),
    }),
    bridgeRoute({ method: 'POST', path: '/bridge', who: 'bridge', summary: 'A bridge.', request: 'bridge/message', reply: anything, handle: async ({ body: bytes }) => bytes.toString('latin1') }),
  ];
}
