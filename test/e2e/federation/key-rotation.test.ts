import { expect } from 'chai';
import { openAdmin } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { bring, equalHeads, federatedRoom, heard } from '../../support/federated.js';
import { federatedPair, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

describe('keys of a.example that are rotated while b.example has them', function () {
  this.timeout(120_000);
  let a: Gateway;
  let b: Gateway;
  let alice: Person;
  let bob: Person;
  let room: RoomSeen;
  let there: string;

  before(async () => {
    [a, b] = await federatedPair();
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
    room = await federatedRoom(alice);
    there = await bring(alice, room, bob);
  });
  after(() => Promise.all([a.end(), b.end()]));

  const say = (who: Person, id: string, body: string) => who.do('POST', `/v1/rooms/${id}/send`, { content: { msgtype: 'swp.text', body } });
  const shownKey = async (): Promise<string> => (await a.ask<{ key_id: string }>('admin', 'GET', '/v1/admin/federation/identity')).key_id;

  /** As `scaiwave admin federation key rotate` does it, while the node is down: to a key that nobody has heard of. */
  async function rotatedTwice(): Promise<void> {
    await a.stop();
    const admin = await openAdmin(loadConfig({ SCAIWAVE_DB_URL: a.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: a.name }));
    await admin.rotateFederationKey(undefined);
    await admin.rotateFederationKey(undefined);
    await admin.close();
    await a.start();
  }

  it('are followed by themselves: people talk on in both directions', async () => {
    const before = await shownKey();
    await say(alice, room.id, 'signed before');
    await heard(bob, there, 'signed before');
    await rotatedTwice();
    expect(await shownKey()).not.to.equal(before);
    await say(bob, there, 'to the one who rotated');
    await say(alice, room.id, 'signed anew');
    await heard(bob, there, 'signed anew');
    await heard(alice, room.id, 'to the one who rotated');
    await equalHeads(room.room_alias, a, b);
  });

  it('are not taken for an attack, and what the old ones signed still stands', async () => {
    const [peer] = await b.ask<{ server_name: string; state: string }[]>('admin', 'GET', '/v1/admin/federation/peers');
    expect(peer).to.include({ server_name: a.name, state: 'active' });
    const carol = await Person.of(b, 'carol');
    await bring(alice, room, carol);
    await heard(bob, there, 'signed before');
  });
});
