import { expect } from 'chai';
import pg from 'pg';
import { accept, bring, equalHeads, federatedRoom, heard, memberships, participantOf, PATIENCE_MS, powers, roomsOf, timeline, traces } from '../../support/federated.js';
import { eventually, federatedPair, type Gateway } from '../../support/gateway.js';
import { Person, type EventSeen, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

type Delivered = EventSeen & { readonly foreign_origin: string | null; readonly delivery?: { readonly state: string; readonly code?: string } };

describe('talk between a.example and b.example', function () {
  this.timeout(60_000);
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

  const send = (who: Person, id: string, content: Readonly<Record<string, unknown>>) => who.do<Delivered>('POST', `/v1/rooms/${id}/send`, { content: { msgtype: 'swp.text', ...content } });
  const seen = async (who: Person, id: string, event: string): Promise<Delivered> => (await timeline(who, id)).find((one) => one.id === event) as Delivered;
  const placed = (event: string) => eventually(async () => (await seen(bob, there, event)).delivery?.state === 'placed', PATIENCE_MS);

  it('names a foreign author by a participant of one’s own tenant, and their server', async () => {
    await send(alice, room.id, { body: 'who am I' });
    const event = (await heard(bob, there, 'who am I')) as Delivered;
    expect(event.foreign_origin).to.equal('a.example');
    expect(event.sender_id).to.equal(await participantOf(bob, there, alice.fqid));
    expect(event.sender_id).not.to.equal(alice.id);
  });

  it('keeps one id for one’s own message while it is pending and when it is placed', async () => {
    const sent = await send(bob, there, { body: 'one id' });
    expect(sent.delivery).to.deep.equal({ state: 'pending' });
    await placed(sent.id);
    expect((await timeline(bob, there)).filter(({ content }) => content['body'] === 'one id')).to.have.length(1);
    expect((await seen(bob, there, sent.id)).stream_position).to.be.greaterThan(sent.stream_position);
  });

  it('shows an edit of the home’s message in the mirror, and of the mirror’s at home', async () => {
    const mine = await send(alice, room.id, { body: 'a, misspeled' });
    const yours = await send(bob, there, { body: 'b, misspeled' });
    const yoursAtHome = await heard(alice, room.id, 'b, misspeled');
    const mineAway = await heard(bob, there, 'a, misspeled');
    await alice.do('POST', `/v1/rooms/${room.id}/events/${mine.id}/edit`, { content: { msgtype: 'swp.text', body: 'a, misspelled' } });
    await bob.do('POST', `/v1/rooms/${there}/events/${yours.id}/edit`, { content: { msgtype: 'swp.text', body: 'b, misspelled' } });
    await eventually(async () => (await seen(bob, there, mineAway.id)).content['body'] === 'a, misspelled', PATIENCE_MS);
    await eventually(async () => (await seen(alice, room.id, yoursAtHome.id)).content['body'] === 'b, misspelled', PATIENCE_MS);
    expect((await seen(bob, there, mineAway.id)).original_content?.['body']).to.equal('a, misspeled');
  });

  it('refuses an edit of what somebody else said, on the spot', async () => {
    const mine = await send(alice, room.id, { body: 'mine alone' });
    const away = await heard(bob, there, 'mine alone');
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/events/${away.id}/edit`, { content: { msgtype: 'swp.text', body: 'yours' } }), 'SW_EDIT_FORBIDDEN');
    expect((await seen(alice, room.id, mine.id)).content['body']).to.equal('mine alone');
  });

  it('erases on both sides what is redacted on either: no trace of it is left in what is stored', async () => {
    const mine = await send(alice, room.id, { body: 'marker-alpha' });
    const yours = await send(bob, there, { body: 'marker-beta' });
    await heard(bob, there, 'marker-alpha');
    await heard(alice, room.id, 'marker-beta');
    await placed(yours.id);
    await bob.do('POST', `/v1/rooms/${there}/events/${yours.id}/edit`, { content: { msgtype: 'swp.text', body: 'marker-beta edited' } });
    await heard(alice, room.id, 'marker-beta edited');
    await alice.do('POST', `/v1/rooms/${room.id}/events/${mine.id}/redact`, { reason: 'slip' });
    await bob.do('POST', `/v1/rooms/${there}/events/${yours.id}/redact`);
    for (const marker of ['marker-alpha', 'marker-beta']) {
      for (const node of [a, b]) await eventually(async () => (await traces(node, marker)) === 0, PATIENCE_MS);
    }
    await equalHeads(room.room_alias, a, b);
    expect((await seen(bob, there, yours.id)).redacted_at).to.be.a('string');
  });

  it('lets a moderator of the home erase what the mirror’s people said', async () => {
    await send(bob, there, { body: 'marker-gamma' });
    const atHome = await heard(alice, room.id, 'marker-gamma');
    await alice.do('POST', `/v1/rooms/${room.id}/events/${atHome.id}/redact`);
    for (const node of [a, b]) await eventually(async () => (await traces(node, 'marker-gamma')) === 0, PATIENCE_MS);
  });

  it('lets no edit bring the words back that was judged in the mirror before it took the redaction', async () => {
    const yours = await send(bob, there, { body: 'marker-delta' });
    const atHome = await heard(alice, room.id, 'marker-delta');
    await placed(yours.id);
    const holder = new pg.Client({ connectionString: b.database.ownerUrl });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query('select from rooms where room_id = $1 for no key update', [there]);
      await alice.do('POST', `/v1/rooms/${room.id}/events/${atHome.id}/redact`);
      await eventually(async () => (await waitingForLocks(b)) === 1, PATIENCE_MS);
      const edit = bob.try('POST', `/v1/rooms/${there}/events/${yours.id}/edit`, { content: { msgtype: 'swp.text', body: 'marker-delta edited' } });
      await eventually(async () => (await waitingForLocks(b)) === 2, PATIENCE_MS);
      await holder.query('commit');
      expectRefusal(await edit, 'SW_EVENT_NOT_FOUND');
    } finally {
      await holder.end();
    }
    for (const node of [a, b]) await eventually(async () => (await traces(node, 'marker-delta')) === 0, PATIENCE_MS);
  });

  /** In the order in which they came. */
  async function waitingForLocks({ database }: Gateway): Promise<number> {
    return (await database.asOwner("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).length;
  }

  it('refuses the redaction of another’s message by one without power', async () => {
    await send(alice, room.id, { body: 'stays' });
    const away = await heard(bob, there, 'stays');
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/events/${away.id}/redact`), 'SW_REDACT_FORBIDDEN');
  });

  it('carries reactions to the event that they are about, and their taking back', async () => {
    await send(alice, room.id, { body: 'like it?' });
    const away = await heard(bob, there, 'like it?');
    const atHome = await heard(alice, room.id, 'like it?');
    const about = async (who: Person, id: string, event: string, type: string) => (await timeline(who, id)).find((one) => one.event_type === type && one.relates_to_event_id === event);
    await bob.do('POST', `/v1/rooms/${there}/events/${away.id}/reactions`, { emoji: '👍' });
    const reaction = await eventually(() => about(alice, room.id, atHome.id, 'swp.room.reaction'), PATIENCE_MS);
    expect(reaction.content['emoji']).to.equal('👍');
    await bob.do('DELETE', `/v1/rooms/${there}/events/${away.id}/reactions/${encodeURIComponent('👍')}`);
    await eventually(() => about(alice, room.id, atHome.id, 'swp.room.reaction.remove'), PATIENCE_MS);
  });

  it('carries replies and mentions in each tenant’s own ids', async () => {
    await send(alice, room.id, { body: 'a question' });
    const question = await heard(bob, there, 'a question');
    const questionAtHome = await heard(alice, room.id, 'a question');
    const aliceThere = await participantOf(bob, there, alice.fqid);
    await send(bob, there, { body: 'an answer', reply_to_event_id: question.id, mentions: [aliceThere] });
    const answer = await heard(alice, room.id, 'an answer');
    expect(answer.content).to.deep.include({ reply_to_event_id: questionAtHome.id, mentions: [alice.id] });
    const [row] = await a.database.asOwner<{ jws: string }>('select jws from entries where event_id = $1', [answer.id]);
    const wire = Buffer.from(row?.jws.split('.')[1] ?? '', 'base64url').toString('utf8');
    expect(wire).to.include(alice.fqid).and.not.include(aliceThere).and.not.include(alice.id).and.not.include(question.id);
  });

  it('carries name and topic both ways, within what power allows', async () => {
    await alice.do('PUT', `/v1/rooms/${room.id}/name`, { name: 'Named at home' });
    await eventually(async () => (await roomsOf(bob)).some(({ name }) => name === 'Named at home'), PATIENCE_MS);
    expectRefusal(await bob.try('PUT', `/v1/rooms/${there}/name`, { name: 'Not yet' }), 'SW_ROOM_FORBIDDEN');
    await alice.do('PUT', `/v1/rooms/${room.id}/members/${await participantOf(alice, room.id, bob.fqid)}/power-level`, { power_level: 50 });
    await eventually(async () => (await powers(bob, there))[bob.fqid] === 50, PATIENCE_MS);
    await bob.do('PUT', `/v1/rooms/${there}/topic`, { topic: 'Said over there' });
    await eventually(async () => (await roomsOf(alice)).some(({ topic }) => topic === 'Said over there'), PATIENCE_MS);
    await eventually(async () => (await roomsOf(bob)).some(({ topic }) => topic === 'Said over there'), PATIENCE_MS);
  });

  it('grants no power above one’s own, across servers as at home', async () => {
    const carol = await Person.of(b, 'carol');
    await bring(alice, room, carol);
    await eventually(async () => (await memberships(bob, there))[carol.fqid] === 'join', PATIENCE_MS);
    const id = await participantOf(bob, there, carol.fqid);
    expectRefusal(await bob.try('PUT', `/v1/rooms/${there}/members/${id}/power-level`, { power_level: 51 }), 'SW_ROOM_FORBIDDEN');
    await bob.do('PUT', `/v1/rooms/${there}/members/${id}/power-level`, { power_level: 10 });
    await eventually(async () => (await powers(alice, room.id))[carol.fqid] === 10, PATIENCE_MS);
    await bob.do('POST', `/v1/rooms/${there}/kick`, { participant_id: id });
    await eventually(async () => (await memberships(alice, room.id))[carol.fqid] === undefined, PATIENCE_MS);
  });

  it('tells a mirror that its room is archived, where nothing more is said, and open again', async () => {
    await alice.do('POST', `/v1/rooms/${room.id}/archive`);
    await eventually(async () => (await bob.do<RoomSeen>('GET', `/v1/rooms/${there}`)).state === 'archived', PATIENCE_MS);
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/send`, { content: { msgtype: 'swp.text', body: 'too late' } }), 'SW_ROOM_FROZEN');
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/unarchive`), 'SW_ROOM_FORBIDDEN');
    await alice.do('POST', `/v1/rooms/${room.id}/unarchive`);
    await eventually(async () => (await bob.do<RoomSeen>('GET', `/v1/rooms/${there}`)).state === 'open', PATIENCE_MS);
  });

  it('ends with equal heads', async () => {
    await equalHeads(room.room_alias, a, b);
  });
});

describe('a direct room between a.example and b.example', function () {
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

  it('is the same one every time, takes messages both ways, and a third person never', async () => {
    const open = () => alice.do<RoomSeen>('POST', '/v1/me/federated-dms', { fqid: bob.fqid });
    const [room, again] = await Promise.all([open(), open()]);
    expect(again.id).to.equal(room.id);
    expect((await open()).id).to.equal(room.id);
    const there = await accept(bob, room.room_alias);
    expect((await bob.do<RoomSeen>('GET', `/v1/rooms/${there}`)).room_type).to.equal('dm');
    await alice.says(room.id, 'just us');
    await heard(bob, there, 'just us');
    await bob.says(there, 'just us two');
    await heard(alice, room.id, 'just us two');
    const carol = await Person.of(b, 'carol');
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/invite`, { fqid: carol.fqid }), 'SW_ROOM_TYPE_INVARIANT');
    expectRefusal(await bob.try('POST', `/v1/rooms/${there}/invite`, { participant_id: carol.id }), 'SW_ROOM_TYPE_INVARIANT');
    expectRefusal(await alice.try('POST', `/v1/rooms/${room.id}/kick`, { fqid: bob.fqid }), 'SW_ROOM_TYPE_INVARIANT');
    await equalHeads(room.room_alias, a, b);
  });

  it('is not opened with a person of one’s own server, or of a server that is not accepted', async () => {
    expectRefusal(await alice.try('POST', '/v1/me/federated-dms', { fqid: '@dave:a.example' }), 'SW_BAD_REQUEST');
    expectRefusal(await alice.try('POST', '/v1/me/federated-dms', { fqid: '@dave:unheard.example' }), 'SW_FED_POLICY');
  });
});
