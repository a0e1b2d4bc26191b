import { expect } from 'chai';
import type { DeliveryView, NewBridgeView } from '../../../src/flows/api/bridges-admin.js';
import type { Caller } from '../../../src/kernel/caller.js';
import { parseEventId, type RoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { BridgeWorld, nativeMessage } from '../../support/bridge-world.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { contract } from '../../support/fixtures.js';
import { TestClock } from '../../support/test-clock.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';

describe('What an administrator sees of what a bridge', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let clock: TestClock;
  let world: BridgeWorld;
  let receiver: WebhookReceiver;
  let alice: Caller;
  let room: RoomId;
  let bridge: NewBridgeView;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    clock = new TestClock(Date.now());
    world = new BridgeWorld(database, clock);
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

  const delivery = async (event: string): Promise<DeliveryView | undefined> => (await listed()).items.find(({ event_id: id }) => id === event);

  it('is, or tells, has the form of its schema', async () => {
    await world.say(alice, room, 'one');
    await turn();
    const { items: bridges } = await world.admin.list(alice, { limit: 10, offset: 0 });
    const shown = [['bridge-created', bridge], ['bridge-detail', await view()], ...bridges.map((one) => ['bridge', one] as const), ...(await listed()).items.map((one) => ['delivery', one] as const)] as const;
    expect(shown.map(([schema]) => schema)).to.deep.equal(['bridge-created', 'bridge-detail', 'bridge', 'delivery']);
    for (const [schema, value] of shown) {
      expect(contract.faultOf(`api/${schema}`, value), schema).to.equal(undefined);
      expect(contract.faultOf(`api/${schema}`, { ...value, more: 1 }), `${schema} with more than it says`).to.match(/must NOT have/);
    }
  });

  describe('has yet to tell', () => {
    it('is counted while the bridge is paused, so that the administrator knows what resuming would tell or leave out', async () => {
      expect((await view()).waiting, 'what was said before the bridge').to.equal(0);
      await world.admin.pause(alice, world.idOf(bridge));
      for (const text of ['one', 'two', 'three']) await world.say(alice, room, text);
      await turn();
      expect(await world.admin.pause(alice, world.idOf(bridge))).to.include({ state: 'paused', waiting: 3 });
      expect((await view()).waiting).to.equal(3);
      expect((await world.admin.resume(alice, world.idOf(bridge), 'here')).waiting).to.equal(3);
      await turn();
      expect((await view()).waiting).to.equal(0);
      await world.admin.pause(alice, world.idOf(bridge));
      await world.say(alice, room, 'four');
      expect((await world.admin.resume(alice, world.idOf(bridge), 'now')).waiting).to.equal(0);
      expect(receiver.bodies).to.deep.equal(['one', 'two', 'three']);
    });

    it('leaves out what never would be told: brought by the bridge, erased, or told ahead of its place', async () => {
      await world.call(bridge, nativeMessage('m-1', 'from there'));
      const gone = await world.say(alice, room, 'gone');
      await world.admin.pause(alice, world.idOf(bridge));
      const [reacted, erased] = [await world.say(alice, room, 'kept'), parseEventId(gone.id)];
      await world.messages.react(alice, room, parseEventId(reacted.id), '👍');
      expect((await view()).waiting).to.equal(3);
      await world.messages.redact(alice, room, erased, null);
      expect((await view()).waiting, 'the redaction instead of the message').to.equal(3);
      await database.asOwner(
        "insert into deliveries (tenant_id, delivery_id, bridge_id, event_id, direction, state, updated_at) values ($1, 'dlv-1', $2, $3, 'out', 'delivered', 1)",
        [alice.ctx.tenantId, bridge.bridge_id, reacted.id],
      );
      expect((await view()).waiting).to.equal(2);
    });

    it('is counted over a bounded part of the log', async () => {
      const bulk = `insert into entries (tenant_id, stream_position, room_id, seq, at, event_id, origin, wire_id, event_type, sender, event_hash, dedupe_hash, chain_hash, state, origin_ts, created_at)
        select e.tenant_id, 1000000 + n, e.room_id, e.seq + n, e.at, 'planted-' || n, e.origin, 'planted-' || n, e.event_type, e.sender, e.event_hash, e.dedupe_hash, e.chain_hash, e.state, e.origin_ts, e.created_at
        from entries e, generate_series(1, $2) n where e.event_id = $1`;
      const last = await world.say(alice, room, 'last');
      await database.asOwner(bulk, [last.id, LIMITS.bridgeWaitingMax]);
      expect((await view()).waiting).to.equal(LIMITS.bridgeWaitingMax);
    });
  });

  describe('has tried to deliver', () => {
    it('has a trace of each try, and of the last twenty at most', async () => {
      receiver.answer = () => ({ status: 429, headers: { 'retry-after': '1' } });
      await world.say(alice, room, 'hello');
      const times: string[] = [];
      const tryOnce = async (): Promise<void> => {
        times.push(new Date(clock.nowMs()).toISOString());
        await turn();
        clock.advance(2_000);
      };
      for (let tries = 1; tries <= 19; tries += 1) await tryOnce();
      receiver.answer = () => ({ status: 503 });
      await tryOnce();
      await receiver.stop();
      clock.advance(10_000);
      await tryOnce();
      await receiver.start();
      receiver.answer = () => ({ status: 204 });
      clock.advance(40_000);
      await tryOnce();

      const [row] = (await listed()).items;
      expect(row).to.include({ attempts: 22, state: 'delivered' });
      expect(row?.tries.map(({ at }) => at)).to.deep.equal(times.slice(-LIMITS.deliveryTriesMax));
      expect(row?.tries.map(({ status }) => status)).to.deep.equal([...Array.from({ length: 17 }, () => 429), 503, null, 204]);
      expect(row?.tries.map(({ error }) => error).slice(-4)).to.deep.equal(['http_429', 'http_503', 'egress_connect', null]);
      for (const { duration_ms: ms } of row?.tries ?? []) expect(ms).to.be.within(0, 10_000);
    });

    it('shows a try as begun while nobody knows what came of it', async () => {
      await world.say(alice, room, 'one');
      let shown: Awaited<ReturnType<typeof listed>> | undefined;
      receiver.answer = async () => {
        shown = await listed();
        return { status: 200 };
      };
      const at = new Date(clock.nowMs()).toISOString();
      await turn();
      expect(shown?.items[0]).to.deep.include({ attempts: 1, state: 'waiting', tries: [{ at, status: null, error: null, duration_ms: null }] });
      expect((await listed()).items[0]?.tries).to.have.length(1);
    });

    it('has the beginning of the last answer, as text that a terminal may show', async () => {
      receiver.answer = () => ({ status: 500, body: 'out of order' });
      const said = await world.say(alice, room, 'one');
      await turn();
      expect((await delivery(said.id))?.answer).to.equal('out of order');
      receiver.answer = () => ({ status: 200, body: Buffer.concat([Buffer.from('ok\n\t\u001b[31mred\u0000\u009b'), Buffer.from([0xc3, 0x28]), Buffer.alloc(20_000, 'é')]) });
      clock.advance(3_000);
      await turn();
      const answer = (await delivery(said.id))?.answer ?? '';
      expect(answer.slice(0, 17)).to.equal('ok\n\t\uFFFD[31mred\uFFFD\uFFFD\uFFFD(é');
      expect(Buffer.byteLength(answer.replaceAll('\uFFFD', '?'))).to.be.within(16_000, LIMITS.bridgeAnswerBytesMax);
    });

    it('has no answer where nobody answered', async () => {
      await receiver.stop();
      const said = await world.say(alice, room, 'one');
      await turn();
      expect(await delivery(said.id)).to.include({ answer: null, last_error: 'egress_connect' });
    });

    it('may be there twice, if nobody knows what came of the post before', async () => {
      const [first, second] = [await world.say(alice, room, 'one'), await world.say(alice, room, 'two')];
      await database.asOwner('insert into bridge_intents (tenant_id, bridge_id, event_id, opened_at) values ($1, $2, $3, 1)', [alice.ctx.tenantId, bridge.bridge_id, first.id]);
      await turn();
      expect((await delivery(first.id))?.maybe_twice).to.equal(true);
      expect((await delivery(second.id))?.maybe_twice).to.equal(false);
    });

    it('leaves nothing of an erased event in what was delivered but the times and outcomes of its tries', async () => {
      receiver.answer = ({ raw }) => ({ status: 200, body: raw.toString() });
      const said = await world.say(alice, room, 'marker-4712');
      await turn();
      expect((await delivery(said.id))?.answer).to.include('marker-4712');
      await world.messages.redact(alice, room, parseEventId(said.id), null);
      const row = await delivery(said.id);
      expect(row?.tries.map(({ status }) => status)).to.deep.equal([200]);
      expect(row?.answer).to.equal(null);
      expect(JSON.stringify(row)).not.to.include('marker-4712');
    });
  });
});
