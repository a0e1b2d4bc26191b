import type { HealthView, OpsApi, ReadyView } from '../../flows/api/ops.js';
import { openRoute } from '../define-route.js';
import { document, text } from '../reply.js';
import type { Route } from '../route.js';

export function opsRoutes(api: OpsApi): readonly Route[] {
  return [
    openRoute({
      method: 'GET',
      path: '/health',
      who: 'nobody',
      summary: 'The process runs.',
      reply: document<HealthView>('api/health'),
      handle: () => api.health(),
    }),
    openRoute({
      method: 'GET',
      path: '/ready',
      who: 'nobody',
      summary: 'Requests would be answered now; 503 when not.',
      reply: document<ReadyView>('api/ready', ({ ready }) => (ready ? 200 : 503)),
      handle: () => api.ready(),
    }),
    openRoute({
      method: 'GET',
      path: '/metrics',
      who: 'nobody',
      summary: 'Metrics in the Prometheus text format.',
      reply: text,
      handle: () => api.metrics(),
    }),
  ];
}
