import { randomUUID } from 'node:crypto';
import { BRIDGE_SIGNATURE_HEADER, signBridgeBody } from '../../../src/protocol/bridge-signature.js';
import type { Shot } from '../load.js';
import { throughput } from '../report.js';
import { inTurn, many, singles, type Bench } from '../rounds.js';

const BRIDGES = 120;
const MESSAGES_PER_ROUND = 1_200;
const TEXT = 'A message of ordinary length, as people write them to each other all day long; and one more clause.';

interface Bridge {
  readonly bridge_id: string;
  readonly shared_secret: string;
}

/** Signed webhooks of 120 bridges, fewer for a quick look, each into a room of its own and by one person of its own. */
export const bridgeInbound: Bench = async ({ a, gunAtNode, gunAtFloor, nodeMeters, floorMeters }, { count, scale }) => {
  const bridges: Bridge[] = [];
  for (let n = 0; n < Math.min(1, scale) * BRIDGES; n += 1) {
    const room = await a.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: `Bridged ${n}` });
    bridges.push(await a.ask<Bridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: room.id, name: `bridge ${n}` }));
  }
  const shots = (at: (bridge: Bridge) => string): readonly Shot[] =>
    many(MESSAGES_PER_ROUND * scale, (index) => {
      const bridge = bridges[index % bridges.length];
      if (bridge === undefined) throw new Error('a bridge');
      return webhook(at(bridge), bridge.shared_secret);
    });
  const node = (): ReturnType<typeof singles> => singles(gunAtNode, nodeMeters, shots((bridge) => `/v1/bridges/${bridge.bridge_id}/inbound`));
  const floor = (): ReturnType<typeof singles> => singles(gunAtFloor, floorMeters, shots(() => '/hook'));
  const result = await inTurn(count, node, floor);
  const note = 'the same bodies: HMAC, parsed, signed as an event, inserted in groups of up to 200, two at a time; its secret comes with the request, no repeat is looked for';
  return [throughput('bridge inbound', 'messages/s', result.node, result.floor, note)];
};

function webhook(path: string, secret: string): Shot {
  const content = { msgtype: 'swp.text', body: TEXT };
  const body = Buffer.from(JSON.stringify({ event_id: randomUUID(), sender: { external_id: 'u1', display_name: 'Una' }, content }));
  const headers = { 'content-type': 'application/json', [BRIDGE_SIGNATURE_HEADER]: signBridgeBody([secret], Date.now(), body), 'x-secret': secret };
  return { method: 'POST', path, headers, body };
}
