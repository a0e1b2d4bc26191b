import { signBridgeBody } from '../../src/protocol/bridge-signature.js';
import { nativeMessage } from './bridge-world.js';
import type { Gateway } from './gateway.js';
import { exchange, type Answer } from './http-caller.js';

export interface MadeBridge {
  readonly id: string;
  readonly shared_secret: string;
  readonly inbound_url: string;
}

export function makeBridge(gateway: Gateway, room: string, webhook: string): Promise<MadeBridge> {
  return gateway.ask<MadeBridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'both', room_id: room, name: 'Other side', outbound_webhook: webhook });
}

/** What the other side says, signed; answers with the status, or with the code of a refusal. */
export async function bridgedCall(bridge: MadeBridge, eventId: string, text: string): Promise<number | string> {
  const { status, body } = await relay(bridge, eventId, text);
  return body.error?.code ?? status;
}

/** The same, with the whole answer. */
export function relay(bridge: MadeBridge, eventId: string, text: string, waitMs?: number): Promise<Answer> {
  const body = Buffer.from(JSON.stringify(nativeMessage(eventId, text)));
  const headers = { 'content-type': 'application/json', 'x-scaiwave-bridge-signature': signBridgeBody([bridge.shared_secret], Date.now(), body) };
  return exchange(bridge.inbound_url, { method: 'POST', headers, body }, waitMs);
}
