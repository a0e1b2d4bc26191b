import { expect } from 'chai';
import { signBridgeBody } from '../../../src/protocol/bridge-signature.js';
import { nativeMessage } from '../../support/bridge-world.js';
import type { MadeBridge } from '../../support/bridged-call.js';
import { gateways, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';

/** As bridges.md has it; a change of the limit is a change of the protocol. */
const MIB = 1_048_576;

describe('the body of an inbound bridge call', function () {
  this.timeout(30_000);
  let a: Gateway;
  let alice: Person;
  let room: RoomSeen;
  let bridge: MadeBridge;

  before(async () => {
    [a] = (await gateways(['a.example'])) as [Gateway];
    alice = await Person.of(a, 'admin');
    room = await alice.room();
    bridge = await a.ask<MadeBridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: room.id, name: 'Other side' });
  });
  after(() => a.end());

  /** The message in so many bytes: blanks around JSON are JSON. */
  async function sent(text: string, length: number): Promise<readonly [status: number, code: string | undefined]> {
    const body = Buffer.from(JSON.stringify(nativeMessage(text, text)).padEnd(length));
    expect(body.length).to.equal(length);
    const headers = { 'content-type': 'application/json', 'x-scaiwave-bridge-signature': signBridgeBody([bridge.shared_secret], Date.now(), body) };
    const response = await fetch(bridge.inbound_url, { method: 'POST', headers, body });
    return [response.status, ((await response.json()) as { error?: { code: string } }).error?.code];
  }

  it('may have 1 MiB, and not one byte more, whoever signed it', async () => {
    expect(await sent('as large as may be', MIB)).to.deep.equal([200, undefined]);
    expect(await sent('one byte more', MIB + 1)).to.deep.equal([413, 'SW_BODY_TOO_LARGE']);
    expect(await alice.hears(room.id)).to.deep.equal(['as large as may be']);
  });
});
