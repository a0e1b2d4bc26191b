import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { accept, bring, equalHeads, federatedRoom, heard, invitationTo, invitationsOf, membershipComes, memberships, participantOf, PATIENCE_MS, roomsOf } from '../../support/federated.js';
import { eventually, federatedPair, gateways, twinOf, type Gateway } from '../../support/gateway.js';
import { HostilePeer } from '../../support/hostile-peer.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

const SWEPT = 'swp.room.member';

async function limitsOf(node: Gateway, limits: Readonly<Record<string, number>>): Promise<void> {
  await node.database.asOwner('update tenants set limits = $1', [JSON.stringify(limits)]);
  await node.database.asOwner('update tenant_heads set epoch = epoch + 1');
  // What a process keeps of a tenant is at most a second old.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
}

describe('the federation policy of a tenant', function () {
  this.timeout(60_000);
  let a: Gateway;
  let b: Gateway;
  let alice: Person;
  let bob: Person;

  before(async () => {
    [a, b] = await federatedPair();
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
  });
  after(() => Promise.all([a.end(), b.end()]));

  const policy = (node: Gateway, change: object) => node.ask('admin', 'PUT', '/v1/admin/federation/policy', change);
  const members = (room: RoomSeen) => a.database.asOwner<{ sender: string; target: string; membership: string }>(`select sender, target, content ->> 'membership' as membership from entries where room_id = $1 and event_type = $2 and target like '%:b.example' order by seq`, [room.id, SWEPT]);

  it('is closed to strangers until somebody decides', async () => {
    const [fresh] = (await gateways(['f.example'])) as [Gateway];
    expect(await fresh.ask('admin', 'GET', '/v1/admin/federation/policy')).to.deep.equal({
      default_mode: 'invite_only', allowed_peers: [], denied_peers: [], max_foreign_participants_per_room: 50, max_backfill_events_per_request: 1000,
    });
    expectRefusal(await fresh.call('bob', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' }), 'SW_AUTH_INSUFFICIENT_PERMISSION');
    await fresh.end();
  });

  it('makes a server known as soon as it is named, so that its first word is heard', async () => {
    const [host, guest] = (await gateways(['h.example', 'g.example'])) as [Gateway, Gateway];
    await policy(host, { allowed_peers: [guest.name, 'nobody.example'] });
    const known = await eventually(async () => (await host.ask<{ server_name: string; state: string; last_seen: string | null }[]>('admin', 'GET', '/v1/admin/federation/peers'))[0]);
    expect(known).to.include({ server_name: guest.name, state: 'active', last_seen: null });
    await Promise.all([host.end(), guest.end()]);
  });

  it('that denies a server puts its people out, and their leaving still reaches them', async () => {
    const room = await federatedRoom(alice);
    const invitedOnly = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await alice.do('POST', `/v1/rooms/${invitedOnly.id}/invite`, { fqid: bob.fqid });
    const invitation = await invitationTo(bob, invitedOnly.room_alias);
    await policy(a, { denied_peers: ['b.example'] });
    for (const one of [room, invitedOnly]) expect((await members(one)).at(-1)).to.deep.equal({ sender: '@gateway:a.example', target: bob.fqid, membership: 'leave' });
    await eventually(async () => !(await roomsOf(bob)).some(({ id }) => id === there), PATIENCE_MS);
    await eventually(async () => !(await invitationsOf(bob)).some(({ id }) => id === invitation.id), PATIENCE_MS);
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid }), 'SW_FED_POLICY');
    await policy(a, { denied_peers: [] });
    await bring(alice, room, bob);
    await alice.says(room.id, 'friends again');
    await heard(bob, there, 'friends again');
  });

  it('keeps both of two changes made at once', async () => {
    for (const round of [1, 2, 3]) {
      await Promise.all([policy(a, { max_foreign_participants_per_room: 40 + round }), policy(a, { max_backfill_events_per_request: 900 + round })]);
      expect(await a.ask('admin', 'GET', '/v1/admin/federation/policy')).to.include({ max_foreign_participants_per_room: 40 + round, max_backfill_events_per_request: 900 + round });
    }
  });

  it('that is asked for again puts out whoever a process that died left inside', async () => {
    const room = await federatedRoom(alice);
    await bring(alice, room, bob);
    await a.database.asOwner(`update tenants set federation_policy = federation_policy || '{"denied_peers": ["b.example"]}'`);
    expect((await members(room)).at(-1)?.membership).to.equal('join');
    await policy(a, { denied_peers: ['b.example'] });
    expect((await members(room)).at(-1)).to.deep.equal({ sender: '@gateway:a.example', target: bob.fqid, membership: 'leave' });
    await policy(a, { denied_peers: [] });
  });

  it('that closes altogether refuses whom it allowed before', async () => {
    const room = await federatedRoom(alice);
    await bring(alice, room, bob);
    await policy(a, { default_mode: 'closed' });
    expect((await members(room)).at(-1)?.membership).to.equal('leave');
    expectRefusal(await alice.try('POST', '/v1/me/federated-dms', { fqid: '@nobody:b.example' }), 'SW_FED_POLICY');
    await policy(a, { default_mode: 'invite_only' });
  });

  it('has rooms taken out of federation: their foreign people leave first, and the room goes on', async () => {
    const [c, d] = await federatedPair();
    const carol = await Person.of(c, 'carol');
    const dave = await Person.of(d, 'dave');
    const room = await federatedRoom(carol);
    const there = await bring(carol, room, dave);
    await c.ask('admin', 'PUT', `/v1/admin/rooms/${room.id}/federate`, { enabled: false });
    const entries = await c.database.asOwner<{ event_type: string; sender: string }>('select event_type, sender from entries where room_id = $1 order by seq desc limit 2', [room.id]);
    expect(entries).to.deep.equal([{ event_type: 'swp.room.federation', sender: '@gateway:c.example' }, { event_type: SWEPT, sender: '@gateway:c.example' }].map((row) => ({ ...row, sender: row.sender.replace('c.example', c.name) })));
    await eventually(async () => !(await roomsOf(dave)).some(({ id }) => id === there), PATIENCE_MS);
    await carol.says(room.id, 'among ourselves');
    expectRefusal(await carol.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: dave.fqid }), 'SW_FED_ROOM_NOT_FEDERATED');
    await Promise.all([c.end(), d.end()]);
  });

  it('never covers incognito and restricted rooms', async () => {
    for (const facts of [{ room_type: 'incognito', name: 'Hush' }, { room_type: 'group', name: 'Chosen', visibility: 'restricted' }]) {
      const room = await alice.room(facts);
      const answer = await a.call('admin', 'PUT', `/v1/admin/rooms/${room.id}/federate`, { enabled: true });
      expect(['SW_ROOM_TYPE_INVARIANT', 'SW_ROOM_NOT_FOUND']).to.include(answer.body.error?.code);
      expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid }), 'SW_FED_ROOM_NOT_FEDERATED');
      expect(await a.database.asOwner('select federated from rooms where room_id = $1', [room.id])).to.deep.equal([{ federated: false }]);
    }
  });

  it('never opens a room of two that was made among ourselves', async () => {
    const carol = await Person.of(a, 'carol');
    const dm = await alice.do<RoomSeen>('POST', '/v1/rooms/dm', { participant_id: carol.id });
    expectRefusal(await a.call('admin', 'PUT', `/v1/admin/rooms/${dm.id}/federate`, { enabled: true }), 'SW_ROOM_TYPE_INVARIANT');
    expectRefusal(await a.call('admin', 'POST', `/v1/admin/rooms/${dm.id}/federation/invite`, { fqid: bob.fqid }), 'SW_ROOM_TYPE_INVARIANT');
    expect(await memberships(alice, dm.id)).to.deep.equal({ [alice.fqid]: 'join', [carol.fqid]: 'join' });
  });

  it('leaves max_rooms to hold: a foreign room is counted when it is accepted, and let go when it is left', async () => {
    const [usage] = await b.database.asOwner<{ rooms: number }>('select rooms from tenant_usage');
    const first = await federatedRoom(alice);
    const second = await federatedRoom(alice);
    for (const room of [first, second]) await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid });
    const [one, two] = [await invitationTo(bob, first.room_alias), await invitationTo(bob, second.room_alias)];
    await limitsOf(b, { max_rooms: Number(usage?.rooms) + 1 });
    const answers = await Promise.all([one, two].map(({ id }) => bob.try('POST', `/v1/invitations/${id}/accept`)));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 409]);
    expect(answers.find(({ status }) => status === 409)?.body.error?.code).to.equal('SW_TENANT_CAPACITY');
    const [got, missed] = answers[0]?.status === 200 ? [first, second] : [second, first];
    const there = await eventually(async () => (await roomsOf(bob)).find(({ room_alias }) => room_alias === got.room_alias), PATIENCE_MS);
    expect(await b.database.asOwner('select 1 from rooms where log_name = $1', [missed.room_alias])).to.be.empty;
    await bob.do('POST', `/v1/rooms/${there.id}/leave`);
    await eventually(async () => (await b.database.asOwner("select 1 from rooms where room_id = $1 and phase = 'left'", [there.id])).length === 1, PATIENCE_MS);
    await accept(bob, missed.room_alias);
    await limitsOf(b, {});
    await equalHeads(missed.room_alias, a, b);
  });

  it('keeps people out who were never invited to a public room of a server that does not know theirs', async () => {
    const room = await alice.room({ room_type: 'public', name: 'Square' });
    expect(await memberships(alice, room.id)).to.deep.equal({ [alice.fqid]: 'join' });
    expectRefusal(await bob.try('POST', `/v1/rooms/${room.id}/join`), 'SW_ROOM_NOT_FOUND');
  });

  it('of the invited is asked too: who does not accept the home sees no invitation', async () => {
    const room = await federatedRoom(alice);
    await policy(b, { denied_peers: ['a.example'] });
    const { status } = await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid });
    expect(status).to.equal(200);
    await eventually(async () => (await a.ask<{ server_name: string; last_error: string | null }[]>('admin', 'GET', '/v1/admin/federation/peers')).some(({ last_error }) => last_error === 'SW_FED_PEER_DENIED'), PATIENCE_MS);
    expect((await invitationsOf(bob)).map(({ room_alias }) => room_alias)).not.to.include(room.room_alias);
    await policy(b, { denied_peers: [] });
  });
});

describe('limits at a join from elsewhere', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;
  let alice: Person;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example'] });
    alice = await Person.of(a, 'alice');
  });
  after(async () => {
    await a.end();
    await mallory.close();
  });

  const invited = async (people: readonly string[]): Promise<RoomSeen> => {
    const room = await federatedRoom(alice);
    for (const person of people) await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: person });
    return room;
  };
  const joinAll = async (rooms: readonly RoomSeen[], people: readonly string[], processes: readonly Gateway[] = [a]): Promise<string[]> => {
    const events = rooms.flatMap((room) => people.map((sender) => mallory.membership(room.room_alias, 'join', { sender })));
    const answers = await Promise.all(events.map((event, index) => mallory.results(processes[index % processes.length] ?? a, [{ kind: 'event', event }])));
    return answers.map(([result]) => (result?.status === 'refused' ? result.code : (result?.status ?? '')));
  };
  const people = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `@${prefix}${index}:m.example`);
  const times = (codes: readonly string[], code: string) => codes.filter((one) => one === code).length;

  it('are exact for foreigners in one room when 100 join at once over two processes, and lowered below use take nobody away', async () => {
    const twin = await twinOf(a, [], { peers: { 'm.example': mallory.url } });
    const most = (count: number): Promise<unknown> => a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_foreign_participants_per_room: count });
    try {
      await eventually(async () => (await mallory.batch(twin, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', PATIENCE_MS);
      await most(20);
      const many = people('p', 100);
      const room = await federatedRoom(alice, { room_type: 'public', is_public: true, name: 'Open' });
      const joined = async (): Promise<readonly string[]> => Object.entries(await memberships(alice, room.id)).filter(([fqid, now]) => now === 'join' && fqid !== alice.fqid).map(([fqid]) => fqid);
      const codes = await joinAll([room], many, [a, twin]);
      expect([times(codes, 'accepted'), times(codes, 'SW_FED_CAPACITY')], codes.join(' ')).to.deep.equal([20, 80]);
      const inside = await joined();
      expect(inside).to.have.length(20);

      await most(5);
      const [outside = '', later = ''] = many.filter((fqid) => !inside.includes(fqid));
      expect(await joinAll([room], [outside], [twin])).to.deep.equal(['SW_FED_CAPACITY']);
      expect(await joined()).to.have.members(inside);
      const said = mallory.event(room.room_alias, { sender: inside[0], content: { msgtype: 'swp.text', body: 'still here' } });
      expect(await mallory.results(twin, [{ kind: 'event', event: said }])).to.deep.equal([{ status: 'accepted' }]);
      await most(21);
      expect(await joinAll([room], [outside, later], [twin])).to.have.members(['accepted', 'SW_FED_CAPACITY']);
      expect(await joined()).to.have.length(21);
      await alice.do('POST', `/v1/rooms/${room.id}/close`);
    } finally {
      await twin.stop();
      await most(50);
    }
  });

  it('bring in bridges of a server only while a person of it is there, ten at most, and none of them takes a seat', async () => {
    const room = await invited(['@mallory:m.example', '@late:m.example']);
    const bridge = (n: number) => `@bridge-00000000-0000-4000-8000-0000000000${String(n).padStart(2, '0')}:m.example`;
    const bridges = Array.from({ length: LIMITS.foreignBridgesPerRoomMax + 1 }, (_, n) => bridge(n));
    expect(await joinAll([room], [bridge(99)])).to.deep.equal(['SW_ROOM_FORBIDDEN']);
    expect(await joinAll([room], ['@mallory:m.example'])).to.deep.equal(['accepted']);
    const codes = await joinAll([room], bridges);
    expect([times(codes, 'accepted'), times(codes, 'SW_FED_CAPACITY')], codes.join(' ')).to.deep.equal([LIMITS.foreignBridgesPerRoomMax, 1]);

    const seats = (): Promise<unknown> => a.ask<Record<string, unknown>>('admin', 'GET', '/v1/admin/stats').then((stats) => stats['foreign_participants_per_room']);
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_foreign_participants_per_room: 2 });
    expect(await seats()).to.deep.equal({ used: 1, limit: 2 });
    expect(await joinAll([room], ['@late:m.example'])).to.deep.equal(['accepted']);
    expect(await seats()).to.deep.equal({ used: 2, limit: 2 });
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_foreign_participants_per_room: 50 });

    for (const [fqid, now] of Object.entries(await memberships(alice, room.id))) {
      if (now === 'join' && fqid.endsWith(':m.example')) await alice.do('POST', `/v1/rooms/${room.id}/ban`, { participant_id: await participantOf(alice, room.id, fqid) });
    }
    expect(await joinAll([room], [bridge(99)])).to.deep.equal(['SW_ROOM_FORBIDDEN']);
  });

  it('let a person without power have twenty invitations open in a room', async () => {
    const room = await invited(['@mallory:m.example']);
    await joinAll([room], ['@mallory:m.example']);
    const invite = async (target: string): Promise<string | undefined> => {
      const [result] = await mallory.results(a, [{ kind: 'event', event: mallory.membership(room.room_alias, 'invite', { sender: '@mallory:m.example', target }) }]);
      return result?.status === 'refused' ? result.code : result?.status;
    };
    const codes: (string | undefined)[] = [];
    for (const target of people('guest', LIMITS.openInvitesPerMemberMax + 1)) codes.push(await invite(target));
    expect(codes).to.deep.equal([...Array.from({ length: LIMITS.openInvitesPerMemberMax }, () => 'accepted'), 'SW_ROOM_CAPACITY']);
    expect(await joinAll([room], ['@guest0:m.example'])).to.deep.equal(['accepted']);
    expect(await invite('@one-more:m.example'), 'one was taken').to.equal('accepted');
    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: '@another:m.example' });
  });

  it('are exact for people of the tenant, and count a person once however many rooms', async () => {
    const [usage] = await a.database.asOwner<{ participants: number }>('select participants from tenant_usage');
    const many = people('q', 4);
    const rooms = [await invited(many), await invited(many)];
    await limitsOf(a, { max_participants: Number(usage?.participants) + 2 });
    const codes = await joinAll(rooms, many);
    expect([times(codes, 'accepted'), times(codes, 'SW_ROOM_CAPACITY')], codes.join(' ')).to.deep.equal([4, 4]);
    const [after] = await a.database.asOwner<{ participants: number }>('select participants from tenant_usage');
    expect(Number(after?.participants)).to.equal(Number(usage?.participants) + 2);
    const [joined] = await a.database.asOwner<{ people: string }>("select count(distinct fqid) as people from members where fqid like '@q%' and membership = 'join'");
    expect(Number(joined?.people)).to.equal(2);
    await limitsOf(a, {});
  });

  it('leave room again when somebody goes', async () => {
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_foreign_participants_per_room: 1 });
    const [first = '', second = ''] = people('r', 2);
    const room = await invited([first, second]);
    expect(await joinAll([room], [first])).to.deep.equal(['accepted']);
    expect(await joinAll([room], [second])).to.deep.equal(['SW_FED_CAPACITY']);
    await mallory.results(a, [{ kind: 'event', event: mallory.membership(room.room_alias, 'leave', { sender: first }) }]);
    expect(await joinAll([room], [second])).to.deep.equal(['accepted']);
    await membershipComes(alice, room.id, second, 'join');
  });
});
