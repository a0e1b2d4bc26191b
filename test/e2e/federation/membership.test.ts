import { expect } from 'chai';
import pg from 'pg';
import type { ErrorCode } from '../../../src/kernel/errors.js';
import { bring, accept, equalHeads, federatedRoom, headOf, heard, invitationTo, invitationsOf, joinedRoom, membershipComes, memberships, participantOf, PATIENCE_MS, roomsOf, timeline } from '../../support/federated.js';
import { eventually, federatedPair, type Gateway } from '../../support/gateway.js';
import { tokenOf } from '../../support/http-caller.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';
import { StreamClient, type Frame } from '../../support/stream-client.js';

describe('people of b.example in rooms of a.example', function () {
  this.timeout(60_000);
  let a: Gateway;
  let b: Gateway;
  let alice: Person;
  let bob: Person;
  let carol: Person;

  before(async () => {
    [a, b] = await federatedPair();
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
    carol = await Person.of(b, 'carol');
  });
  after(() => Promise.all([a.end(), b.end()]));

  const invite = (room: RoomSeen, fqid: string, reason?: string) => alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid, ...(reason === undefined ? {} : { reason }) });
  const kick = (room: RoomSeen, fqid: string) => alice.do('POST', `/v1/rooms/${room.id}/kick`, { fqid });
  const ban = (room: RoomSeen, fqid: string) => alice.do('POST', `/v1/rooms/${room.id}/ban`, { fqid });

  it('are told what they are invited to, and nothing is made for them before they accept', async () => {
    const room = await federatedRoom(alice, { room_type: 'group', name: 'Plans', topic: 'Of all kinds' });
    await invite(room, bob.fqid, 'please come');
    const invitation = await invitationTo(bob, room.room_alias);
    expect(invitation).to.include({ room_name: 'Plans', room_topic: 'Of all kinds', inviter: alice.fqid, reason: 'please come', member_count: 1, foreign_origin: 'a.example', room_id: null, state: 'open' });
    expect((await roomsOf(bob)).map(({ room_alias }) => room_alias)).not.to.include(room.room_alias);
    expect(await b.database.asOwner('select 1 from rooms where log_name = $1', [room.room_alias])).to.be.empty;
  });

  it('join by accepting, under an id of their own tenant, with what was said since the invitation', async () => {
    const room = await federatedRoom(alice);
    await alice.says(room.id, 'before the invitation');
    await invite(room, bob.fqid);
    await alice.says(room.id, 'after the invitation');
    const there = await accept(bob, room.room_alias);
    expect(there).not.to.equal(room.id);
    expect(await bob.do<RoomSeen>('GET', `/v1/directory/alias/${room.room_alias}`)).to.deep.include({ id: there });
    await heard(bob, there, 'after the invitation');
    expect(await bob.hears(there)).to.deep.equal(['after the invitation']);
    expect(await memberships(alice, room.id)).to.deep.equal({ [alice.fqid]: 'join', [bob.fqid]: 'join' });
    await eventually(async () => Object.keys(await memberships(bob, there)).length === 2);
    expect(await memberships(bob, there)).to.deep.equal({ [alice.fqid]: 'join', [bob.fqid]: 'join' });
    await equalHeads(room.room_alias, a, b);
  });

  it('join the same room at the same moment: it is made, and counted, once', async () => {
    const room = await federatedRoom(alice);
    const invitations = [];
    for (const person of [bob, carol]) {
      await invite(room, person.fqid);
      invitations.push({ person, id: (await invitationTo(person, room.room_alias)).id });
    }
    const rooms = async (): Promise<number> => (await b.database.asOwner<{ rooms: number }>('select sum(rooms)::int as rooms from tenant_usage'))[0]?.rooms ?? 0;
    const waiting = async (): Promise<number> => (await b.database.asOwner("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).length;
    const before = await rooms();
    const holder = new pg.Client({ connectionString: b.database.ownerUrl });
    await holder.connect();
    try {
      // The first one has made the room and waits to have it counted, when the second one comes to make it.
      await holder.query('begin');
      await holder.query('select from tenant_usage for update');
      const accepted = [];
      for (const [index, { person, id }] of invitations.entries()) {
        accepted.push(person.try('POST', `/v1/invitations/${id}/accept`));
        await eventually(async () => (await waiting()) === index + 1);
      }
      await holder.query('commit');
      expect((await Promise.all(accepted)).map(({ status }) => status)).to.deep.equal([200, 200]);
    } finally {
      await holder.end();
    }
    expect(await rooms()).to.equal(before + 1);
    const [bobs, carols] = await Promise.all([joinedRoom(bob, room.room_alias), joinedRoom(carol, room.room_alias)]);
    expect(bobs.id).to.equal(carols.id);
    expect(await memberships(alice, room.id)).to.deep.equal({ [alice.fqid]: 'join', [bob.fqid]: 'join', [carol.fqid]: 'join' });
  });

  it('see who comes and goes by the ids of their own tenant, also while the home has not said so yet', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    const alicesShadow = await participantOf(bob, there, alice.fqid);
    const dora = await Person.of(a, 'dora');
    const stream = await StreamClient.open(b, tokenOf('bob'));
    try {
      const framesOf = async (target: string, membership: string): Promise<Frame[]> => {
        await stream.next((one) => one['target'] === target && one['membership'] === membership && one['delivery'] === undefined, PATIENCE_MS);
        return stream.frames.filter((one) => one['target'] === target && one['membership'] === membership);
      };
      await bob.do('POST', `/v1/rooms/${there}/invite`, { participant_id: carol.id });
      const [pending, placed] = await framesOf(carol.fqid, 'invite');
      expect(pending).to.deep.include({ type: 'swp.room.member', room_id: there, participant_id: carol.id, changed_by: bob.id, delivery: { state: 'pending' } });
      expect(placed).to.deep.include({ id: pending?.['id'], participant_id: carol.id, changed_by: bob.id });

      await bob.do('POST', `/v1/rooms/${there}/invite`, { fqid: dora.fqid });
      const [asked, given] = await framesOf(dora.fqid, 'invite');
      const dorasShadow = await participantOf(bob, there, dora.fqid);
      expect([asked?.['participant_id'], given?.['participant_id']]).to.deep.equal([dorasShadow, dorasShadow]);

      await carol.do('POST', `/v1/rooms/${there}/join`);
      expect(new Set((await framesOf(carol.fqid, 'join')).map((one) => one['participant_id']))).to.deep.equal(new Set([carol.id]));
      await kick(room, carol.fqid);
      const [put] = await framesOf(carol.fqid, 'leave');
      expect(put).to.deep.include({ participant_id: carol.id, changed_by: alicesShadow });
    } finally {
      stream.close();
    }
  });

  it('may be invited once only: the second invitation is refused', async () => {
    const room = await federatedRoom(alice);
    await invite(room, bob.fqid);
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid }), 'SW_INVITATION_DUPLICATE');
  });

  it('who are in, invited or banned stay so, whatever an administrator invites', async () => {
    const room = await federatedRoom(alice);
    const standing = () => a.database.asOwner('select m.membership, u.participants from members m join tenant_usage u using (tenant_id) where m.room_id = $1 and m.fqid = $2', [room.id, bob.fqid]);
    const isRefused = async (code: ErrorCode) => {
      const before = await standing();
      expectRefusal(await a.call('admin', 'POST', `/v1/admin/rooms/${room.id}/federation/invite`, { fqid: bob.fqid }), code);
      expect(await standing()).to.deep.equal(before);
    };
    await invite(room, bob.fqid);
    await isRefused('SW_INVITATION_DUPLICATE');
    await accept(bob, room.room_alias);
    await isRefused('SW_INVITATION_DUPLICATE');
    await ban(room, bob.fqid);
    await isRefused('SW_ROOM_FORBIDDEN');
  });

  it('are not invited into a room that is not federated', async () => {
    const room = await alice.room();
    const head = await headOf(a, room.room_alias);
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid }), 'SW_FED_ROOM_NOT_FEDERATED');
    expectRefusal(await a.call('admin', 'POST', `/v1/admin/rooms/${room.id}/federation/invite`, { fqid: bob.fqid }), 'SW_FED_ROOM_NOT_FEDERATED');
    expect(await headOf(a, room.room_alias)).to.deep.equal(head);
  });

  it('who decline are out, and no room is left behind', async () => {
    const room = await federatedRoom(alice);
    await invite(room, bob.fqid);
    const invitation = await invitationTo(bob, room.room_alias);
    expect(await bob.do('POST', `/v1/invitations/${invitation.id}/decline`)).to.include({ state: 'declined' });
    await membershipComes(alice, room.id, bob.fqid, undefined);
    expect((await invitationsOf(bob)).map(({ id }) => id)).not.to.include(invitation.id);
    expectRefusal(await bob.try('POST', `/v1/invitations/${invitation.id}/accept`), 'SW_INVITATION_NOT_FOUND');
    expect((await roomsOf(bob)).map(({ room_alias }) => room_alias)).not.to.include(room.room_alias);
  });

  it('who declined may be invited again, and accept', async () => {
    const room = await federatedRoom(alice);
    await invite(room, bob.fqid);
    await bob.do('POST', `/v1/invitations/${(await invitationTo(bob, room.room_alias)).id}/decline`);
    await membershipComes(alice, room.id, bob.fqid, undefined);
    const there = await bring(alice, room, bob);
    await alice.says(room.id, 'welcome after all');
    await heard(bob, there, 'welcome after all');
  });

  it('whose invitation is taken back can no longer accept it', async () => {
    const room = await federatedRoom(alice);
    await invite(room, bob.fqid);
    const invitation = await invitationTo(bob, room.room_alias);
    await kick(room, bob.fqid);
    await eventually(async () => !(await invitationsOf(bob)).some(({ id }) => id === invitation.id), PATIENCE_MS);
    expectRefusal(await bob.try('POST', `/v1/invitations/${invitation.id}/accept`), 'SW_INVITATION_NOT_FOUND');
  });

  it('who accept just as they are put out are told that their join was refused, and hold no room', async () => {
    const room = await federatedRoom(alice);
    await invite(room, bob.fqid);
    const invitation = await invitationTo(bob, room.room_alias);
    await a.stop();
    await bob.do('POST', `/v1/invitations/${invitation.id}/accept`);
    await a.database.asOwner("update members set membership = 'ban' where fqid = $1 and room_id = $2", [bob.fqid, room.id]);
    await a.start();
    const refused = await eventually(async () => (await invitationsOf(bob)).find(({ id, state }) => id === invitation.id && state === 'refused'), PATIENCE_MS);
    expect(refused.code).to.equal('SW_ROOM_FORBIDDEN');
    expect(await b.database.asOwner('select phase from rooms where log_name = $1', [room.room_alias])).to.deep.equal([{ phase: 'refused' }]);
  });

  it('who leave read to their own leaving and no further', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await alice.says(room.id, 'while he is here');
    await heard(bob, there, 'while he is here');
    await bob.do('POST', `/v1/rooms/${there}/leave`, { reason: 'enough' });
    await membershipComes(alice, room.id, bob.fqid, undefined);
    const head = await equalHeads(room.room_alias, a, b);
    await alice.says(room.id, 'when he is gone');
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/send`, { content: { msgtype: 'swp.text', body: 'still here?' } }), 'SW_NOT_MEMBER');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await headOf(b, room.room_alias)).to.deep.equal(head);
    expect(await b.database.asOwner('select phase from rooms where log_name = $1', [room.room_alias])).to.deep.equal([{ phase: 'left' }]);
  });

  it('who come back read on from there: nothing of the time between is served', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await alice.says(room.id, 'first time');
    await heard(bob, there, 'first time');
    await bob.do('POST', `/v1/rooms/${there}/leave`);
    await membershipComes(alice, room.id, bob.fqid, undefined);
    await alice.says(room.id, 'between');
    expect(await bring(alice, room, bob)).to.equal(there);
    await alice.says(room.id, 'second time');
    await heard(bob, there, 'second time');
    await equalHeads(room.room_alias, a, b);
    expect(await bob.hears(there)).to.deep.equal(['first time', 'second time']);
    const places = await b.database.asOwner("select 1 from entries where room_id = $1 and content ->> 'body' = 'between'", [there]);
    expect(places).to.be.empty;
    const intervals = await a.database.asOwner<{ to_seq: string | null }>('select to_seq from intervals where room_id = $1 order by from_seq', [room.id]);
    expect(intervals.map(({ to_seq }) => to_seq === null)).to.deep.equal([false, true]);
    await bob.says(there, 'back again');
    await heard(alice, room.id, 'back again');
  });

  it('who are kicked hear it, can say nothing more, and may come back when invited', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await kick(room, bob.fqid);
    await eventually(async () => !(await roomsOf(bob)).some(({ id }) => id === there), PATIENCE_MS);
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/send`, { content: { msgtype: 'swp.text', body: 'hey' } }), 'SW_NOT_MEMBER');
    expect(await bring(alice, room, bob)).to.equal(there);
    await bob.says(there, 'I am back');
    await heard(alice, room.id, 'I am back');
  });

  it('who are banned get nothing numbered any more, however much is under way', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    const saying = Promise.all(Array.from({ length: 20 }, (_, index) => bob.try('POST', `/v1/rooms/${there}/send`, { content: { msgtype: 'swp.text', body: `flood ${index}` } })));
    await ban(room, bob.fqid);
    await saying;
    await eventually(async () => !(await roomsOf(bob)).some(({ id }) => id === there), PATIENCE_MS);
    await eventually(async () => (await b.database.asOwner("select 1 from entries where room_id = $1 and state = 'pending'", [there])).length === 0, PATIENCE_MS);
    const after = await a.database.asOwner(
      `select 1 from entries e where e.room_id = $1 and e.sender = $2
         and e.seq > (select seq from entries b where b.room_id = $1 and b.content ->> 'membership' = 'ban')`,
      [room.id, bob.fqid],
    );
    expect(after).to.be.empty;
    const refused = await b.database.asOwner<{ reason: string }>("select distinct reason from entries where room_id = $1 and state = 'refused'", [there]);
    for (const { reason } of refused) expect(reason).to.equal('SW_NOT_MEMBER');
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid }), 'SW_ROOM_FORBIDDEN');
  });

  it('join a room that others of their server are in: each reads from their own start', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await alice.says(room.id, 'to bob alone');
    await heard(bob, there, 'to bob alone');
    expect(await bring(alice, room, carol)).to.equal(there);
    await alice.says(room.id, 'to both');
    await heard(carol, there, 'to both');
    expect(await carol.hears(there)).to.deep.equal(['to both']);
    expect(await bob.hears(there)).to.deep.equal(['to bob alone', 'to both']);
    await carol.says(there, 'from carol');
    await heard(alice, room.id, 'from carol');
    await heard(bob, there, 'from carol');
    await equalHeads(room.room_alias, a, b);
  });

  it('are still served when one of two of their server has left', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await bring(alice, room, carol);
    await bob.do('POST', `/v1/rooms/${there}/leave`);
    await membershipComes(carol, there, bob.fqid, undefined);
    await alice.says(room.id, 'carol stays');
    await heard(carol, there, 'carol stays');
    expect(await bob.hears(there)).not.to.include('carol stays');
    await equalHeads(room.room_alias, a, b);
  });

  it('invite people of the room’s home and of their own server', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await bob.do('POST', `/v1/rooms/${there}/invite`, { participant_id: carol.id });
    await eventually(async () => (await invitationsOf(carol)).some(({ room_alias }) => room_alias === room.room_alias), PATIENCE_MS);
    const dave = await Person.of(a, 'dave');
    await bob.do('POST', `/v1/rooms/${there}/invite`, { fqid: dave.fqid });
    await eventually(async () => (await memberships(alice, room.id))[dave.fqid] === 'invite', PATIENCE_MS);
    await dave.do('POST', `/v1/rooms/${room.id}/join`);
    await membershipComes(bob, there, dave.fqid, 'join');
    expect(await accept(carol, room.room_alias)).to.equal(there);
    await carol.says(there, 'brought by bob');
    await heard(dave, room.id, 'brought by bob');
  });

  it('who kick their own pending invitee over there are heeded at home', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await bob.do('POST', `/v1/rooms/${there}/invite`, { participant_id: carol.id });
    await membershipComes(alice, room.id, carol.fqid, 'invite');
    await membershipComes(bob, there, carol.fqid, 'invite');
    await bob.do('POST', `/v1/rooms/${there}/kick`, { participant_id: carol.id });
    await membershipComes(alice, room.id, carol.fqid, undefined);
  });

  it('see every entry of the log that they may read, and none is missing', async () => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    for (let n = 1; n <= 5; n += 1) {
      await alice.says(room.id, `a${n}`);
      await bob.says(there, `b${n}`);
    }
    const { head_seq: last } = await equalHeads(room.room_alias, a, b).then(async () => {
      await heard(alice, room.id, 'b5');
      return equalHeads(room.room_alias, a, b);
    });
    const [held] = await b.database.asOwner<{ first: string; count: string }>('select min(seq) as first, count(seq) as count from entries where room_id = $1', [there]);
    expect(Number(held?.count)).to.equal(Number(last) - Number(held?.first) + 1);
    expect((await timeline(bob, there)).filter(({ event_type }) => event_type === 'swp.room.message')).to.have.length(10);
    await joinedRoom(bob, room.room_alias);
  });
});
