import { expect } from 'chai';
import { systemRandomness } from '../../../src/kernel/system-ports.js';
import { gateways, type Gateway } from '../../support/gateway.js';
import { tokenOf } from '../../support/http-caller.js';
import { Person, type EventSeen } from '../../support/people.js';
import { testScaikey, type TestScaikey } from '../../support/scaikey.js';
import { StreamClient } from '../../support/stream-client.js';
import { byTheWallClock } from '../../support/wall-clock.js';

const CLOSED_FOR_TOKEN = 4001;

describe('the stream of a person', () => {
  let scaikey: TestScaikey;
  let gateway: Gateway;
  let alice: Person;
  let bob: Person;
  let room: string;
  let stream: StreamClient;

  before(async () => {
    scaikey = await testScaikey();
    const env = { SCAIWAVE_AUTH_MODE: 'hybrid', SCAIWAVE_SCAIKEY_URL: scaikey.url, SCAIWAVE_SCAIKEY_AUDIENCE: scaikey.clientId, SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' };
    const [only] = await gateways(['a.example'], { env });
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    [alice, bob] = await Promise.all([Person.of(gateway, 'alice'), Person.of(gateway, 'bob')]);
  });
  after(async () => {
    await gateway.end();
    await scaikey.close();
  });
  beforeEach(async () => {
    room = (await alice.room()).id;
    await alice.brings(room, bob);
    stream = await StreamClient.open(gateway, tokenOf('bob'));
  });
  afterEach(() => stream.close());

  it('says hello, and then what happens in the rooms of that person, within a second', async function () {
    byTheWallClock(this);
    expect(stream.frames[0]).to.deep.include({ type: 'hello', server_name: 'a.example' });
    const sent = await alice.says(room, 'to the stream');
    const frame = await stream.next((one) => one['id'] === sent.id, 1_000);
    expect(frame).to.deep.include({ type: 'swp.room.message', room_id: room, sender_id: alice.id, stream_position: sent.stream_position });
    expect(frame).to.include.keys('tenant_id', 'ts', 'content', 'origin_ts', 'foreign_origin');
  });

  it('says nothing of rooms that the person is not in', async () => {
    const other = (await alice.room()).id;
    await alice.says(other, 'not for bob');
    const marker = await alice.says(room, 'for bob');
    await stream.next((one) => one['id'] === marker.id);
    expect(stream.frames.filter((one) => one['room_id'] === other)).to.deep.equal([]);
  });

  it('tells of an invitation, and of the room from the join on', async () => {
    const other = (await alice.room()).id;
    await alice.do('POST', `/v1/rooms/${other}/invite`, { participant_id: bob.id });
    const frame = await stream.next((one) => one['room_id'] === other && one['membership'] === 'invite');
    expect(frame).to.deep.include({ type: 'swp.room.member', participant_id: bob.id, target: bob.fqid, changed_by: alice.id });
    await alice.says(other, 'before the join');
    await bob.do('POST', `/v1/rooms/${other}/join`);
    const sent = await alice.says(other, 'after the join');
    await stream.next((one) => one['id'] === sent.id);
    expect(stream.frames.filter((one) => one['type'] === 'swp.room.message' && one['room_id'] === other)).to.have.length(1);
  });

  it('carries reactions and redactions with what they are about', async () => {
    const { id } = await bob.says(room, 'to be judged');
    await alice.do('POST', `/v1/rooms/${room}/events/${id}/reactions`, { emoji: '🎉' });
    expect(await stream.next((one) => one['type'] === 'swp.room.reaction')).to.deep.include({ event_id: id, emoji: '🎉', sender_id: alice.id });
    await alice.do('POST', `/v1/rooms/${room}/events/${id}/redact`, { reason: 'spam' });
    expect(await stream.next((one) => one['type'] === 'swp.room.redaction')).to.deep.include({ event_id: id, redacted_by: alice.id, reason: 'spam' });
  });

  it('marks all of an incognito room as not to be indexed, and so do its answers, its messages and sync', async () => {
    const hidden = (await alice.room({ room_type: 'incognito' })).id;
    await alice.brings(hidden, bob);
    const sent = await alice.says(hidden, 'between us');
    expect(sent).to.have.property('do_not_index', true);
    await alice.do('POST', `/v1/rooms/${hidden}/events/${sent.id}/reactions`, { emoji: '+' });
    const ordinary = await alice.says(room, 'for everybody');
    expect(ordinary).not.to.have.property('do_not_index');
    await stream.next((one) => one['id'] === ordinary.id);
    const told = stream.frames.filter((one) => typeof one['id'] === 'string');
    expect(new Set(told.filter((one) => one['room_id'] === hidden).map((one) => one['type']))).to.deep.equal(new Set(['swp.room.member', 'swp.room.message', 'swp.room.reaction']));
    const marked = (events: readonly object[]): unknown[] => events.map((one) => ('do_not_index' in one ? one.do_not_index : undefined));
    for (const one of told) expect(marked([one]), String(one['type'])).to.deep.equal([one['room_id'] === hidden ? true : undefined]);
    const read = await bob.do<EventSeen[]>('GET', `/v1/rooms/${hidden}/messages`);
    const { events } = await bob.do<{ events: (EventSeen & { room_id: string })[] }>('GET', '/v1/sync?timeout=0&limit=500');
    expect(new Set(marked(read))).to.deep.equal(new Set([true]));
    expect(new Set(marked(events.filter((one) => one.room_id === hidden)))).to.deep.equal(new Set([true]));
    expect(new Set(marked(events.filter((one) => one.room_id !== hidden)))).to.deep.equal(new Set([undefined]));
  });

  for (const verb of ['kick', 'ban'] as const) {
    it(`falls silent within a second of a ${verb}, which is the last it tells`, async function () {
      byTheWallClock(this);
      await alice.do('POST', `/v1/rooms/${room}/${verb}`, { participant_id: bob.id });
      const frame = await stream.next((one) => one['room_id'] === room && one['target'] === bob.fqid && one['membership'] !== 'join', 1_000);
      expect(frame).to.deep.include({ type: 'swp.room.member', participant_id: bob.id, membership: verb === 'kick' ? 'leave' : 'ban', changed_by: alice.id });
      await alice.says(room, 'bob has gone');
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(stream.frames.filter((one) => one['type'] === 'swp.room.message')).to.deep.equal([]);
    });
  }

  it('falls silent when the person leaves', async () => {
    await bob.do('POST', `/v1/rooms/${room}/leave`);
    await alice.says(room, 'bob has gone');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(stream.frames.filter((one) => one['type'] === 'swp.room.message')).to.deep.equal([]);
  });

  it('tells of typing and presence of others, not of one’s own', async () => {
    await alice.do('PUT', '/v1/typing', { room_id: room, typing: true });
    expect(await stream.next((one) => one['type'] === 'typing')).to.deep.include({ room_id: room, participant_id: alice.id, typing: true });
    expect(await stream.next((one) => one['type'] === 'typing' && one['typing'] === false)).to.deep.include({ room_id: room, participant_id: alice.id });
    await alice.do('PUT', '/v1/presence', { presence: 'online' });
    expect(await stream.next((one) => one['type'] === 'presence')).to.deep.include({ participant_id: alice.id, presence: 'online' });
    await bob.do('PUT', '/v1/typing', { room_id: room, typing: true });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(stream.frames.filter((one) => one['participant_id'] === bob.id && one['type'] === 'typing')).to.deep.equal([]);
  });

  it('closes within a second of the end of its token', async function () {
    byTheWallClock(this);
    const expiresS = Math.floor(Date.now() / 1_000) + 3;
    const token = await scaikey.token({ tenantId: 'tnt_first', subject: `usr_${systemRandomness.uuid()}`, claims: { exp: expiresS } });
    const short = await StreamClient.open(gateway, token);
    expect(short.frames[0]).to.deep.include({ type: 'hello' });
    const { code, reason } = await short.end(5_000);
    expect({ code, reason }).to.deep.equal({ code: CLOSED_FOR_TOKEN, reason: 'expired_token' });
    expect(Date.now()).to.be.within(expiresS * 1_000 - 50, (expiresS + 1) * 1_000);
  });

  it('closes at once for a token that is none', async () => {
    const none = await StreamClient.open(gateway, 'mock:nowhere:bob');
    expect(await none.end()).to.deep.equal({ code: CLOSED_FOR_TOKEN, reason: 'SW_TENANT_NOT_FOUND' });
  });

  it('closes within a second when the tenant is suspended, and opens no other', async function () {
    byTheWallClock(this);
    const suspend = (status: string) => gateway.database.asOwner("with h as (update tenant_heads set epoch = epoch + 1 returning 1) update tenants set status = $1", [status]);
    try {
      const suspendedMs = Date.now();
      await suspend('suspended');
      expect(await stream.end(1_000)).to.deep.equal({ code: CLOSED_FOR_TOKEN, reason: 'SW_TENANT_SUSPENDED' });
      expect(Date.now() - suspendedMs).to.be.lessThan(1_000);
      const another = await StreamClient.open(gateway, tokenOf('bob'));
      expect(await another.end()).to.deep.equal({ code: CLOSED_FOR_TOKEN, reason: 'SW_TENANT_SUSPENDED' });
    } finally {
      await suspend('active');
    }
  });
});
