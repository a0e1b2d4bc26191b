import { expect } from 'chai';
import { signBridgeBody } from '../../../src/protocol/bridge-signature.js';
import { nativeMessage } from '../../support/bridge-world.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../../support/gateway.js';
import { Person } from '../../support/people.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';

interface BridgeSeen {
  readonly id: string;
  readonly bridge_id: string;
  readonly shared_secret: string;
  readonly inbound_url: string;
  readonly state: string;
  readonly paused_reason: string | null;
}

interface Reply {
  readonly status: number;
  readonly body: { readonly data?: { readonly event_id: string; readonly status: string }; readonly error?: { readonly code: string } };
}

/** Calls a bridge as another system would: over HTTP, signed. */
async function call(bridge: BridgeSeen, message: object): Promise<Reply> {
  const body = Buffer.from(JSON.stringify(message));
  const headers = { 'content-type': 'application/json', 'x-scaiwave-bridge-signature': signBridgeBody([bridge.shared_secret], Date.now(), body) };
  const response = await fetch(bridge.inbound_url, { method: 'POST', headers, body });
  return { status: response.status, body: (await response.json()) as Reply['body'] };
}

describe('A bridge between nodes', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;
  let receiver: WebhookReceiver;
  let alice: Person;
  let bob: Person;
  let shared: { readonly home: string; readonly away: string };

  before(async () => {
    receiver = new WebhookReceiver();
    await receiver.start();
    [a, b] = await federatedPair({ env: { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' } });
    alice = await Person.of(a, 'admin');
    bob = await Person.of(b, 'bob');
    shared = await sharedRoom(a, b);
  });
  after(async () => {
    await receiver.stop();
    await Promise.all([a.end(), b.end()]);
  });

  const make = (gateway: Gateway, room: string, name: string, hook = ''): Promise<BridgeSeen> =>
    gateway.ask<BridgeSeen>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'both', room_id: room, name, outbound_webhook: `${receiver.url}${hook}` });
  const seen = (gateway: Gateway, bridge: BridgeSeen): Promise<BridgeSeen> => gateway.ask<BridgeSeen>('admin', 'GET', `/v1/admin/bridges/${bridge.id}`);
  const taken = (bridge: BridgeSeen, message: object): Promise<true> => eventually(async () => (await call(bridge, message)).status === 200).then(() => true);
  const hears = (person: Person, room: string, text: string): Promise<true> => eventually(async () => (await person.hears(room)).includes(text)).then(() => true);

  it('relays both ways in a room whose home is elsewhere, once its member is let in', async () => {
    const bridge = await make(b, shared.away, 'Away');
    await taken(bridge, nativeMessage('m-1', 'from behind B'));
    await hears(alice, shared.home, 'from behind B');
    await hears(bob, shared.away, 'from behind B');
    await alice.says(shared.home, 'from A');
    await eventually(async () => receiver.bodies.includes('from A'));
    expect(receiver.bodies).not.to.include('from behind B');
    expect((await call(bridge, nativeMessage('m-1', 'from behind B'))).body.data?.status).to.equal('duplicate');
    expect((await call(bridge, nativeMessage('m-1', 'something else'))).body.error?.code).to.equal('SW_EVENT_CONFLICT');

    // The home refuses a second bridge to the same channel, whichever server asks.
    await eventually(async () => (await a.database.asOwner("select 1 from entries where event_type = 'swp.room.bridge'")).length === 1);
    expect((await a.call('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'out', room_id: shared.home, name: 'Again', outbound_webhook: receiver.url })).body.error?.code).to.equal('SW_BRIDGE_CHANNEL_TAKEN');
    const second = await make(b, shared.away, 'Again');
    await eventually(async () => (await seen(b, second)).state === 'ended');
    expect((await seen(b, second)).paused_reason).to.equal('SW_BRIDGE_CHANNEL_TAKEN');

    // Whoever throws the member out ends the bridge, on the server where it runs.
    const fqid = `@bridge-${bridge.id.slice(4)}:${b.name}`;
    await alice.do('POST', `/v1/rooms/${shared.home}/kick`, { fqid });
    await eventually(async () => (await seen(b, bridge)).state === 'ended');
    expect((await call(bridge, nativeMessage('m-9', 'late'))).body.error?.code).to.equal('SW_BRIDGE_NOT_FOUND');
  });

  it('parks what the home refuses, with its reason', async () => {
    const bridge = await make(b, shared.away, 'Refused', '/2');
    await taken(bridge, nativeMessage('m-1', 'before'));
    await hears(alice, shared.home, 'before');
    // The home archives the room while B does not hear of it: what B accepts now, the home refuses later.
    await a.stop();
    await a.database.asOwner("update rooms set state = 'archived', epoch = epoch + 1 where room_id = $1", [shared.home]);
    const late = await call(bridge, nativeMessage('m-2', 'too late'));
    expect(late.status).to.equal(200);
    await a.start();
    const parked = await eventually(async () => {
      const rows = await b.ask<{ event_id: string; last_error: string; id: string }[]>('admin', 'GET', `/v1/admin/bridges/${bridge.id}/deliveries?state=parked`);
      return rows.find((row) => row.event_id === late.body.data?.event_id);
    }, 60_000);
    expect(parked.last_error).to.equal('SW_ROOM_FROZEN');
    expect((await b.call('admin', 'POST', `/v1/admin/bridges/${bridge.id}/deliveries/${parked.id}/replay`)).body.error?.code).to.equal('SW_BAD_REQUEST');
  });
});
