import { expect } from 'chai';
import { accept, bring, equalHeads, federatedRoom, headOf, heard, invitationsOf, invitationTo, membershipComes, PATIENCE_MS } from '../../support/federated.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { HostilePeer } from '../../support/hostile-peer.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

describe('what a server may still read when its people are put out', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;
  let mallory: HostilePeer;
  let alice: Person;
  let bob: Person;
  let carol: Person;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a, b] = (await gateways(['a.example', 'b.example'], { peers: { 'm.example': mallory.url } })) as [Gateway, Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
    await b.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [a.name] });
    await eventually(async () => (await mallory.batch(a, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', PATIENCE_MS);
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
    carol = await Person.of(b, 'carol');
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
    await mallory.close();
  });

  const act = (what: 'invite' | 'kick' | 'ban', room: RoomSeen, fqid: string) => alice.do('POST', `/v1/rooms/${room.id}/${what}`, { fqid });

  /** A room of alice's in which bob has heard the first words. */
  const shared = async (): Promise<{ room: RoomSeen; there: string }> => {
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await alice.says(room.id, 'first');
    await heard(bob, there, 'first');
    return { room, there };
  };

  /** Waits until bob's server holds the log to his leaving, all of it, and he is outside. */
  const leftWith = async ({ room, there }: { room: RoomSeen; there: string }, words: readonly string[]): Promise<void> => {
    const [leave] = await a.database.asOwner<{ seq: string }>("select max(seq) as seq from entries where room_id = $1 and target = $2 and content ->> 'membership' = 'leave'", [room.id, bob.fqid]);
    await eventually(async () => (await headOf(b, room.room_alias)).head_seq === leave?.seq, PATIENCE_MS);
    expect(await b.database.asOwner('select phase from rooms where room_id = $1', [there])).to.deep.equal([{ phase: 'left' }]);
    const [held] = await b.database.asOwner<{ holes: boolean }>('select count(seq) <> max(seq) - min(seq) + 1 as holes from entries where room_id = $1', [there]);
    expect(held).to.deep.equal({ holes: false });
    expect(await bob.hears(there)).to.deep.equal(words);
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/send`, { content: { msgtype: 'swp.text', body: 'am I in?' } }), 'SW_NOT_MEMBER');
  };

  /** Nothing of the room is carried to a server until this has been done. */
  const unheard = async (room: RoomSeen, server: string, acts: () => Promise<unknown>): Promise<void> => {
    const lane = (change: string) => a.database.asOwner(`${change} where room_id = $1 and consumer_id = $2`, [room.id, `peer:${server}`]);
    await eventually(async () => {
      const [{ cursor } = { cursor: '' }] = (await lane('select cursor from lanes')) as { cursor: string }[];
      return cursor === (await headOf(a, room.room_alias)).head_seq;
    }, PATIENCE_MS);
    await lane(`update lanes set rest_until = ${Date.now() + 3_600_000}`);
    await acts();
    await lane('update lanes set rest_until = null');
  };

  it('comes to it to the end when somebody is kicked and banned at once', async () => {
    const both = await shared();
    await unheard(both.room, b.name, async () => {
      await act('kick', both.room, bob.fqid);
      await act('ban', both.room, bob.fqid);
    });
    await alice.says(both.room.id, 'and nothing of what follows');
    await leftWith(both, ['first']);
  });

  it('comes to it to the end when it was away while somebody was kicked and banned', async () => {
    const both = await shared();
    await b.stop();
    await alice.says(both.room.id, 'bob may read this');
    await act('kick', both.room, bob.fqid);
    await act('ban', both.room, bob.fqid);
    await alice.says(both.room.id, 'and not this');
    await b.start();
    await leftWith(both, ['first', 'bob may read this']);
  });

  it('comes before the invitation that follows, and nothing is missing when it is accepted', async () => {
    const { room, there } = await shared();
    await b.stop();
    await alice.says(room.id, 'bob may read this');
    await act('kick', room, bob.fqid);
    await alice.says(room.id, 'and not this');
    await act('invite', room, bob.fqid);
    await b.start();
    expect(await accept(bob, room.room_alias)).to.equal(there);
    await alice.says(room.id, 'welcome back');
    await heard(bob, there, 'welcome back');
    await equalHeads(room.room_alias, a, b);
    expect(await bob.hears(there)).to.deep.equal(['first', 'bob may read this', 'welcome back']);
  });

  it('comes to it although the room is closed to others at once, and who was only invited hears of it too', async () => {
    const both = await shared();
    await act('invite', both.room, carol.fqid);
    const invitation = await invitationTo(carol, both.room.room_alias);
    await b.stop();
    await alice.says(both.room.id, 'bob may read this');
    await a.ask('admin', 'PUT', `/v1/admin/rooms/${both.room.id}/federate`, { enabled: false });
    await b.start();
    await leftWith(both, ['first', 'bob may read this']);
    await eventually(async () => !(await invitationsOf(carol)).some(({ id }) => id === invitation.id), PATIENCE_MS);
  });

  it('is followed by a new interval when somebody leaves and is back at once', async () => {
    const { room, there } = await shared();
    await bob.do('POST', `/v1/rooms/${there}/leave`);
    await membershipComes(alice, room.id, bob.fqid, undefined);
    await act('invite', room, bob.fqid);
    expect(await accept(bob, room.room_alias)).to.equal(there);
    await bob.says(there, 'back again');
    await heard(alice, room.id, 'back again');
    await equalHeads(room.room_alias, a, b);
    const [held] = await b.database.asOwner<{ holes: boolean }>('select count(seq) <> max(seq) - min(seq) + 1 as holes from entries where room_id = $1', [there]);
    expect(held).to.deep.equal({ holes: false });
  });

  it('is followed by each later interval in turn, however often its people came and went before it was read', async () => {
    const room = await federatedRoom(alice, { room_type: 'public', name: 'Square' });
    const log = room.room_alias;
    const submit = (membership: string) => mallory.results(a, [{ kind: 'event', event: mallory.membership(log, membership) }]);
    const seqs = (): readonly number[] => mallory.items('log', log).flatMap(({ entries }) => entries.map(({ seq }) => seq));
    const intervals = () => a.database.asOwner<{ from_seq: string; to_seq: string | null }>("select from_seq, to_seq from intervals where room_id = $1 and server_name = 'm.example' order by from_seq", [room.id]);
    await submit('join');
    await unheard(room, mallory.server, async () => {
      await alice.says(room.id, 'while mallory is in');
      for (const step of ['leave', 'join', 'leave', 'join']) {
        expect(await submit(step)).to.deep.equal([{ status: 'accepted' }]);
        if (step === 'leave') await alice.says(room.id, 'while nobody of theirs is in');
      }
    });
    await alice.says(room.id, 'the last word');

    const { head_seq: head } = await headOf(a, log);
    await eventually(async () => seqs().includes(Number(head)), PATIENCE_MS);
    const readable = (await intervals()).flatMap(({ from_seq: from, to_seq: to }) => Array.from({ length: Number(to ?? head) - Number(from) + 1 }, (_, index) => Number(from) + index));
    expect([...new Set(seqs())]).to.deep.equal(readable);
    expect(await intervals()).to.have.length(3);
    expect(mallory.items('start', log)).to.have.length(3);
  });

  it('is gone back to when the server turns out not to have read it', async () => {
    const { room, there } = await shared();
    const held = await b.database.asOwner<{ head_seq: string; head_hash: Buffer }>('select head_seq, head_hash from rooms where room_id = $1', [there]);
    await b.stop();
    await alice.says(room.id, 'bob may read this');
    await act('kick', room, bob.fqid);
    // As if the server had read it, and had then been restored from a copy of before.
    await a.database.asOwner("update lanes set cursor = end_seq where room_id = $1 and consumer_id = 'peer:b.example'", [room.id]);
    await act('ban', room, bob.fqid);
    await b.start();
    expect((await headOf(b, room.room_alias)).head_seq).to.equal(held[0]?.head_seq);
    await leftWith({ room, there }, ['first', 'bob may read this']);
  });
});
