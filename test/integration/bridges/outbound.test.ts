import { expect } from 'chai';
import { Webhook } from 'standardwebhooks';
import type { NewBridgeView } from '../../../src/flows/api/bridges-admin.js';
import type { Caller } from '../../../src/kernel/caller.js';
import { parseDeliveryId, parseEventId, type RoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { verifyBridgeSignature } from '../../../src/protocol/bridge-signature.js';
import { BridgeWorld, nativeMessage } from '../../support/bridge-world.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { outcome } from '../../support/fixtures.js';
import { silentLog } from '../../support/silent-ports.js';
import { TestClock } from '../../support/test-clock.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';

const HOUR_MS = 3_600_000;

describe('What a bridge tells the other side', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let clock: TestClock;
  let world: BridgeWorld;
  let receiver: WebhookReceiver;
  let alice: Caller;
  let room: RoomId;
  let bridge: NewBridgeView;
  /** What an operator is warned of, and when. */
  let warnings: { readonly text: string; readonly atMs: number }[];

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    clock = new TestClock(Date.now());
    warnings = [];
    world = new BridgeWorld(database, clock, { ...silentLog, warn: (_fields, text) => void warnings.push({ text, atMs: clock.nowMs() }) });
    receiver = new WebhookReceiver();
    await receiver.start();
    alice = await world.person(await world.tenant(), 'alice');
    room = await world.room(alice);
    await world.say(alice, room, 'before the bridge');
    bridge = await world.bridge(alice, room, { direction: 'both', outboundWebhook: receiver.url });
  });
  afterEach(async () => {
    await receiver.stop();
    await world.close();
  });

  const turn = (): ReturnType<BridgeWorld['turn']> => world.turn(alice.ctx, bridge.bridge_id);
  const view = (): ReturnType<BridgeWorld['admin']['get']> => world.admin.get(alice, world.idOf(bridge));
  const listed = async (): ReturnType<BridgeWorld['admin']['deliveries']> => world.admin.deliveries(alice, world.idOf(bridge), { state: null, limit: 50, offset: 0 });

  it('is signed in both ways, and names bridge, event, delivery and attempt', async () => {
    const said = await world.say(alice, room, 'hello');
    expect(await turn()).to.equal('idle');
    expect(receiver.bodies).to.deep.equal(['hello']);
    const [post] = receiver.posts;
    if (post === undefined) throw new Error('nothing came');
    const text = (name: string): string => String(post.headers[name]);
    expect(new Webhook(bridge.shared_secret).verify(post.raw, { 'webhook-id': text('webhook-id'), 'webhook-timestamp': text('webhook-timestamp'), 'webhook-signature': text('webhook-signature') })).to.be.an('object');
    expect(() => new Webhook(bridge.shared_secret).verify(`${post.raw.toString()} `, { 'webhook-id': text('webhook-id'), 'webhook-timestamp': text('webhook-timestamp'), 'webhook-signature': text('webhook-signature') })).to.throw();
    expect(verifyBridgeSignature({ headerValues: [text('x-scaiwave-bridge-signature')], body: post.raw }, [{ secret: bridge.shared_secret, expiresAtMs: undefined }], clock.nowMs())).to.equal(0);
    expect(text('x-scaiwave-bridge-id')).to.equal(bridge.bridge_id);
    expect(text('x-scaiwave-event-id')).to.equal(said.id);
    expect(text('x-scaiwave-attempt')).to.equal('1');
    expect(post.body).to.deep.include({ event_id: said.id, type: 'message.created', room_id: room, bridge_id: bridge.bridge_id, via: [`${bridge.bridge_id}:${alice.ctx.serverName}`] });
    expect(post.body['sender']).to.deep.equal({ external_id: alice.fqid, display_name: 'alice', avatar_url: null });
    expect((await view()).secrets[0]?.use_count).to.equal(1);
    expect(await turn()).to.equal('idle');
    expect(receiver.posts).to.have.length(1);
  });

  it('never holds what the bridge itself brought', async () => {
    await world.call(bridge, nativeMessage('m-1', 'from there'));
    await world.say(alice, room, 'from here');
    await turn();
    expect(receiver.bodies).to.deep.equal(['from here']);
  });

  it('is a message in its last form, and its edits after that', async () => {
    const said = await world.say(alice, room, 'first');
    await world.messages.edit(alice, room, parseEventId(said.id), { msgtype: 'swp.text', body: 'second' });
    await turn();
    await world.messages.edit(alice, room, parseEventId(said.id), { msgtype: 'swp.text', body: 'third' });
    await world.messages.edit(alice, room, parseEventId(said.id), { msgtype: 'swp.text', body: 'fourth' });
    await turn();
    expect(receiver.posts.map(({ body }) => body.type)).to.deep.equal(['message.created', 'message.edited']);
    expect(receiver.bodies).to.deep.equal(['second', 'fourth']);
  });

  it('does not hold a message that was redacted before it was posted, but the deletion of one that was', async () => {
    const gone = await world.say(alice, room, 'secret');
    await world.messages.redact(alice, room, parseEventId(gone.id), null);
    const kept = await world.say(alice, room, 'posted');
    await turn();
    await world.messages.redact(alice, room, parseEventId(kept.id), null);
    await turn();
    expect(receiver.posts.map(({ body }) => body.type)).to.deep.equal(['message.created', 'message.deleted']);
    expect(receiver.posts[1]?.body['relates_to']).to.deep.equal({ event_id: kept.id, external_id: null });
    expect(JSON.stringify(receiver.posts.map(({ body }) => body))).not.to.include('secret');
  });

  it('names a message as the other side does, in both directions', async () => {
    receiver.answer = (post) => ({ status: 200, body: JSON.stringify({ external_id: `there-${post.body.event_id}` }) });
    const said = await world.say(alice, room, 'hello');
    await turn();
    await world.messages.react(alice, room, parseEventId(said.id), '👍');
    const theirs = await world.call(bridge, nativeMessage('m-1', 'from there'));
    await world.messages.react(alice, room, parseEventId(theirs.event_id), '👀');
    await world.messages.unreact(alice, room, parseEventId(theirs.event_id), '👀');
    await turn();
    const posts = receiver.posts.slice(1).map(({ body }) => [body.type, body['relates_to']]);
    expect(posts).to.deep.equal([
      ['reaction.added', { event_id: said.id, external_id: `there-${said.id}` }],
      ['reaction.added', { event_id: theirs.event_id, external_id: 'm-1' }],
      ['reaction.removed', { event_id: theirs.event_id, external_id: 'm-1' }],
    ]);
    const reply = await world.call(bridge, nativeMessage('m-2', 'so there', { reply_to_external_id: `there-${said.id}` }));
    const [row] = await database.asOwner<{ relates_to: string }>('select relates_to from entries where event_id = $1', [reply.event_id]);
    expect(row?.relates_to).to.equal(said.id);
  });

  it('waits while the receiver is down, and comes in order, nothing lost', async () => {
    await receiver.stop();
    for (let n = 1; n <= 30; n += 1) await world.say(alice, room, `n${n}`);
    expect(await turn()).to.equal('failed');
    clock.advance(3_000);
    expect(await turn()).to.equal('failed');
    expect((await view()).last_error).to.equal('egress_connect');
    await receiver.start();
    clock.advance(13_000);
    expect(await turn()).to.equal('idle');
    expect(receiver.bodies).to.deep.equal(Array.from({ length: 30 }, (_, index) => `n${index + 1}`));
    expect(receiver.posts[0]?.headers['x-scaiwave-attempt']).to.equal('3');
    expect((await view()).last_error).to.equal(null);
  });

  it('is tried again after 2 s, 10 s, 30 s and so on, and parked after the eleventh try', async () => {
    receiver.answer = () => ({ status: 500, body: 'no' });
    await world.say(alice, room, 'hello');
    const waits: number[] = [];
    for (let tries = 1; tries <= 11; tries += 1) {
      await turn();
      const row = (await listed()).items[0];
      expect(row?.attempts).to.equal(tries);
      expect(row?.last_status).to.equal(500);
      if (typeof row?.next_attempt_at === 'string') waits.push((Date.parse(row.next_attempt_at) - clock.nowMs()) / 1_000);
      clock.advance((waits.at(-1) ?? 0) * 1_000 - 1);
      if (tries < 11) await turn();
      expect((await listed()).items[0]?.attempts, 'too early').to.equal(tries);
      clock.advance(700_000);
    }
    const planned = [2, 10, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
    for (const [index, wait] of waits.entries()) expect(wait).to.be.within((planned[index] ?? 0) * 0.8 - 0.01, (planned[index] ?? 0) * 1.2 + 0.01);
    expect((await listed()).items[0]?.state).to.equal('parked');
  });

  it('waits as long as it is asked to, which is nobody’s failure', async () => {
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '90' } });
    await world.say(alice, room, 'hello');
    expect(await turn()).to.equal('later');
    clock.advance(89_000);
    expect(await turn()).to.equal('later');
    expect(receiver.posts).to.have.length(1);
    expect((await view()).last_error).to.equal(null);
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '0' } });
    clock.advance(2_000);
    for (const posts of [2, 2]) {
      await turn();
      expect(receiver.posts, 'no time is not at once').to.have.length(posts);
    }
    receiver.answer = () => ({ status: 503, headers: { 'retry-after': '86400' } });
    clock.advance(60_000);
    await turn();
    const [row] = (await listed()).items;
    expect(Date.parse(row?.next_attempt_at ?? '') - clock.nowMs()).to.equal(HOUR_MS);
  });

  it('sets aside a message that fails alone, goes on, and sends it when told to', async () => {
    receiver.answer = ({ body }) => ({ status: JSON.stringify(body).includes('poison') ? 500 : 200 });
    await world.say(alice, room, 'one');
    await world.say(alice, room, 'poison');
    for (const text of ['two', 'three']) await world.say(alice, room, text);
    for (let tries = 1; tries <= 3; tries += 1) {
      await turn();
      clock.advance(15_000);
    }
    expect(receiver.bodies.filter((text) => text !== 'poison')).to.deep.equal(['one', 'two', 'three']);
    expect(receiver.bodies.filter((text) => text === 'poison')).to.have.length(3);
    const [parked] = (await world.admin.deliveries(alice, world.idOf(bridge), { state: 'parked', limit: 10, offset: 0 })).items;
    expect(parked?.last_status).to.equal(500);
    receiver.answer = () => ({ status: 200 });
    expect((await world.admin.replay(alice, world.idOf(bridge), parseDeliveryId(parked?.id))).state).to.equal('waiting');
    await turn();
    expect(receiver.bodies.at(-1)).to.equal('poison');
    expect((await world.admin.deliveries(alice, world.idOf(bridge), { state: 'parked', limit: 10, offset: 0 })).total).to.equal(0);
    expect(await outcome(() => world.admin.replay(alice, world.idOf(bridge), parseDeliveryId('dlv-00000000-0000-4000-8000-000000000000')))).to.equal('SW_DELIVERY_NOT_FOUND');
  });

  it('keeps its place while everything fails', async () => {
    receiver.answer = () => ({ status: 500 });
    for (const text of ['one', 'two']) await world.say(alice, room, text);
    for (let tries = 1; tries <= 4; tries += 1) {
      await turn();
      clock.advance(40_000);
    }
    receiver.answer = () => ({ status: 200 });
    clock.advance(HOUR_MS);
    receiver.posts.length = 0;
    await turn();
    expect(receiver.bodies).to.deep.equal(['one', 'two']);
  });

  for (const status of [404, 410]) {
    it(`pauses at once on ${status}, and begins where it stood`, async () => {
      receiver.answer = () => ({ status });
      await world.say(alice, room, 'one');
      await turn();
      expect(await view()).to.include({ state: 'paused', paused_reason: `http_${status}` });
      await world.say(alice, room, 'two');
      await turn();
      expect(receiver.posts).to.have.length(1);
      receiver.answer = () => ({ status: 200 });
      await world.admin.resume(alice, world.idOf(bridge), 'here');
      await turn();
      expect(receiver.bodies.slice(1)).to.deep.equal(['one', 'two']);
    });
  }

  it('parks at once what another gateway will never take, and pauses nothing for it', async () => {
    receiver.answer = ({ body }) => (body.type === 'message.created' ? { status: 200 } : { status: 404, body: '{"error":{"code":"SW_EVENT_NOT_FOUND","message":"No such event."}}' });
    const said = await world.say(alice, room, 'one');
    await world.messages.react(alice, room, parseEventId(said.id), '👍');
    await world.say(alice, room, 'two');
    await turn();
    expect(receiver.bodies).to.deep.equal(['one', '', 'two']);
    expect((await view()).state).to.equal('active');
  });

  it('is left out, or sent later, as the administrator resumes', async () => {
    await world.admin.pause(alice, world.idOf(bridge));
    await world.say(alice, room, 'left out');
    await turn();
    await world.admin.resume(alice, world.idOf(bridge), 'now');
    await world.say(alice, room, 'after');
    await turn();
    expect(receiver.bodies).to.deep.equal(['after']);
  });

  it('is left alone for a while after ten posts that failed in five minutes', async () => {
    receiver.answer = () => ({ status: 404, body: '{"error":{"code":"SW_EVENT_NOT_FOUND","message":"No such event."}}' });
    for (let n = 0; n < LIMITS.breakerTriesMin; n += 1) await world.say(alice, room, `n${n}`);
    await turn();
    const parked = (await world.admin.deliveries(alice, world.idOf(bridge), { state: 'parked', limit: 50, offset: 0 })).items;
    receiver.answer = () => ({ status: 500 });
    clock.advance(LIMITS.breakerWindowMs);
    for (const { id } of parked) await world.admin.replay(alice, world.idOf(bridge), parseDeliveryId(id));
    await turn();
    const failed = receiver.posts.length;
    expect(failed).to.equal(2 * LIMITS.breakerTriesMin);

    receiver.answer = () => ({ status: 200 });
    await world.say(alice, room, 'in good health again');
    for (const ms of [0, LIMITS.breakerOpenMs - 1]) {
      clock.advance(ms);
      await turn();
      expect(receiver.posts).to.have.length(failed);
    }
    clock.advance(1);
    await turn();
    expect(receiver.bodies.slice(failed)).to.include('in good health again');
  });

  it('pauses by itself after five days of failure, and says so from the third day on', async () => {
    const begunMs = clock.nowMs();
    receiver.answer = () => ({ status: 500 });
    await world.say(alice, room, 'one');
    for (let hours = 0; hours <= 140 && (await view()).state === 'active'; hours += 10) {
      await turn();
      await world.say(alice, room, `at ${hours}`);
      clock.advance(10 * HOUR_MS);
    }
    expect((await view()).paused_reason).to.equal('failing: http_500');
    const told = warnings.filter(({ text }) => text === 'a bridge has failed for days and will be paused').map(({ atMs }) => atMs - begunMs);
    expect(told.length).to.be.greaterThan(1);
    expect(Math.min(...told)).to.be.within(LIMITS.bridgeFailingWarnMs, LIMITS.bridgeFailingWarnMs + 10 * HOUR_MS);
    expect(warnings.at(-1)?.text).to.equal('a bridge was paused');
  });

  it('takes a page for an answer and keeps its beginning', async () => {
    receiver.answer = () => ({ status: 200, body: 'x'.repeat(100_000) });
    await world.say(alice, room, 'one');
    await turn();
    const [row] = await database.asOwner<{ bytes: number; state: string }>('select length(answer) as bytes, state from deliveries where bridge_id = $1', [bridge.bridge_id]);
    expect(row).to.deep.equal({ bytes: 16 * 1_024, state: 'delivered' });
  });

  it('is signed with both secrets in a rotation, and the old one ends when it was said to', async () => {
    const rotated = await world.admin.rotateSecret(alice, world.idOf(bridge), 300_000);
    await world.say(alice, room, 'one');
    await turn();
    const header = String(receiver.posts[0]?.headers['x-scaiwave-bridge-signature']);
    const raw = receiver.posts[0]?.raw ?? Buffer.alloc(0);
    for (const secret of [bridge.shared_secret, rotated.shared_secret]) {
      expect(verifyBridgeSignature({ headerValues: [header], body: raw }, [{ secret, expiresAtMs: undefined }], clock.nowMs())).to.equal(0);
    }
    const fresh = { ...bridge, shared_secret: rotated.shared_secret };
    expect(await outcome(() => world.call(fresh, nativeMessage('m-1', 'new')))).to.equal('ok');
    clock.advance(299_000);
    expect(await outcome(() => world.call(bridge, nativeMessage('m-2', 'old')))).to.equal('ok');
    clock.advance(2_000);
    expect(await outcome(() => world.call(bridge, nativeMessage('m-3', 'old')))).to.equal('SW_BRIDGE_SIGNATURE');
    expect(await outcome(() => world.call(fresh, nativeMessage('m-4', 'new')))).to.equal('ok');
    await world.say(alice, room, 'two');
    await turn();
    expect(String(receiver.posts.at(-1)?.headers['x-scaiwave-bridge-signature']).match(/v1=/g)).to.have.length(1);
    const uses = (await view()).secrets.map((secret) => secret.use_count);
    expect(uses).to.deep.equal([4, 2]);
  });

  it('is erased with the event, here and in every copy', async () => {
    receiver.answer = ({ raw }) => ({ status: 500, body: raw.toString() });
    const said = await world.say(alice, room, 'marker-4711');
    await turn();
    await world.messages.redact(alice, room, parseEventId(said.id), null);
    clock.advance(3_000);
    receiver.answer = () => ({ status: 200 });
    await turn();
    for (const table of ['entries', 'deliveries', 'bridge_intents', 'bridge_map', 'consumers', 'bridges']) {
      const found = await database.asOwner<{ n: number }>(`select count(*)::int as n from ${table} t where t::text like '%marker-4711%' or position('${Buffer.from('marker-4711').toString('hex')}' in t::text) > 0`);
      expect(found[0]?.n, table).to.equal(0);
    }
    expect(receiver.bodies.filter((text) => text === 'marker-4711')).to.have.length(1);
  });

  it('is told again after a post whose outcome nobody knows, and says so', async () => {
    const said = await world.say(alice, room, 'one');
    await database.asOwner(
      "insert into bridge_intents (tenant_id, bridge_id, event_id, opened_at) values ($1, $2, $3, 1)",
      [alice.ctx.tenantId, bridge.bridge_id, said.id],
    );
    await turn();
    const [row] = await database.asOwner<{ maybe_twice: boolean }>('select maybe_twice from deliveries where event_id = $1', [said.id]);
    expect(row?.maybe_twice).to.equal(true);
    expect(await database.asOwner('select 1 from bridge_intents where bridge_id = $1', [bridge.bridge_id])).to.have.length(0);
  });
});
