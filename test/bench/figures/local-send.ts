import { tokenOf } from '../../support/http-caller.js';
import type { Shot } from '../load.js';
import { throughput } from '../report.js';
import { inTurn, many, singles, type Bench } from '../rounds.js';

const SENDS_PER_ROUND = 2_000;
const TEXT = 'A message of ordinary length, as people write them to each other all day long; and one more clause.';

/** People of the node itself, into one hosted room. */
export const localSend: Bench = async ({ a, gunAtNode, gunAtFloor, nodeMeters, floorMeters }, { count, scale }) => {
  const { id } = await a.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Local' });
  const shots = (path: string): readonly Shot[] => many(SENDS_PER_ROUND * scale, () => sendShot(path, TEXT));
  const node = (): ReturnType<typeof singles> => singles(gunAtNode, nodeMeters, shots(`/v1/rooms/${id}/send`));
  const floor = (): ReturnType<typeof singles> => singles(gunAtFloor, floorMeters, shots('/said'));
  const result = await inTurn(count, node, floor);
  const note = 'the same bodies: parsed, signed as an event, inserted in groups of up to 200, two at a time; nobody is asked who they are';
  return [throughput('local send', 'sends/s', result.node, result.floor, note)];
};

export function sendShot(path: string, body: string): Shot {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${tokenOf('admin')}` };
  return { method: 'POST', path, headers, body: Buffer.from(JSON.stringify({ content: { msgtype: 'swp.text', body } })) };
}
