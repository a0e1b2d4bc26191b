import { expect } from 'chai';
import type { RoomFederationView } from '../../../src/flows/api/federation-admin.js';
import { accept, befriend, bring, equalHeads, federatedRoom, heard, membershipComes, memberships, PATIENCE_MS } from '../../support/federated.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

interface Withheld {
  readonly seq: string;
  readonly event_type: string;
  readonly reason: string;
}

describe('a room of a.example with members of b.example and c.example', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;
  let c: Gateway;
  let alice: Person;
  let bob: Person;
  let cleo: Person;

  before(async () => {
    [a, b, c] = (await gateways(['a.example', 'b.example', 'c.example'])) as [Gateway, Gateway, Gateway];
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
    cleo = await Person.of(c, 'cleo');
  });
  beforeEach(() => befriend(a, b, c));
  after(() => Promise.all([a.end(), b.end(), c.end()]));

  const allow = (node: Gateway, ...peers: readonly string[]) => node.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: peers });
  const withheldAt = (room: string) => b.database.asOwner<Withheld>("select seq, event_type, reason from entries where room_id = $1 and state = 'withheld' order by seq", [room]);

  it('shows each what the others say, verified by the author’s own key', async () => {
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const atC = await bring(alice, room, cleo);
    await cleo.says(atC, 'from c');
    await heard(alice, room.id, 'from c');
    const event = (await heard(bob, atB, 'from c')) as { foreign_origin?: string };
    expect(event.foreign_origin).to.equal('c.example');
    await bob.says(atB, 'from b');
    await heard(cleo, atC, 'from b');
    expect(await memberships(bob, atB)).to.deep.equal({ [alice.fqid]: 'join', [bob.fqid]: 'join', [cleo.fqid]: 'join' });
    expect(await memberships(cleo, atC)).to.deep.equal({ [alice.fqid]: 'join', [bob.fqid]: 'join', [cleo.fqid]: 'join' });
    expect(await withheldAt(atB)).to.be.empty;
    await equalHeads(room.room_alias, a, b, c);
  });

  it('needs no word with the third server: its keys come along', async () => {
    const room = await federatedRoom(alice);
    const atC = await bring(alice, room, cleo);
    await b.database.asOwner("delete from peers where server_name = 'c.example'");
    await b.stop();
    await b.start();
    const atB = await bring(alice, room, bob);
    await cleo.says(atC, 'whom you never met');
    await heard(bob, atB, 'whom you never met');
    expect(await b.database.asOwner("select 1 from peers where server_name = 'c.example'")).to.be.empty;
    await equalHeads(room.room_alias, a, b, c);
  });

  it('has words of a server that one mirror does not accept withheld there, and only there, in an unbroken chain', async () => {
    await allow(b, 'a.example');
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const atC = await bring(alice, room, cleo);
    await cleo.says(atC, 'not for b');
    await heard(alice, room.id, 'not for b');
    await alice.says(room.id, 'for everybody');
    await heard(bob, atB, 'for everybody');
    await equalHeads(room.room_alias, a, b, c);
    expect(await bob.hears(atB)).to.deep.equal(['for everybody']);
    for (const { reason } of await withheldAt(atB)) expect(reason).to.equal('SW_FED_POLICY');
    expect((await withheldAt(atB)).map(({ event_type }) => event_type)).to.include('swp.room.message');
    const [kept] = await b.database.asOwner<{ count: string }>("select count(*) as count from entries where room_id = $1 and state = 'withheld' and (jws is not null or content is not null)", [atB]);
    expect(Number(kept?.count)).to.equal(0);
    const withheld = await withheldAt(atB);
    const shown = (await b.ask<RoomFederationView>('admin', 'GET', `/v1/admin/rooms/${atB}/federation`)).withheld;
    expect(shown.map(({ code }) => code)).to.deep.equal(withheld.map(({ reason }) => reason));
    expect(shown.map(({ seq }) => seq), 'newest first').to.deep.equal(withheld.map(({ seq }) => Number(seq)).reverse());
    for (const [node, id] of [[a, room.id], [c, atC]] as const) expect(await node.ask('admin', 'GET', `/v1/admin/rooms/${id}/federation`)).to.deep.include({ withheld: [] });
  });

  it('fills what was withheld in its place, people included, when the server is accepted and an administrator asks', async () => {
    await allow(b, 'a.example');
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const atC = await bring(alice, room, cleo);
    await cleo.says(atC, 'late for b');
    await heard(alice, room.id, 'late for b');
    await alice.says(room.id, 'in time');
    await heard(bob, atB, 'in time');
    expect((await memberships(bob, atB))[cleo.fqid]).not.to.equal('join');
    const later = await Person.of(b, 'later');
    await bring(alice, room, later);
    const head = await equalHeads(room.room_alias, a, b, c);
    await allow(b, 'a.example', 'c.example');
    const answer = await b.ask<{ stored: number; withheld: number }>('admin', 'POST', `/v1/admin/rooms/${atB}/federation/backfill`, {});
    expect(answer.withheld).to.equal(0);
    await heard(bob, atB, 'late for b');
    expect(await withheldAt(atB)).to.be.empty;
    expect(await equalHeads(room.room_alias, a, b, c)).to.deep.equal(head);
    const [order] = await b.database.asOwner<{ bodies: string[] }>("select array_agg(content ->> 'body' order by seq) as bodies from entries where room_id = $1 and event_type = 'swp.room.message'", [atB]);
    expect(order?.bodies).to.deep.equal(['late for b', 'in time']);
    await membershipComes(bob, atB, cleo.fqid, 'join');
    expect(await later.hears(atB), 'who joined since was not there').to.deep.equal([]);
  });

  it('does not bring back by filling who has left since', async () => {
    await allow(b, 'a.example');
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const atC = await bring(alice, room, cleo);
    await cleo.says(atC, 'short visit');
    await heard(alice, room.id, 'short visit');
    await alice.do('POST', `/v1/rooms/${room.id}/kick`, { fqid: cleo.fqid });
    await alice.says(room.id, 'she is gone');
    await heard(bob, atB, 'she is gone');
    await allow(b, 'a.example', 'c.example');
    await b.ask('admin', 'POST', `/v1/admin/rooms/${atB}/federation/backfill`, {});
    await heard(bob, atB, 'short visit');
    expect(await memberships(bob, atB)).not.to.have.property(cleo.fqid);
  });

  it('takes away from a mirror whose people a withheld moderator has put out', async () => {
    await allow(b, 'a.example');
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const atC = await bring(alice, room, cleo);
    const members = await alice.do<{ participant: { id: string; local_id: string } }[]>('GET', `/v1/rooms/${room.id}/members`);
    const id = members.find(({ participant }) => participant.local_id === 'cleo')?.participant.id;
    await alice.do('PUT', `/v1/rooms/${room.id}/members/${id}/power-level`, { power_level: 50 });
    await membershipComes(cleo, atC, bob.fqid, 'join');
    await eventually(async () => (await cleo.try('POST', `/v1/rooms/${atC}/kick`, { fqid: bob.fqid })).status === 200, PATIENCE_MS);
    await membershipComes(alice, room.id, bob.fqid, undefined);
    await eventually(async () => (await bob.try('POST', `/v1/rooms/${atB}/send`, { content: { msgtype: 'swp.text', body: 'am I in?' } })).status === 403, PATIENCE_MS);
  });

  it('takes in nobody whose server its home does not accept, whoever invites them', async () => {
    await allow(a, 'b.example');
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const sent = await bob.try('POST', `/v1/rooms/${atB}/invite`, { fqid: cleo.fqid });
    expect(sent.status).to.equal(200);
    await eventually(async () => (await b.database.asOwner("select 1 from entries where room_id = $1 and state = 'refused' and reason = 'SW_FED_POLICY'", [atB])).length === 1, PATIENCE_MS);
    expect(await memberships(alice, room.id)).not.to.have.property(cleo.fqid);
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: cleo.fqid }), 'SW_FED_POLICY');
  });

  it('has its people invited by members of another mirror', async () => {
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    await bob.do('POST', `/v1/rooms/${atB}/invite`, { fqid: cleo.fqid });
    const atC = await accept(cleo, room.room_alias);
    await cleo.says(atC, 'brought by bob');
    await heard(bob, atB, 'brought by bob');
    await equalHeads(room.room_alias, a, b, c);
  });

  it('erases in every mirror what any author redacts', async () => {
    const room = await federatedRoom(alice);
    const atB = await bring(alice, room, bob);
    const atC = await bring(alice, room, cleo);
    const sent = await cleo.says(atC, 'marker-delta');
    await heard(bob, atB, 'marker-delta');
    await heard(alice, room.id, 'marker-delta');
    await cleo.do('POST', `/v1/rooms/${atC}/events/${sent.id}/redact`);
    for (const node of [a, b, c]) await eventually(async () => (await node.database.asOwner("select 1 from entries where content::text like '%marker-delta%'")).length === 0, PATIENCE_MS);
    await equalHeads(room.room_alias, a, b, c);
    const late: RoomSeen = await alice.do('GET', `/v1/rooms/${room.id}`);
    expect(late.member_count).to.equal(3);
  });
});
