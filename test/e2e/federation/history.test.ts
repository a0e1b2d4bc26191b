import { expect } from 'chai';
import { accept, bring, equalHeads, federatedRoom, heard, membershipComes, powers, timeline } from '../../support/federated.js';
import { federatedPair, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';

describe('what newcomers read of a room of a.example', function () {
  this.timeout(60_000);
  let a: Gateway;
  let b: Gateway;
  let alice: Person;
  let dave: Person;
  let bob: Person;
  let carol: Person;

  before(async () => {
    [a, b] = await federatedPair();
    [alice, dave] = await Promise.all([Person.of(a, 'alice'), Person.of(a, 'dave')]);
    [bob, carol] = await Promise.all([Person.of(b, 'bob'), Person.of(b, 'carol')]);
  });
  after(() => Promise.all([a.end(), b.end()]));

  const open = (): Promise<RoomSeen> => federatedRoom(alice, { room_type: 'group', name: 'Open book', history: 'beginning' });
  const placesAt = async (node: Gateway, room: string): Promise<readonly number[]> =>
    (await node.database.asOwner<{ seq: string }>('select seq from entries where room_id = $1 and seq is not null order by seq', [room])).map(({ seq }) => Number(seq));
  const intervals = (room: string) => a.database.asOwner<{ from_seq: number; to_seq: number | null }>('select from_seq::int, to_seq::int from intervals where room_id = $1', [room]);

  it('is what was said since their invitation, unless the room says otherwise when it is made', async () => {
    expect(await alice.room()).to.include({ history: 'invite' });
    const room = await federatedRoom(alice);
    await alice.says(room.id, 'before');
    await alice.brings(room.id, dave);
    const there = await bring(alice, room, bob);
    await alice.says(room.id, 'after');
    await heard(bob, there, 'after');
    expect(await bob.hears(there)).to.deep.equal(['after']);
    expect(await dave.hears(room.id)).to.deep.equal(['after']);
    expect((await placesAt(b, there))[0]).to.be.above(1);
  });

  it('is everything where its history begins at the beginning, here and in a mirror', async () => {
    const room = await open();
    expect(room).to.include({ history: 'beginning' });
    await alice.says(room.id, 'first words');
    await alice.brings(room.id, dave);
    expect(await dave.hears(room.id)).to.deep.equal(['first words']);
    await alice.do('PUT', `/v1/rooms/${room.id}/members/${dave.id}/power-level`, { power_level: 50 });

    const there = await bring(dave, room, bob);
    await heard(bob, there, 'first words');
    await equalHeads(room.room_alias, a, b);
    expect(await placesAt(b, there), 'from entry 1, without a hole').to.deep.equal(await placesAt(a, room.id));
    expect((await timeline(bob, there))[0]?.event_type).to.equal('swp.room.create');
    expect(await bob.do('GET', `/v1/rooms/${there}`)).to.include({ history: 'beginning', name: 'Open book' });
    expect(await powers(bob, there), 'the creator is whom the first entry names').to.deep.equal({ [alice.fqid]: 100, [dave.fqid]: 50, [bob.fqid]: 0 });

    await bring(alice, room, carol);
    await heard(carol, there, 'first words');
  });

  it('is everything again for who comes back to such a room, what was said between included', async () => {
    const room = await open();
    await alice.says(room.id, 'first words');
    const there = await bring(alice, room, bob);
    await heard(bob, there, 'first words');
    await bob.do('POST', `/v1/rooms/${there}/leave`);
    await membershipComes(alice, room.id, bob.fqid, undefined);
    await alice.says(room.id, 'between');
    expect((await intervals(room.id)).map(({ to_seq }) => to_seq)).not.to.include(null);

    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: bob.fqid });
    expect(await accept(bob, room.room_alias)).to.equal(there);
    await alice.says(room.id, 'second time');
    await heard(bob, there, 'second time');
    expect(await bob.hears(there)).to.deep.equal(['first words', 'between', 'second time']);
    await equalHeads(room.room_alias, a, b);
    expect(await placesAt(b, there)).to.deep.equal(await placesAt(a, room.id));
    expect(await intervals(room.id)).to.deep.equal([{ from_seq: 1, to_seq: null }]);
    await bob.says(there, 'back again');
    await heard(alice, room.id, 'back again');
  });
});
