import type { BridgeSecretRow } from '../../store/repositories/bridge-secrets.repository.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { ConsumerRow } from '../../store/repositories/consumers.repository.js';
import type { DeliveryRow } from '../../store/repositories/deliveries.repository.js';
import type { BridgeSecretView, BridgeView, DeliveryView } from '../api/bridges-admin.js';
import { iso } from '../event-view.js';

export interface BridgeFacts {
  readonly bridge: BridgeRow;
  readonly secrets: readonly BridgeSecretRow[];
  readonly consumer: ConsumerRow | undefined;
}

export function bridgeView({ bridge, secrets, consumer }: BridgeFacts, publicUrl: string): BridgeView {
  return {
    id: bridge.bridge_id,
    name: bridge.name,
    transport: bridge.transport,
    direction: bridge.direction,
    room_id: bridge.room_id,
    state: bridge.state,
    paused_reason: bridge.paused_reason,
    outbound_webhook: bridge.outbound_webhook,
    inbound_url: `${publicUrl}/v1/bridges/${bridge.bridge_id}/inbound`,
    secrets: secrets.map(secretView),
    last_error: consumer?.last_error ?? null,
    last_ok_at: orNull(consumer?.last_ok),
    created_at: iso(bridge.created_at),
  };
}

function secretView(secret: BridgeSecretRow): BridgeSecretView {
  return { created_at: iso(secret.created_at), expires_at: orNull(secret.expires_at), last_used_at: orNull(secret.last_used_at), use_count: secret.use_count };
}

export function deliveryView(row: DeliveryRow): DeliveryView {
  return {
    id: row.delivery_id,
    event_id: row.event_id,
    state: row.state,
    attempts: row.attempts,
    last_status: row.last_status,
    last_error: row.last_error,
    last_duration_ms: row.last_ms,
    tries: row.tries.map(({ at, status, error, ms }) => ({ at: iso(at), status, error, duration_ms: ms })),
    answer: row.answer === null ? null : asText(row.answer),
    maybe_twice: row.maybe_twice,
    next_attempt_at: row.state === 'waiting' ? orNull(row.next_attempt_at) : null,
    external_id: row.external_id,
    updated_at: iso(row.updated_at),
  };
}

/** A stranger wrote it, and a terminal may show it. */
function asText(answer: Buffer): string {
  return answer.toString('utf8').replace(/[^\P{Cc}\t\n\r]/gu, '\uFFFD');
}

function orNull(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : iso(ms);
}
