import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { gateways, type Gateway } from '../../support/gateway.js';
import { Person, type EventSeen, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

describe('who is in a room', () => {
  let gateway: Gateway;
  let alice: Person;
  let bob: Person;
  let carol: Person;
  let room: string;

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    [alice, bob, carol] = await Promise.all([Person.of(gateway, 'alice'), Person.of(gateway, 'bob'), Person.of(gateway, 'carol')]);
  });
  after(() => gateway.end());
  beforeEach(async () => {
    room = (await alice.room()).id;
  });

  const standing = async (person: Person): Promise<string | null> => (await person.do<RoomSeen>('GET', `/v1/rooms/${room}`)).membership;
  const act = (who: Person, verb: string, about?: Person, reason?: string) =>
    who.try('POST', `/v1/rooms/${room}/${verb}`, about === undefined ? undefined : { participant_id: about.id, ...(reason === undefined ? {} : { reason }) });

  describe('invitations', () => {
    const invited = async (person: Person) => (await person.do<{ id: string; room_id: string; state: string; inviter: string }[]>('GET', '/v1/invitations')).find((one) => one.room_id === room);

    it('reach the invited person, by id or by name, under both documented paths', async () => {
      await alice.do('POST', `/v1/rooms/${room}/invite`, { participant_id: bob.id });
      await alice.do('POST', `/v1/rooms/${room}/invitations`, { fqid: carol.fqid });
      expect(await invited(bob)).to.deep.include({ state: 'open', inviter: alice.fqid });
      expect(await invited(carol)).to.deep.include({ state: 'open' });
    });

    it('are accepted once, and the room is joined', async () => {
      await act(alice, 'invite', bob);
      const id = (await invited(bob))?.id ?? '';
      expect(await bob.do<{ state: string }>('POST', `/v1/invitations/${id}/accept`)).to.deep.include({ state: 'accepted' });
      expect(await standing(bob)).to.equal('join');
      expectRefusal(await bob.try('POST', `/v1/invitations/${id}/accept`), 'SW_INVITATION_NOT_FOUND');
    });

    it('are declined, and may be given again', async () => {
      await act(alice, 'invite', bob);
      await bob.do('POST', `/v1/invitations/${(await invited(bob))?.id}/decline`);
      expect(await invited(bob)).to.equal(undefined);
      expect((await act(alice, 'invite', bob)).status).to.equal(200);
    });

    it('are answered only by the person invited', async () => {
      await act(alice, 'invite', bob);
      const id = (await invited(bob))?.id ?? '';
      expectRefusal(await carol.try('POST', `/v1/invitations/${id}/accept`), 'SW_INVITATION_NOT_FOUND');
      expectRefusal(await carol.try('POST', `/v1/invitations/${id}/decline`), 'SW_INVITATION_NOT_FOUND');
      expect(await standing(bob)).to.equal('invite');
    });

    it('are listed in pages to the last, and the last is answered as well as the first', async () => {
      const dave = await Person.of(gateway, 'dave');
      await act(alice, 'invite', dave);
      // Newer ones, more than a page has.
      await gateway.database.asOwner(
        `with copies as (
           insert into rooms select (jsonb_populate_record(r, jsonb_build_object('room_id', 'room-' || u.id, 'log_name', '!room-' || u.id || ':a.example', 'created_at', r.created_at + 60000))).*
           from rooms r, (select gen_random_uuid() as id from generate_series(1, 203)) u where r.room_id = $1 returning room_id)
         insert into members select (jsonb_populate_record(m, jsonb_build_object('room_id', c.room_id, 'changed_seq', 1000))).*
         from members m, copies c where m.room_id = $1 and m.fqid = $2`,
        [room, dave.fqid],
      );
      const page = async (offset: number) => (await dave.try('GET', `/v1/invitations?limit=200&offset=${offset}`)).body;
      const [first, second] = [await page(0), await page(200)];
      expect([first.meta?.['total'], second.meta?.['total']]).to.deep.equal([204, 204]);
      const [newer, older] = [first.data, second.data] as { id: string; room_id: string }[][];
      expect([newer?.length, older?.length, older?.at(-1)?.room_id]).to.deep.equal([200, 4, room]);
      expect(new Set([...(newer ?? []), ...(older ?? [])].map(({ id }) => id)).size).to.equal(204);
      expect(await dave.do('POST', `/v1/invitations/${older?.at(-1)?.id}/accept`)).to.deep.include({ state: 'accepted', room_id: room });
      expect(await standing(dave)).to.equal('join');
      expect(await dave.do('POST', `/v1/invitations/${newer?.at(0)?.id}/decline`)).to.deep.include({ state: 'declined' });
      expect((await page(0)).meta?.['total']).to.equal(202);
    });

    it('are refused twice, for members, for nobody, by outsiders, and for both ids or none', async () => {
      await act(alice, 'invite', bob);
      expectRefusal(await act(alice, 'invite', bob), 'SW_INVITATION_DUPLICATE');
      expectRefusal(await act(alice, 'invite', alice), 'SW_INVITATION_DUPLICATE');
      expectRefusal(await alice.try('POST', `/v1/rooms/${room}/invite`, { participant_id: randomUUID() }), 'SW_PARTICIPANT_NOT_FOUND');
      expectRefusal(await alice.try('POST', `/v1/rooms/${room}/invite`, { fqid: '@nobody:a.example' }), 'SW_PARTICIPANT_NOT_FOUND');
      expectRefusal(await act(carol, 'invite', bob), 'SW_NOT_MEMBER');
      expectRefusal(await alice.try('POST', `/v1/rooms/${room}/invite`, { participant_id: carol.id, fqid: carol.fqid }), 'SW_BAD_SCHEMA');
      expectRefusal(await alice.try('POST', `/v1/rooms/${room}/invite`, {}), 'SW_BAD_SCHEMA');
    });
  });

  it('nobody behind a bridge is invited or banned, by id or by name', async () => {
    const [ada] = await gateway.database.asOwner<{ participant_id: string }>(
      `insert into participants (tenant_id, participant_id, participant_type, local_id, server_name, display_name, foreign_origin, created_at)
       select tenant_id, gen_random_uuid(), 'bridge', 'ada', 'a.example', 'Ada', 'bridge:brg-1', 1 from tenants on conflict do nothing returning participant_id`,
    );
    for (const person of [{ participant_id: ada?.participant_id }, { fqid: '@ada:a.example' }]) {
      for (const verb of ['invite', 'ban']) expectRefusal(await alice.try('POST', `/v1/rooms/${room}/${verb}`, person), 'SW_PARTICIPANT_NOT_FOUND');
    }
  });

  describe('joining', () => {
    it('needs an invitation where the room is private, and none where it is public', async () => {
      expectRefusal(await act(bob, 'join'), 'SW_ROOM_FORBIDDEN');
      room = (await alice.room({ room_type: 'public' })).id;
      expect((await act(bob, 'join')).status).to.equal(200);
    });

    it('is one join however often it is tried at once', async () => {
      room = (await alice.room({ room_type: 'public' })).id;
      const answers = await Promise.all(Array.from({ length: 6 }, () => act(bob, 'join')));
      for (const { status, body } of answers) expect([status, body.data]).to.deep.equal([200, { room_id: room, participant_id: bob.id, membership: 'join' }]);
      expect(await gateway.database.asOwner("select 1 from entries where room_id = $1 and target = $2 and content ->> 'membership' = 'join'", [room, bob.fqid])).to.have.length(1);
    });
  });

  describe('joining again', () => {
    it('answers as the first join did and writes nothing, also where nothing may be written any more', async () => {
      await alice.brings(room, bob);
      const entries = async (): Promise<number> => (await gateway.database.asOwner('select 1 from entries where room_id = $1', [room])).length;
      const before = await entries();
      for (const verb of ['join', 'rejoin']) expect((await act(bob, verb)).body.data).to.deep.equal({ room_id: room, participant_id: bob.id, membership: 'join' });
      expect(await entries()).to.equal(before);
      await act(alice, 'archive');
      expect((await act(bob, 'join')).status).to.equal(200);
      expectRefusal(await act(carol, 'join'), 'SW_ROOM_FROZEN');
    });
  });

  describe('leaving', () => {
    it('is for members, once', async () => {
      await alice.brings(room, bob);
      expect((await act(bob, 'leave')).body.data).to.deep.equal({ room_id: room, participant_id: bob.id, membership: 'leave' });
      expectRefusal(await act(bob, 'leave'), 'SW_NOT_MEMBER');
      expectRefusal(await act(carol, 'leave'), 'SW_NOT_MEMBER');
    });

    it('ends what one can read and say, and keeps what one has read', async () => {
      await alice.brings(room, bob);
      await alice.says(room, 'while bob is here');
      await act(bob, 'leave');
      await alice.says(room, 'after bob has gone');
      expect(await bob.hears(room)).to.deep.equal(['while bob is here']);
      expectRefusal(await bob.try('POST', `/v1/rooms/${room}/send`, { content: { body: 'too late' } }), 'SW_NOT_MEMBER');
    });

    it('and coming back leaves a gap: two stretches are read, not what lies between', async () => {
      room = (await alice.room({ room_type: 'public' })).id;
      await act(bob, 'join');
      await alice.says(room, 'first stretch');
      await act(bob, 'leave');
      await alice.says(room, 'between');
      expect((await act(bob, 'rejoin')).status).to.equal(200);
      await alice.says(room, 'second stretch');
      expect(await bob.hears(room)).to.deep.equal(['first stretch', 'second stretch']);
    });

    const rewords = (event: EventSeen, body: string) => alice.do('POST', `/v1/rooms/${room}/events/${event.id}/edit`, { content: { msgtype: 'swp.text', body } });

    for (const verb of ['leave', 'kick', 'ban']) {
      it(`by ${verb} leaves messages as they were last worded while one was there, wherever they are read`, async () => {
        await alice.brings(room, bob);
        const [first, second] = [await alice.says(room, 'draft'), await alice.says(room, 'untouched')];
        await rewords(first, 'while bob is here');
        expect((await (verb === 'leave' ? act(bob, verb) : act(alice, verb, bob))).status).to.equal(200);
        await rewords(first, 'after bob has gone');
        await rewords(second, 'after bob has gone');
        const { events } = await bob.do<{ events: EventSeen[] }>('GET', '/v1/sync?timeout=0&limit=500');
        const reads = [events];
        for (const direction of verb === 'ban' ? [] : ['back', 'forward']) reads.push(await bob.do<EventSeen[]>('GET', `/v1/rooms/${room}/messages?direction=${direction}&limit=200`));
        for (const read of reads) {
          const found = [first, second].map(({ id }) => read.find((event) => event.id === id));
          expect(found.map((event) => event?.content['body'])).to.deep.equal(['while bob is here', 'untouched']);
          expect(JSON.stringify(read)).not.to.include('after bob has gone');
        }
        expect(await alice.hears(room)).to.deep.equal(['after bob has gone', 'after bob has gone']);
      });
    }

    it('and coming back shows no wording of the time between, and those that follow', async () => {
      room = (await alice.room({ room_type: 'public' })).id;
      await act(bob, 'join');
      const said = await alice.says(room, 'draft');
      await act(bob, 'leave');
      await rewords(said, 'between');
      await act(bob, 'rejoin');
      expect(await bob.hears(room)).to.deep.equal(['draft']);
      await rewords(said, 'second stretch');
      expect(await bob.hears(room)).to.deep.equal(['second stretch']);
    });

    it('takes away power, and a return does not give it back', async () => {
      room = (await alice.room({ room_type: 'public' })).id;
      await act(bob, 'join');
      await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 50 });
      await act(bob, 'leave');
      await act(bob, 'rejoin');
      expect((await alice.members(room)).find((member) => member.participant_id === bob.id)?.power_level).to.equal(0);
    });
  });

  describe('kick, ban and unban', () => {
    it('kick puts a member out, who may come back when invited', async () => {
      await alice.brings(room, bob);
      expect((await act(alice, 'kick', bob, 'noise')).body.data).to.deep.include({ participant_id: bob.id, membership: 'leave' });
      expectRefusal(await act(bob, 'join'), 'SW_ROOM_FORBIDDEN');
      await alice.brings(room, bob);
      expect(await standing(bob)).to.equal('join');
    });

    it('ban keeps a person out, invitation or not, until it is lifted', async () => {
      await alice.brings(room, bob);
      await act(alice, 'ban', bob);
      expectRefusal(await act(bob, 'join'), 'SW_ROOM_FORBIDDEN');
      expectRefusal(await act(alice, 'invite', bob), 'SW_ROOM_FORBIDDEN');
      expectRefusal(await bob.try('POST', `/v1/rooms/${room}/send`, { content: { body: 'still here' } }), 'SW_NOT_MEMBER');
      expectRefusal(await bob.try('GET', `/v1/rooms/${room}/messages`), 'SW_NOT_MEMBER');
      expect((await act(alice, 'unban', bob)).status).to.equal(200);
      await alice.brings(room, bob);
      expect(await standing(bob)).to.equal('join');
    });

    it('a stranger to the room may be banned beforehand', async () => {
      expect((await act(alice, 'ban', carol)).status).to.equal(200);
      expectRefusal(await act(alice, 'invite', carol), 'SW_ROOM_FORBIDDEN');
    });

    it('need a moderator who stands above the person', async () => {
      await alice.brings(room, bob, carol);
      for (const verb of ['kick', 'ban']) expectRefusal(await act(bob, verb, carol), 'SW_ROOM_FORBIDDEN');
      await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 50 });
      await alice.do('PUT', `/v1/rooms/${room}/members/${carol.id}/power-level`, { power_level: 50 });
      for (const verb of ['kick', 'ban']) expectRefusal(await act(bob, verb, carol), 'SW_ROOM_FORBIDDEN');
      for (const verb of ['kick', 'ban']) expectRefusal(await act(bob, verb, alice), 'SW_ROOM_FORBIDDEN');
      expect(await standing(carol)).to.equal('join');
    });

    it('are not done to oneself, to nobody, by outsiders, nor twice', async () => {
      await alice.brings(room, bob);
      expectRefusal(await act(alice, 'kick', alice), 'SW_BAD_REQUEST');
      expectRefusal(await act(alice, 'ban', alice), 'SW_BAD_REQUEST');
      expectRefusal(await act(alice, 'kick', carol), 'SW_PARTICIPANT_NOT_FOUND');
      expectRefusal(await act(alice, 'unban', carol), 'SW_PARTICIPANT_NOT_FOUND');
      expectRefusal(await act(carol, 'kick', bob), 'SW_NOT_MEMBER');
      await act(alice, 'kick', bob);
      expectRefusal(await act(alice, 'kick', bob), 'SW_PARTICIPANT_NOT_FOUND');
    });
  });

  describe('power', () => {
    const give = (who: Person, to: Person, power: unknown) => who.try('PUT', `/v1/rooms/${room}/members/${to.id}/power-level`, { power_level: power });

    it('is granted up to one’s own and taken only from those below', async () => {
      await alice.brings(room, bob, carol);
      expect((await give(alice, bob, 60)).body.data).to.deep.include({ participant_id: bob.id, power_level: 60 });
      expectRefusal(await give(bob, carol, 61), 'SW_ROOM_FORBIDDEN');
      expect((await give(bob, carol, 60)).status).to.equal(200);
      expectRefusal(await give(bob, carol, 0), 'SW_ROOM_FORBIDDEN');
      expectRefusal(await give(bob, alice, 0), 'SW_ROOM_FORBIDDEN');
      expect((await give(bob, bob, 10)).status).to.equal(200);
      expectRefusal(await give(bob, bob, 20), 'SW_ROOM_FORBIDDEN');
    });

    it('is a whole number from 0 to 100, of a member', async () => {
      await alice.brings(room, bob);
      for (const power of [-1, 101, 1.5, '50', null]) expectRefusal(await give(alice, bob, power), 'SW_BAD_SCHEMA');
      expectRefusal(await give(alice, carol, 10), 'SW_ROOM_FORBIDDEN');
    });
  });
});
