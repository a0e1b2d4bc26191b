import type { JsonObject } from '../../kernel/events.js';
import { GatewayError } from '../../kernel/errors.js';
import { parseBridgeId, parseDeliveryId, parseRoomId } from '../../kernel/ids.js';
import type { BridgeId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { BridgeInboundApi, BridgeInboundView } from '../../flows/api/bridge-inbound.js';
import type {
  BridgeDetailView,
  BridgeDirection,
  BridgesAdminApi,
  BridgeView,
  DeliveryView,
  NewBridge,
  NewBridgeView,
  RotatedSecretView,
} from '../../flows/api/bridges-admin.js';
import { bridgeRoute, userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { oneOf, optional } from '../read.js';
import { nothing, one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const BRIDGE = { bridge_id: parseBridgeId };
const bridge = one<BridgeDetailView>('api/bridge-detail');

interface NewBridgeBody extends JsonObject {
  readonly transport: string;
  readonly direction: BridgeDirection;
  readonly room_id: string;
  readonly name: string;
}

function newBridge({ transport, direction, room_id, name, outbound_webhook, ...settings }: NewBridgeBody): NewBridge {
  const outboundWebhook = typeof outbound_webhook === 'string' ? outbound_webhook : null;
  return { transport, direction, name, outboundWebhook, settings, roomId: parseRoomId(room_id) };
}

/** A caller without the secret learns nothing, not even which ids could exist. */
function namedBridge(input: string): BridgeId {
  try {
    return parseBridgeId(input);
  } catch (cause) {
    throw new GatewayError('SW_BRIDGE_SIGNATURE', 'not a bridge id', { cause });
  }
}

export function bridgeInboundRoutes(api: BridgeInboundApi): readonly Route[] {
  return [
    bridgeRoute({
      method: 'POST',
      path: '/v1/bridges/{bridge_id}/inbound',
      who: 'bridge',
      summary: 'Relay one message of another system into the room.',
      params: { bridge_id: namedBridge },
      request: 'bridge/message',
      reply: one<BridgeInboundView>('api/bridge-inbound'),
      handle: ({ params, body: bytes, call: { headers, requestId, counted } }) =>
        api.receive({ bridgeId: params.bridge_id, headers, body: bytes, requestId, counted }),
    }),
  ];
}

export function bridgeAdminRoutes(api: BridgesAdminApi): readonly Route[] {
  return [...keepingRoutes(api), ...runningRoutes(api), ...deliveryRoutes(api)];
}

function keepingRoutes(api: BridgesAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/bridges',
      who: 'tenant_admin',
      summary: 'Bridges of the tenant.',
      query: PAGE_QUERY,
      reply: page<BridgeView>('api/bridge'),
      handle: ({ caller, query }) => api.list(caller, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/bridges',
      who: 'tenant_admin',
      summary: 'Make a bridge; its secret is shown in this answer and never again.',
      body: body<NewBridgeBody>('api/new-bridge'),
      reply: one<NewBridgeView>('api/bridge-created'),
      handle: ({ caller, body: given }) => api.create(caller, newBridge(given)),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/bridges/{bridge_id}',
      who: 'tenant_admin',
      summary: 'One bridge, how its secrets are used, and how much waits for it.',
      params: BRIDGE,
      reply: bridge,
      handle: ({ caller, params }) => api.get(caller, params.bridge_id),
    }),
    userRoute({
      method: 'DELETE',
      path: '/v1/admin/bridges/{bridge_id}',
      who: 'tenant_admin',
      summary: 'End a bridge for good.',
      params: BRIDGE,
      reply: nothing,
      handle: ({ caller, params }) => api.remove(caller, params.bridge_id),
    }),
  ];
}

function runningRoutes(api: BridgesAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/admin/bridges/{bridge_id}/pause',
      who: 'tenant_admin',
      summary: 'Stop relaying in both directions; nothing is lost.',
      params: BRIDGE,
      body: optionalBody('api/nothing'),
      reply: bridge,
      handle: ({ caller, params }) => api.pause(caller, params.bridge_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/bridges/{bridge_id}/resume',
      who: 'tenant_admin',
      summary: 'Relay again, with what happened meanwhile or without it.',
      params: BRIDGE,
      body: optionalBody<{ readonly from?: 'here' | 'now' }>('api/resume'),
      reply: bridge,
      handle: ({ caller, params, body: { from } }) => api.resume(caller, params.bridge_id, from ?? 'here'),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/bridges/{bridge_id}/rotate-secret',
      who: 'tenant_admin',
      summary: 'Make a new secret, shown once; the old one stays valid for a while.',
      params: BRIDGE,
      body: optionalBody<{ readonly grace_seconds?: number }>('api/rotate-secret'),
      reply: one<RotatedSecretView>('api/rotated-secret'),
      handle: ({ caller, params, body: { grace_seconds } }) =>
        api.rotateSecret(
          caller,
          params.bridge_id,
          grace_seconds === undefined ? LIMITS.bridgeGraceDefaultMs : grace_seconds * 1000,
        ),
    }),
  ];
}

function deliveryRoutes(api: BridgesAdminApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/bridges/{bridge_id}/deliveries',
      who: 'tenant_admin',
      summary: 'What was sent, what waits, and what was set aside, newest first.',
      params: BRIDGE,
      query: { ...PAGE_QUERY, state: optional(oneOf(['delivered', 'waiting', 'parked'])) },
      reply: page<DeliveryView>('api/delivery'),
      handle: ({ caller, params, query }) => api.deliveries(caller, params.bridge_id, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/bridges/{bridge_id}/deliveries/{delivery_id}/replay',
      who: 'tenant_admin',
      summary: 'Send again what was set aside.',
      params: { ...BRIDGE, delivery_id: parseDeliveryId },
      body: optionalBody('api/nothing'),
      reply: one<DeliveryView>('api/delivery'),
      handle: ({ caller, params }) => api.replay(caller, params.bridge_id, params.delivery_id),
    }),
  ];
}
