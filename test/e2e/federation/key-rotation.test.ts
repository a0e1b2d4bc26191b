import { expect } from 'chai';
import { openAdmin } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { EVENT_TYPES } from '../../../src/kernel/events.js';
import { FakePeer } from '../../support/fake-peer.js';
import { bring, equalHeads, federatedRoom, heard, invitationTo, joinedRoom, memberships, PATIENCE_MS } from '../../support/federated.js';
import { eventually, federatedPair, gateways, type Gateway } from '../../support/gateway.js';
import { HostileHome } from '../../support/hostile-home.js';
import { HostilePeer } from '../../support/hostile-peer.js';
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

describe('keys of servers that were rotated before a mirror was made', function () {
  this.timeout(60_000);
  const DAY_MS = 86_400_000;
  let a: Gateway;
  let mallory: HostilePeer;
  let alice: Person;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
    alice = await Person.of(a, 'alice');
    await eventually(async () => (await mallory.batch(a, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', PATIENCE_MS);
  });
  after(async () => {
    await a.end();
    await mallory.close();
  });

  /** A third server whose first key has ended by now, whatever became of it. */
  function cleos(then: (cleo: FakePeer) => void): FakePeer {
    let nowMs = Date.now() - 100 * DAY_MS;
    const cleo = new FakePeer('c.example', () => nowMs);
    nowMs += 50 * DAY_MS;
    then(cleo);
    return cleo;
  }

  /** Alice's copy of a room in which somebody of c.example has been for so many days, by a key of then. */
  async function copyWith(cleo: FakePeer, days: number): Promise<Readonly<Record<string, string>>> {
    const home = new HostileHome(mallory).found();
    const claims = { type: EVENT_TYPES.member, origin: 'c.example', sender: '@cleo:c.example', content: { target: '@cleo:c.example', membership: 'join' } };
    home.add(mallory.event(home.log, { ...claims, origin_ts: Date.now() - days * DAY_MS }, cleo.first));
    const place = home.add(mallory.membership(home.log, 'invite', { target: alice.fqid }));
    await mallory.results(a, [home.news(place)]);
    await alice.do('POST', `/v1/invitations/${(await invitationTo(alice, home.log)).id}/accept`);
    home.add((await eventually(async () => mallory.items('event', home.log)[0], PATIENCE_MS)).event);
    await mallory.results(a, [home.start(place - 1), home.run(place)], [cleo.descriptor().jws]);
    return memberships(alice, (await joinedRoom(alice, home.log)).id);
  }

  it('speak for what was written while they held, so that nobody is lost to newcomers', async () => {
    const rotated = cleos((cleo) => cleo.rotate());
    expect(await copyWith(rotated, 99)).to.have.property('@cleo:c.example', 'join');
    expect(await copyWith(rotated, 5)).not.to.have.property('@cleo:c.example');
  });

  it('speak for what was written before they were revoked, and for nothing after', async () => {
    const revoked = cleos((cleo) => {
      cleo.rotate();
      cleo.revoke(cleo.first.keyId, Date.now() - 60 * DAY_MS);
    });
    expect(await copyWith(revoked, 99)).to.have.property('@cleo:c.example', 'join');
    expect(await copyWith(revoked, 55)).not.to.have.property('@cleo:c.example');
  });
});
