import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { gateways, type Answer, type Gateway } from '../../support/gateway.js';
import { Person, type EventSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

const HOUR_MS = 3_600_000;

describe('what is said in a room', () => {
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
    await alice.brings(room, bob);
  });

  const send = (who: Person, body: unknown): Promise<Answer> => who.try('POST', `/v1/rooms/${room}/send`, body);
  const about = (who: Person, event: string, verb: string, body?: unknown): Promise<Answer> => who.try('POST', `/v1/rooms/${room}/events/${event}/${verb}`, body);
  const entriesOf = async (type: string): Promise<number> =>
    (await gateway.database.asOwner<{ n: number }>('select count(*)::int as n from entries where room_id = $1 and event_type = $2', [room, type]))[0]?.n ?? -1;

  describe('send', () => {
    it('never speaks in the name of somebody behind a bridge', async () => {
      const content = { msgtype: 'swp.text', body: 'me', _imported_sender: { external_id: 'U1', display_name: 'Ada', avatar_url: null } };
      expectRefusal(await send(bob, { content }), 'SW_BAD_SCHEMA');
      expect(await entriesOf('swp.room.message')).to.equal(0);
    });

    it('with one event_uuid many times at once is one entry and one answer', async () => {
      const body = { content: { msgtype: 'swp.text', body: 'once' }, event_uuid: randomUUID() };
      const answers = await Promise.all(Array.from({ length: 12 }, () => send(bob, body)));
      expect(answers.map((answer) => answer.status)).to.deep.equal(answers.map(() => 200));
      for (const answer of answers) expect(answer.body.data).to.deep.equal(answers[0]?.body.data);
      expect(await entriesOf('swp.room.message')).to.equal(1);
    });

    it('refuses another content under a used event_uuid, and keeps the first', async () => {
      const event_uuid = randomUUID();
      await send(bob, { content: { body: 'first' }, event_uuid });
      expectRefusal(await send(bob, { content: { body: 'second' }, event_uuid }), 'SW_EVENT_CONFLICT');
      expect(await bob.hears(room)).to.deep.equal(['first']);
    });

    it('of two contents under one event_uuid at once keeps exactly one', async () => {
      const event_uuid = randomUUID();
      const answers = await Promise.all(['left', 'right', 'left', 'right'].map((body) => send(bob, { content: { body }, event_uuid })));
      const [kept] = await bob.hears(room);
      expect(await entriesOf('swp.room.message')).to.equal(1);
      for (const [index, answer] of answers.entries()) {
        if ((index % 2 === 0 ? 'left' : 'right') === kept) expect(answer.status).to.equal(200);
        else expectRefusal(answer, 'SW_EVENT_CONFLICT');
      }
    });

    it('keeps the same event_uuid of two people, or of two rooms, apart', async () => {
      const body = { content: { body: 'mine' }, event_uuid: randomUUID() };
      const other = (await alice.room()).id;
      const ids = [
        (await alice.do<EventSeen>('POST', `/v1/rooms/${room}/send`, body)).id,
        (await bob.do<EventSeen>('POST', `/v1/rooms/${room}/send`, body)).id,
        (await alice.do<EventSeen>('POST', `/v1/rooms/${other}/send`, body)).id,
      ];
      expect(new Set(ids).size).to.equal(3);
    });

    it('takes 64 KB of content and not a byte more', async () => {
      const sized = (bytes: number, most = 'x') => {
        const left = bytes - JSON.stringify({ body: '' }).length;
        const times = Math.floor(left / Buffer.byteLength(most));
        return { content: { body: most.repeat(times) + 'x'.repeat(left - times * Buffer.byteLength(most)) } };
      };
      for (const most of ['x', 'ü', '🎉']) {
        expect((await send(bob, sized(65_536, most))).status, most).to.equal(200);
        expectRefusal(await send(bob, sized(65_537, most)), 'SW_CONTENT_TOO_LARGE');
      }
      expect(await entriesOf('swp.room.message')).to.equal(3);
    });

    it('refuses outsiders, unknown rooms, and bodies of another shape', async () => {
      expectRefusal(await send(carol, { content: { body: 'let me in' } }), 'SW_NOT_MEMBER');
      expectRefusal(await bob.try('POST', `/v1/rooms/room-${randomUUID()}/send`, { content: {} }), 'SW_ROOM_NOT_FOUND');
      for (const body of [{}, { content: 'text' }, { content: {}, event_uuid: 'not-a-uuid' }, { content: {}, more: 1 }]) expectRefusal(await send(bob, body), 'SW_BAD_SCHEMA');
    });

    it('mentions only members, and replies only to what the sender can read', async () => {
      expect((await send(bob, { content: { body: '@alice', mentions: [alice.id] } })).status).to.equal(200);
      expectRefusal(await send(bob, { content: { body: '@carol', mentions: [carol.id] } }), 'SW_PARTICIPANT_NOT_FOUND');
      const first = await alice.says(room, 'question');
      const reply = await bob.do<EventSeen>('POST', `/v1/rooms/${room}/send`, { content: { body: 'answer', reply_to_event_id: first.id } });
      const listed = (await alice.do<EventSeen[]>('GET', `/v1/rooms/${room}/messages`)).find((event) => event.id === reply.id);
      expect(listed).to.deep.include({ relates_to_event_id: first.id, content: { body: 'answer', reply_to_event_id: first.id } });
      expectRefusal(await send(bob, { content: { body: 'to nothing', reply_to_event_id: `evt-${randomUUID()}` } }), 'SW_EVENT_NOT_FOUND');
    });

    it('speaks as another member only with the highest power', async () => {
      const spoken = await alice.do<EventSeen>('POST', `/v1/rooms/${room}/send`, { content: { body: 'as bob' }, as_participant_id: bob.id });
      expect(spoken.sender_id).to.equal(bob.id);
      expectRefusal(await send(bob, { content: { body: 'as alice' }, as_participant_id: alice.id }), 'SW_ROOM_FORBIDDEN');
      await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 99 });
      expectRefusal(await send(bob, { content: { body: 'as alice' }, as_participant_id: alice.id }), 'SW_ROOM_FORBIDDEN');
      await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 0 });
      expectRefusal(await send(alice, { content: { body: 'as carol' }, as_participant_id: carol.id }), 'SW_PARTICIPANT_NOT_FOUND');
    });
  });

  describe('edit', () => {
    it('replaces the content and keeps the original beside it', async () => {
      const { id } = await bob.says(room, 'teh');
      const edited = (await about(bob, id, 'edit', { content: { body: 'the' } })).body.data as EventSeen;
      expect(edited).to.deep.include({ id, content: { body: 'the' } });
      expect(edited.edited_at).to.be.a('string');
      expect(edited.original_content).to.deep.equal({ msgtype: 'swp.text', body: 'teh' });
      expect(await alice.hears(room)).to.deep.equal(['the']);
    });

    it('is for the sender alone, whatever the power of others', async () => {
      const { id } = await bob.says(room, 'mine');
      expectRefusal(await about(alice, id, 'edit', { content: { body: 'ours' } }), 'SW_EDIT_FORBIDDEN');
      expectRefusal(await about(carol, id, 'edit', { content: { body: 'theirs' } }), 'SW_NOT_MEMBER');
    });

    it('ends after 24 hours', async () => {
      const [young, old] = [await bob.says(room, 'young'), await bob.says(room, 'old')];
      const age = (event: string, ms: number) => gateway.database.asOwner('update entries set at = at - $2::bigint where event_id = $1', [event, ms]);
      await age(young.id, 24 * HOUR_MS - 60_000);
      await age(old.id, 24 * HOUR_MS);
      expect((await about(bob, young.id, 'edit', { content: { body: 'in time' } })).status).to.equal(200);
      expectRefusal(await about(bob, old.id, 'edit', { content: { body: 'too late' } }), 'SW_EVENT_TOO_OLD_TO_EDIT');
    });

    it('refuses what is no message, what is erased, what is not there, and too much content', async () => {
      const { id } = await bob.says(room, 'text');
      const reaction = await bob.do<EventSeen>('POST', `/v1/rooms/${room}/events/${id}/reactions`, { emoji: '+' });
      expectRefusal(await about(bob, reaction.id, 'edit', { content: {} }), 'SW_EDIT_FORBIDDEN');
      expectRefusal(await about(bob, id, 'edit', { content: { body: 'x'.repeat(65_536) } }), 'SW_CONTENT_TOO_LARGE');
      await about(bob, id, 'redact');
      expectRefusal(await about(bob, id, 'edit', { content: {} }), 'SW_EVENT_NOT_FOUND');
      expectRefusal(await about(bob, `evt-${randomUUID()}`, 'edit', { content: {} }), 'SW_EVENT_NOT_FOUND');
    });
  });

  describe('redact', () => {
    it('erases an own message with its edits, for everybody', async () => {
      const { id } = await bob.says(room, 'regret');
      await about(bob, id, 'edit', { content: { body: 'regret more' } });
      const erased = (await about(bob, id, 'redact', { reason: 'a mistake' })).body.data as EventSeen;
      expect(erased).to.deep.include({ id, content: {} });
      expect(erased.redacted_at).to.be.a('string');
      expect(JSON.stringify(await alice.do('GET', `/v1/rooms/${room}/messages?limit=200`))).not.to.include('regret');
      const rows = await gateway.database.asOwner("select 1 from entries where room_id = $1 and (content::text like '%regret%' or jws is not null and redacted_by is not null)", [room]);
      expect(rows).to.deep.equal([]);
    });

    it('is for the sender and for moderators', async () => {
      const [mine, theirs] = [await alice.says(room, 'of alice'), await bob.says(room, 'of bob')];
      expectRefusal(await about(bob, mine.id, 'redact'), 'SW_REDACT_FORBIDDEN');
      expectRefusal(await about(carol, theirs.id, 'redact'), 'SW_NOT_MEMBER');
      expect((await about(alice, theirs.id, 'redact')).status).to.equal(200);
      await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 50 });
      expect((await about(bob, mine.id, 'redact')).status).to.equal(200);
    });

    it('does not touch the state of a room, nor what is not there', async () => {
      const [join] = await gateway.database.asOwner<{ event_id: string }>("select event_id from entries where room_id = $1 and event_type = 'swp.room.member' and target = $2", [room, bob.fqid]);
      expectRefusal(await about(alice, join?.event_id ?? '', 'redact'), 'SW_REDACT_FORBIDDEN');
      expectRefusal(await about(alice, `evt-${randomUUID()}`, 'redact'), 'SW_EVENT_NOT_FOUND');
    });

    it('beats an edit that races it: nothing of the edit remains', async () => {
      for (let round = 0; round < 15; round += 1) {
        const { id } = await bob.says(room, `race ${round}`);
        await Promise.all([about(bob, id, 'edit', { content: { body: `SURVIVOR ${round}` } }), about(alice, id, 'redact'), about(bob, id, 'edit', { content: { body: `SURVIVOR again ${round}` } })]);
      }
      expect(await gateway.database.asOwner("select 1 from entries where room_id = $1 and content::text like '%SURVIVOR%'", [room])).to.deep.equal([]);
    });
  });

  describe('react and unreact', () => {
    const react = (who: Person, event: string, emoji: string): Promise<Answer> => who.try('POST', `/v1/rooms/${room}/events/${event}/reactions`, { emoji });
    const unreact = (who: Person, event: string, emoji: string): Promise<Answer> => who.try('DELETE', `/v1/rooms/${room}/events/${event}/reactions/${encodeURIComponent(emoji)}`);

    it('the same emoji many times at once is one reaction, and so is taking it back', async () => {
      const { id } = await bob.says(room, 'nice');
      const reacted = await Promise.all(Array.from({ length: 8 }, () => react(alice, id, '👍')));
      expect(new Set(reacted.map((answer) => (answer.body.data as EventSeen | undefined)?.id)).size).to.equal(1);
      expect(await entriesOf('swp.room.reaction')).to.equal(1);
      const taken = await Promise.all(Array.from({ length: 8 }, () => unreact(alice, id, '👍')));
      expect(taken.map((answer) => answer.status)).to.deep.equal(taken.map(() => 200));
      expect(await entriesOf('swp.room.reaction.remove')).to.equal(1);
    });

    it('may be given again after it was taken back', async () => {
      const { id } = await bob.says(room, 'nice');
      for (const step of [react, unreact, react]) expect((await step(alice, id, '👍')).status).to.be.lessThan(300);
      expect(await entriesOf('swp.room.reaction')).to.equal(2);
    });

    it('of two people and of two emojis are different reactions', async () => {
      const { id } = await bob.says(room, 'nice');
      await Promise.all([react(alice, id, '👍'), react(bob, id, '👍'), react(alice, id, '🎉')]);
      expect(await entriesOf('swp.room.reaction')).to.equal(3);
    });

    it('refuse outsiders, no emoji, too long ones, and what is not a message any more', async () => {
      const { id } = await bob.says(room, 'nice');
      expectRefusal(await react(carol, id, '👍'), 'SW_NOT_MEMBER');
      for (const emoji of ['', 'x'.repeat(65)]) expectRefusal(await react(alice, id, emoji), 'SW_BAD_SCHEMA');
      expectRefusal(await react(alice, `evt-${randomUUID()}`, '👍'), 'SW_EVENT_NOT_FOUND');
      await about(bob, id, 'redact');
      expectRefusal(await react(alice, id, '👍'), 'SW_EVENT_NOT_FOUND');
    });

    it('taking back what was never given is a success that writes nothing', async () => {
      const { id } = await bob.says(room, 'nice');
      expect((await unreact(alice, id, '👍')).status).to.equal(200);
      expect(await entriesOf('swp.room.reaction.remove')).to.equal(0);
    });
  });

  describe('messages', () => {
    it('pages back and forward without overlap or hole, and says when there is no more', async () => {
      for (let n = 1; n <= 7; n += 1) await alice.says(room, `m${n}`);
      for (const direction of ['back', 'forward']) {
        const read: number[] = [];
        let from = '';
        for (let more = true; more; ) {
          const { body } = await alice.try('GET', `/v1/rooms/${room}/messages?limit=3&direction=${direction}${from}`);
          read.push(...(body.data as EventSeen[]).map((event) => event.stream_position));
          const meta = body.meta as { has_more: boolean; next_cursor: string };
          more = meta.has_more;
          from = `&from=${meta.next_cursor}`;
        }
        const ordered = [...new Set(read)].sort((one, other) => (direction === 'back' ? other - one : one - other));
        expect(read).to.deep.equal(ordered);
        expect(read).to.have.length(7 + 4);
      }
    });

    it('is for those who are in the room or were', async () => {
      expectRefusal(await carol.try('GET', `/v1/rooms/${room}/messages`), 'SW_NOT_MEMBER');
      await alice.do('POST', `/v1/rooms/${room}/invite`, { participant_id: carol.id });
      expectRefusal(await carol.try('GET', `/v1/rooms/${room}/messages`), 'SW_NOT_MEMBER');
      expectRefusal(await alice.try('GET', `/v1/rooms/room-${randomUUID()}/messages`), 'SW_ROOM_NOT_FOUND');
    });

    it('refuses limits and directions outside their bounds', async () => {
      for (const query of ['limit=0', 'limit=201', 'limit=ten', 'direction=up', 'from=-1']) expectRefusal(await alice.try('GET', `/v1/rooms/${room}/messages?${query}`), 'SW_BAD_REQUEST');
    });
  });
});
