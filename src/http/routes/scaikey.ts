import type { ScaikeyEventsApi, ScaikeyHeardView } from '../../flows/api/scaikey.js';
import { scaikeyRoute } from '../define-route.js';
import { one } from '../reply.js';
import type { Route } from '../route.js';

export function scaikeyRoutes(api: ScaikeyEventsApi): readonly Route[] {
  return [
    scaikeyRoute({
      method: 'POST',
      path: '/v1/webhooks/scaikey',
      who: 'scaikey',
      summary: 'Hear from ScaiKey that an identity has changed.',
      request: 'scaikey/event',
      reply: one<ScaikeyHeardView>('api/scaikey-heard'),
      screen: () => api.screen(),
      handle: ({ call: { headers }, body }) => api.receive({ headers, body }),
    }),
  ];
}
