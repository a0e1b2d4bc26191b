import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { SyncApi, SyncView } from '../../flows/api/sync.js';
import { userRoute } from '../define-route.js';
import { whole, wholeUpTo, withDefault } from '../read.js';
import { nothing, one } from '../reply.js';
import type { Route } from '../route.js';

export const STREAM_PATH = '/v1/stream';

export function syncRoutes(api: SyncApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/sync',
      who: 'member',
      summary: 'Everything new since a cursor, in all rooms of the caller; waits when there is nothing.',
      query: {
        since: withDefault(whole(0, Number.MAX_SAFE_INTEGER), 0),
        limit: withDefault(whole(1, LIMITS.syncPageMax), LIMITS.syncPageDefault),
        timeout: withDefault(wholeUpTo(LIMITS.syncTimeoutMaxMs), LIMITS.syncTimeoutDefaultMs),
      },
      reply: one<SyncView>('api/sync'),
      handle: ({ caller, query: { since, limit, timeout }, call }) =>
        api.sync(caller, { since, limit, timeoutMs: timeout, signal: call.signal() }),
    }),
    {
      method: 'GET',
      path: STREAM_PATH,
      who: 'member',
      summary: 'Events as they happen, over a WebSocket (specs/protocol/http.md).',
      query: ['token'],
      request: null,
      requestOptional: false,
      response: nothing.schema,
      responseKind: 'stream',
      // Reached only by a plain GET: an upgrade never comes to the table.
      run: () => Promise.reject(new GatewayError('SW_BAD_REQUEST', 'no WebSocket upgrade', { publicDetail: 'This path speaks WebSocket.' })),
    },
  ];
}
