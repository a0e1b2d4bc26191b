import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { gateways, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

describe('making and finding rooms', () => {
  let gateway: Gateway;
  let alice: Person;
  let bob: Person;
  let carol: Person;

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    [alice, bob, carol] = await Promise.all([Person.of(gateway, 'alice'), Person.of(gateway, 'bob'), Person.of(gateway, 'carol')]);
  });
  after(() => gateway.end());

  describe('POST /v1/rooms', () => {
    it('makes a group whose creator is its first member, with power 100', async () => {
      const room = await alice.room({ room_type: 'group', name: 'Plans', topic: 'Next year' });
      expect(room).to.deep.include({ name: 'Plans', topic: 'Next year', room_type: 'group', state: 'open', is_public: false, membership: 'join', member_count: 1, creator_id: alice.id });
      expect(room.room_alias).to.equal(`!${room.id}:a.example`);
      expect((await alice.members(room.id)).map((member) => [member.participant_id, member.membership, member.power_level])).to.deep.equal([[alice.id, 'join', 100]]);
    });

    it('makes a public room by type or by flag, and an incognito one by type or by scope', async () => {
      expect(await alice.room({ room_type: 'public', name: 'Square' })).to.deep.include({ room_type: 'public', is_public: true });
      expect(await alice.room({ room_type: 'incognito' })).to.deep.include({ room_type: 'incognito', scope_kind: 'incognito', is_public: false });
      expect(await alice.room({ scope_kind: 'incognito' })).to.deep.include({ room_type: 'incognito', scope_kind: 'incognito' });
    });

    it('refuses a body that contradicts itself', async () => {
      for (const body of [{ room_type: 'group', is_public: true }, { room_type: 'public', is_public: false }, { room_type: 'group', scope_kind: 'incognito' }]) {
        expectRefusal(await alice.try('POST', '/v1/rooms', body), 'SW_ROOM_TYPE_INVARIANT');
      }
    });

    it('refuses what it would not keep: workspaces, and readers by their roles', async () => {
      const before = await roomCount(gateway);
      for (const body of [{ workspace_id: 'ws-1' }, { visibility: 'restricted', read_role_slugs: ['board'] }, { read_role_slugs: ['board'] }]) {
        expectRefusal(await alice.try('POST', '/v1/rooms', body), 'SW_BAD_REQUEST');
      }
      expect(await roomCount(gateway)).to.equal(before);
      expect(await alice.room({ workspace_id: null, read_role_slugs: [] })).to.deep.include({ workspace_id: null, visibility: 'normal' });
    });

    it('makes a restricted room, which only its members and those they invite can see, and which is not federated', async () => {
      const board = await alice.room({ name: 'Board of trust', visibility: 'restricted' });
      expect(board).to.deep.include({ visibility: 'restricted' });
      const found = async (person: Person): Promise<string[]> => (await person.do<RoomSeen[]>('GET', '/v1/directory/rooms?q=board%20of')).map((room) => room.id);
      for (const path of ['', '/members', '/state']) expectRefusal(await bob.try('GET', `/v1/rooms/${board.id}${path}`), 'SW_ROOM_NOT_FOUND');
      expect([await found(alice), await found(bob)]).to.deep.equal([[board.id], []]);
      await alice.do('POST', `/v1/rooms/${board.id}/invite`, { participant_id: bob.id });
      expect(await bob.do<RoomSeen>('GET', `/v1/rooms/${board.id}`)).to.deep.include({ membership: 'invite', visibility: 'restricted' });
      expectRefusal(await gateway.call('mock:first:alice:tenant_admin', 'PUT', `/v1/admin/rooms/${board.id}/federate`, { enabled: true }), 'SW_ROOM_TYPE_INVARIANT');
    });

    it('refuses types, names and topics outside their bounds, and leaves nothing', async () => {
      const before = await roomCount(gateway);
      for (const body of [{ room_type: 'dm' }, { room_type: 'cave' }, { name: 'x'.repeat(201) }, { topic: 'x'.repeat(2_001) }, { name: 7 }, { surprise: true }, []]) {
        expectRefusal(await alice.try('POST', '/v1/rooms', body), 'SW_BAD_SCHEMA');
      }
      expect(await roomCount(gateway)).to.equal(before);
    });
  });

  describe('POST /v1/rooms/dm', () => {
    it('is one room however often and from whichever side it is asked for, even at once', async () => {
      const asked = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? alice.do<RoomSeen>('POST', '/v1/rooms/dm', { participant_id: bob.id }) : bob.do<RoomSeen>('POST', '/v1/rooms/dm', { participant_id: alice.id })));
      const rooms = await Promise.all(asked);
      expect(new Set(rooms.map((room) => room.id)).size).to.equal(1);
      expect(rooms[0]).to.deep.include({ room_type: 'dm', member_count: 2, membership: 'join' });
    });

    it('counts as one room, not as many as were tried', async () => {
      const before = await usedRooms(gateway);
      await Promise.all(Array.from({ length: 6 }, () => alice.do('POST', '/v1/rooms/dm', { participant_id: carol.id })));
      expect(await usedRooms(gateway)).to.equal(before + 1);
    });

    it('refuses nobody, oneself, and what is no id', async () => {
      expectRefusal(await alice.try('POST', '/v1/rooms/dm', { participant_id: randomUUID() }), 'SW_PARTICIPANT_NOT_FOUND');
      expectRefusal(await alice.try('POST', '/v1/rooms/dm', { participant_id: alice.id }), 'SW_PARTICIPANT_NOT_FOUND');
      expectRefusal(await alice.try('POST', '/v1/rooms/dm', { participant_id: 'bob' }), 'SW_BAD_SCHEMA');
    });

    it('takes no third person, no kick, no ban and no power', async () => {
      const { id } = await alice.do<RoomSeen>('POST', '/v1/rooms/dm', { participant_id: bob.id });
      expectRefusal(await alice.try('POST', `/v1/rooms/${id}/invite`, { participant_id: carol.id }), 'SW_ROOM_TYPE_INVARIANT');
      expectRefusal(await alice.try('POST', `/v1/rooms/${id}/kick`, { participant_id: bob.id }), 'SW_ROOM_TYPE_INVARIANT');
      expectRefusal(await alice.try('POST', `/v1/rooms/${id}/ban`, { participant_id: bob.id }), 'SW_ROOM_TYPE_INVARIANT');
      expectRefusal(await alice.try('PUT', `/v1/rooms/${id}/members/${bob.id}/power-level`, { power_level: 50 }), 'SW_ROOM_TYPE_INVARIANT');
    });
  });

  describe('finding', () => {
    it('shows public rooms to everybody in the directory, and private ones to their members', async () => {
      const open = await alice.room({ room_type: 'public', name: 'Findable market' });
      const hidden = await alice.room({ room_type: 'group', name: 'Findable cellar' });
      const found = async (person: Person): Promise<string[]> => (await person.do<RoomSeen[]>('GET', '/v1/directory/rooms?q=findable')).map((room) => room.id);
      expect(await found(alice)).to.have.members([open.id, hidden.id]);
      expect(await found(bob)).to.deep.equal([open.id]);
      expect(await bob.do<RoomSeen[]>('GET', '/v1/rooms?limit=200')).to.satisfy((rooms: RoomSeen[]) => !rooms.some((room) => room.id === open.id));
    });

    it('filters the directory by type and pages it with the whole count', async () => {
      for (const name of ['Paged one', 'Paged two', 'Paged three']) await alice.room({ room_type: 'public', name });
      const page = await bob.try('GET', '/v1/directory/rooms?q=paged&room_type=public&limit=2&offset=2');
      expect((page.body.data as RoomSeen[]).map((room) => room.name)).to.deep.equal(['Paged three']);
      expect(page.body.meta).to.deep.include({ total: 3 });
      expect(await bob.do<RoomSeen[]>('GET', '/v1/directory/rooms?q=paged&room_type=group')).to.deep.equal([]);
      expectRefusal(await bob.try('GET', '/v1/directory/rooms?room_type=cave'), 'SW_BAD_REQUEST');
    });

    it('finds people by name', async () => {
      const found = await bob.do<{ id: string; local_id: string }[]>('GET', '/v1/directory/participants?q=ALI');
      expect(found.map((person) => person.id)).to.deep.equal([alice.id]);
    });

    it('finds a room by the name that it has on every server, for those who may see it', async () => {
      const [open, restricted] = [await alice.room({ room_type: 'public' }), await alice.room({ visibility: 'restricted' })];
      const by = (person: Person, alias: string) => person.try('GET', `/v1/directory/alias/${encodeURIComponent(alias)}`);
      for (const person of [alice, bob]) expect((await by(person, open.room_alias)).body.data).to.deep.equal(await person.do('GET', `/v1/rooms/${open.id}`));
      expect((await by(alice, restricted.room_alias)).body.data).to.deep.include({ id: restricted.id });
      expectRefusal(await by(bob, restricted.room_alias), 'SW_ROOM_NOT_FOUND');
      for (const alias of [`!room-${randomUUID()}:a.example`, `!${open.id}:b.example`]) expectRefusal(await by(alice, alias), 'SW_ROOM_NOT_FOUND');
      for (const alias of [open.id, '#general:a.example', `${open.room_alias}/more`]) expect((await by(alice, alias)).status).to.equal(400);
    });

    it('gives the whole state to members and to nobody else', async () => {
      const room = await alice.room();
      await alice.brings(room.id, bob);
      const state = await bob.do<{ room: RoomSeen; members: unknown[] }>('GET', `/v1/rooms/${room.id}/state`);
      expect(state).to.include.keys('room', 'members', 'engagement', 'plan', 'active_sidekicks', 'active_call', 'unread_count', 'last_read_event_id', 'muted_until', 'snoozed_event_ids');
      expect(state).to.deep.include({ unread_count: 0, last_read_event_id: null, muted_until: null, snoozed_event_ids: [] });
      expect(state.members).to.have.length(2);
      for (const member of state.members) expect(member).to.deep.include({ notification_mode: 'all', muted_until: null, response_mode: null });
      expectRefusal(await carol.try('GET', `/v1/rooms/${room.id}/state`), 'SW_NOT_MEMBER');
      expectRefusal(await carol.try('GET', `/v1/rooms/${room.id}/members`), 'SW_NOT_MEMBER');
    });

    it('knows no room of another name, and says nothing of a restricted one to outsiders', async () => {
      expectRefusal(await alice.try('GET', `/v1/rooms/room-${randomUUID()}`), 'SW_ROOM_NOT_FOUND');
      expectRefusal(await alice.try('GET', '/v1/rooms/elsewhere'), 'SW_BAD_REQUEST');
      const restricted = await alice.room({ name: 'Board', visibility: 'restricted', read_role_slugs: [] });
      expectRefusal(await bob.try('GET', `/v1/rooms/${restricted.id}`), 'SW_ROOM_NOT_FOUND');
    });
  });
});

async function roomCount(gateway: Gateway): Promise<number> {
  return (await gateway.database.asOwner<{ n: number }>('select count(*)::int as n from rooms'))[0]?.n ?? -1;
}

async function usedRooms(gateway: Gateway): Promise<number> {
  return (await gateway.database.asOwner<{ rooms: number }>('select rooms from tenant_usage'))[0]?.rooms ?? -1;
}
