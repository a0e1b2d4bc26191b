import { EVENT_TYPES } from '../../../src/kernel/events.js';
import { throughput } from '../report.js';
import { inTurn, many, singles, type Bench } from '../rounds.js';
import { logNameOf } from '../scripted-server.js';
import type { Shot } from '../load.js';

const WRITERS = 16;
const EVENTS_PER_ROUND = 2_000;
const TEXT = 'A message of ordinary length, as people write them to each other all day long; and one more clause.';

/** One event a request, by people of 16 scripted servers, into one hosted room. */
export const inboundEvents: Bench = async ({ a, scripted, gunAtNode, gunAtFloor, nodeMeters, floorMeters }, { count, scale }) => {
  const writers = scripted.slice(0, WRITERS);
  const { id } = await a.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Inbound' });
  await a.ask('admin', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
  const room = logNameOf(id, a.name);
  for (const writer of writers) {
    await a.ask('admin', 'POST', `/v1/rooms/${id}/invitations`, { fqid: writer.person });
    const item = await writer.awaits('member');
    writer.sees(item.head);
    const join = writer.event(room, EVENT_TYPES.member, { target: writer.person, membership: 'join' });
    await gunAtNode.fire(writer.shot(a.name, { event: join }));
  }
  const made = (): readonly Shot[] =>
    many(EVENTS_PER_ROUND * scale, (index) => {
      const writer = writers[index % WRITERS];
      if (writer === undefined) throw new Error('a writer');
      return writer.shot(a.name, { event: writer.message(room, TEXT) });
    });
  let shots: readonly Shot[] = [];
  const node = (): ReturnType<typeof singles> => {
    shots = made();
    return singles(gunAtNode, nodeMeters, shots, accepted);
  };
  const result = await inTurn(count, node, () => singles(gunAtFloor, floorMeters, shots, accepted));
  const note = 'the same requests: digest, request signature, event signature; rows inserted in groups of up to 200, two at a time. The writers take nothing back meanwhile: their lanes rest';
  return [throughput('inbound federation, single events', 'events/s', result.node, result.floor, note)];
};

function accepted(answer: unknown): void {
  const { status } = (answer as { readonly data: { readonly status: string } }).data;
  if (status !== 'accepted') throw new Error(`an event was answered ${JSON.stringify(answer)}`);
}
