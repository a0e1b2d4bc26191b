import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { NewBridge, NewBridgeView } from '../../../src/flows/api/bridges-admin.js';
import type { Caller } from '../../../src/kernel/caller.js';
import { EVENT_TYPES, type JsonObject } from '../../../src/kernel/events.js';
import { parseBridgeId, parseDeliveryId, parseEventId, type RoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { Founding } from '../../../src/flows/rooms/found-room.js';
import { BridgeWorld, nativeMessage } from '../../support/bridge-world.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { outcome } from '../../support/fixtures.js';
import { TestClock } from '../../support/test-clock.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';

const HOOK = 'http://127.0.0.1:9/hook';

describe('A bridge', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let world: BridgeWorld;
  let alice: Caller;
  let room: RoomId;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    world = new BridgeWorld(database, new TestClock(Date.now()));
    alice = await world.person(await world.tenant(), 'alice');
    room = await world.room(alice);
  });
  afterEach(() => world.close());

  const stateOf = (id: string): Promise<{ event_type: string; content: JsonObject; sender: string }[]> =>
    database.asOwner("select event_type, content, sender from entries where tenant_id = $1 and sender like '@bridge-' || $2 || '%' and target is not null order by seq", [alice.ctx.tenantId, id.slice(4)]);
  const left = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const table of ['bridges', 'bridge_secrets', 'bridge_map', 'deliveries', 'bridge_intents', 'lanes', 'consumers', 'entries', 'participants']) {
      const rows = await database.asOwner(`select 1 from ${table} where tenant_id = $1`, [alice.ctx.tenantId]);
      counts[table] = rows.length;
    }
    counts['names'] = (await database.asOwner("select 1 from tenant_names where tenant_id = $1 and kind = 'bridge'", [alice.ctx.tenantId])).length;
    return counts;
  };
  const act = async (type: string, content: JsonObject): Promise<void> => {
    const pen = await world.ownEvents.pen(alice.ctx);
    await world.placeEvent.run(alice.ctx, room, (snapshot) => ({ proven: pen.write(snapshot, { sender: alice.fqid, type, content }) }));
  };
  const fqidOf = ({ bridge_id: id }: NewBridgeView): string => `@bridge-${id.slice(4)}:${alice.ctx.serverName}`;

  it('comes as one member that says what it relays, and shows its secret once', async () => {
    const bridge = await world.bridge(alice, room, { direction: 'both', outboundWebhook: HOOK });
    expect(bridge.shared_secret).to.match(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(bridge.inbound_url).to.equal(`https://node.example/v1/bridges/${bridge.bridge_id}/inbound`);
    const [joined, announced] = await stateOf(bridge.bridge_id);
    expect(joined?.content).to.include({ target: fqidOf(bridge), membership: 'join' });
    expect(announced?.content).to.include({ platform: 'custom', server: alice.ctx.serverName });
    expect(announced?.content['target']).to.match(/^custom:[0-9a-f]{64}$/);
    expect(JSON.stringify(announced)).not.to.include('127.0.0.1');
    expect(JSON.stringify([await world.admin.get(alice, parseBridgeId(bridge.bridge_id)), await world.admin.list(alice, { limit: 10, offset: 0 })])).not.to.include(bridge.shared_secret);
    const [row] = await database.asOwner<{ sealed: string }>("select encode(sealed_secret, 'escape') as sealed from bridge_secrets where bridge_id = $1", [bridge.bridge_id]);
    expect(row?.sealed).not.to.include(bridge.shared_secret.slice(6, 20));
  });

  it('has a name that is shown in whole characters', async () => {
    const bridge = await world.bridge(alice, room, { name: `x${'\u{1f600}'.repeat(199)}` });
    const [joined] = await stateOf(bridge.bridge_id);
    expect(joined?.content).to.have.property('display_name', `x${'\u{1f600}'.repeat(49)}`);
  });

  it('keeps the trace of a post that nobody knows the outcome of no longer than its delivery', async () => {
    const { ctx } = alice;
    const id = parseBridgeId((await world.bridge(alice, room, { direction: 'both', outboundWebhook: HOOK })).bridge_id);
    const said = parseEventId((await world.say(alice, room, 'is it there?')).id);
    const attempt = { delivery_id: parseDeliveryId(`dlv-${randomUUID()}`), bridge_id: id, event_id: said, seq: 9, form_seq: 9, contentHash: Buffer.alloc(32), nowMs: 1 };
    const settled = {
      state: 'parked', failed: 1, triedAtMs: 1, status: null, error: 'egress_total', ms: null, answer: null, externalId: null, nextAttemptAtMs: null, outcomeKnown: false, nowMs: 1, expiresAtMs: 100,
    } as const;
    await world.store.transact(ctx, async ({ deliveries }) => {
      await deliveries.begin(ctx, attempt);
      await deliveries.settle(ctx, id, said, settled);
    });
    const expired = (nowMs: number): Promise<number> => world.store.transact(ctx, ({ deliveries }) => deliveries.expire(ctx, nowMs, 10));
    expect(await expired(99)).to.equal(0);
    expect(await left()).to.include({ deliveries: 1, bridge_intents: 1 });
    expect(await expired(100)).to.equal(1);
    expect(await left()).to.include({ deliveries: 0, bridge_intents: 0 });
  });

  it('comes back at once for the rest, where the home has refused more than is looked at in a turn', async () => {
    const bridge = await world.bridge(alice, room);
    await world.call(bridge, nativeMessage('m-1', 'refused'));
    const { ctx } = alice;
    const refused = LIMITS.bridgeReadMax + 5;
    await database.asOwner(
      `insert into entries select (jsonb_populate_record(e, jsonb_build_object('stream_position', e.stream_position + n, 'seq', null, 'at', null, 'chain_hash', null,
         'event_id', 'evt-' || gen_random_uuid(), 'wire_id', gen_random_uuid(), 'state', 'refused', 'reason', 'SW_ROOM_FROZEN'))).*
       from entries e, generate_series(1, $2::int) n where e.tenant_id = $1 and e.foreign_origin is not null`,
      [ctx.tenantId, refused],
    );
    await database.asOwner("update rooms set phase = 'mirrored' where tenant_id = $1", [ctx.tenantId]);
    expect(await world.turn(ctx, bridge.bridge_id)).to.equal('more');
    expect(await left()).to.include({ deliveries: LIMITS.bridgeReadMax });
    expect(await world.turn(ctx, bridge.bridge_id)).to.equal('idle');
    expect(await left()).to.include({ deliveries: refused });
  });

  it('comes into a room in which nobody of its home is left', async () => {
    await act(EVENT_TYPES.member, { target: alice.fqid, membership: 'leave' });
    const bridge = await world.bridge(alice, room);
    expect((await world.call(bridge, nativeMessage('m-1', 'hello'))).status).to.equal('accepted');
  });

  describe('is refused, and leaves nothing behind,', () => {
    const REFUSED: Readonly<Record<string, readonly [string, Partial<NewBridge>, Partial<Founding>?]>> = {
      'of a kind that is not there': ['SW_BRIDGE_TRANSPORT', { transport: 'pigeon' }],
      'outbound without an address': ['SW_BAD_SCHEMA', { direction: 'out' }],
      'with settings of another kind': ['SW_BAD_SCHEMA', { settings: { slack_team_id: 'T1' } }],
      'with a setting of another type': ['SW_BAD_SCHEMA', { settings: { allow_mass_mentions: 'yes' } }],
      'with an address that is none': ['SW_BAD_SCHEMA', { direction: 'out', outboundWebhook: 'nowhere' }],
      'to a metadata service': ['SW_BRIDGE_URL_REFUSED', { direction: 'out', outboundWebhook: 'http://169.254.169.254/latest' }],
      'to a private address': ['SW_BRIDGE_URL_REFUSED', { direction: 'out', outboundWebhook: 'https://10.0.0.1/hook' }],
      'to something that is not HTTP': ['SW_BRIDGE_URL_REFUSED', { direction: 'out', outboundWebhook: 'ftp://example.com/x' }],
      'in an incognito room': ['SW_ROOM_TYPE_INVARIANT', {}, { type: 'incognito' }],
      'in a restricted room': ['SW_ROOM_TYPE_INVARIANT', {}, { visibility: 'restricted' }],
      'between two people': ['SW_ROOM_TYPE_INVARIANT', {}, { type: 'dm', dmKey: 'a b' }],
    };
    for (const [title, [code, wanted, facts]] of Object.entries(REFUSED)) {
      it(title, async () => {
        const where = facts === undefined ? room : await world.room(alice, facts);
        const before = await left();
        expect(await outcome(() => world.bridge(alice, where, wanted))).to.equal(code);
        expect(await left()).to.deep.equal(before);
      });
    }

    it('in a room of another tenant', async () => {
      const mallory = await world.person(await world.tenant(), 'mallory');
      expect(await outcome(() => world.bridge(mallory, room))).to.equal('SW_ROOM_NOT_FOUND');
    });

    it('to a channel that has one, however its address is written', async () => {
      const first = await world.bridge(alice, room, { direction: 'out', outboundWebhook: HOOK });
      const before = await left();
      expect(await outcome(() => world.bridge(alice, room, { direction: 'both', outboundWebhook: 'HTTP://127.0.0.1:9/./hook' }))).to.equal('SW_BRIDGE_CHANNEL_TAKEN');
      expect(await left()).to.deep.equal(before);
      expect(await outcome(() => world.bridge(alice, room, { direction: 'out', outboundWebhook: `${HOOK}2` }))).to.equal('ok');
      await world.admin.remove(alice, world.idOf(first));
      expect(await outcome(() => world.bridge(alice, room, { direction: 'out', outboundWebhook: HOOK }))).to.equal('ok');
    });

    it('twice at once to the same channel', async () => {
      const answers = await Promise.all([1, 2, 3, 4].map(() => outcome(() => world.bridge(alice, room, { direction: 'out', outboundWebhook: HOOK }))));
      expect(answers.filter((answer) => answer === 'ok')).to.have.length(1);
    });
  });

  it('goes with its rows and its member, and what it brought stays', async () => {
    const before = await left();
    const bridge = await world.bridge(alice, room);
    const { event_id: id } = await world.call(bridge, nativeMessage('m-1', 'hello'));
    await world.admin.remove(alice, world.idOf(bridge));
    const after = await left();
    for (const table of ['bridges', 'bridge_secrets', 'bridge_map', 'deliveries', 'lanes', 'consumers', 'names']) expect(after[table], table).to.equal(before[table]);
    expect((await stateOf(bridge.bridge_id)).at(-1)?.content).to.include({ membership: 'leave' });
    expect(await database.asOwner('select 1 from entries where event_id = $1 and content is not null', [id])).to.have.length(1);
    expect(await outcome(() => world.admin.get(alice, world.idOf(bridge)))).to.equal('SW_BRIDGE_NOT_FOUND');
  });

  for (const membership of ['leave', 'ban']) {
    it(`ends when its member is removed from the room (${membership})`, async () => {
      const bridge = await world.bridge(alice, room, { direction: 'both', outboundWebhook: HOOK });
      await act(EVENT_TYPES.member, { target: fqidOf(bridge), membership });
      expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))).to.equal('SW_BRIDGE_PAUSED');
      await world.turn(alice.ctx, bridge.bridge_id);
      expect((await world.admin.get(alice, world.idOf(bridge))).state).to.equal('ended');
      expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))).to.equal('SW_BRIDGE_NOT_FOUND');
      for (const change of [() => world.admin.pause(alice, world.idOf(bridge)), () => world.admin.resume(alice, world.idOf(bridge), 'here'), () => world.admin.rotateSecret(alice, world.idOf(bridge), 0)]) {
        expect(await outcome(change)).to.equal('SW_BRIDGE_NOT_FOUND');
      }
      await world.admin.remove(alice, world.idOf(bridge));
    });
  }

  it('is not another tenant’s to see or to change', async () => {
    const bridge = await world.bridge(alice, room);
    const mallory = await world.person(await world.tenant(), 'mallory');
    const id = world.idOf(bridge);
    const tries: readonly (() => Promise<unknown>)[] = [
      () => world.admin.get(mallory, id),
      () => world.admin.pause(mallory, id),
      () => world.admin.rotateSecret(mallory, id, 0),
      () => world.admin.deliveries(mallory, id, { state: null, limit: 1, offset: 0 }),
      () => world.admin.remove(mallory, id),
    ];
    for (const one of tries) expect(await outcome(one)).to.equal('SW_BRIDGE_NOT_FOUND');
    expect((await world.admin.list(mallory, { limit: 10, offset: 0 })).total).to.equal(0);
  });

  it('without grace ends the old secret at once', async () => {
    const bridge = await world.bridge(alice, room);
    const { shared_secret: fresh } = await world.admin.rotateSecret(alice, world.idOf(bridge), 0);
    expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))).to.equal('SW_BRIDGE_SIGNATURE');
    expect(await outcome(() => world.call({ ...bridge, shared_secret: fresh }, nativeMessage('m-1', 'hello')))).to.equal('ok');
    expect(await outcome(() => world.admin.rotateSecret(alice, world.idOf(bridge), 8 * 86_400_000))).to.equal('SW_BAD_REQUEST');
  });

  describe('beside others', () => {
    /** A stupid relay: whatever one bridge posts, the other's inbound gets, signed with its secret. */
    async function wire(receiver: WebhookReceiver, into: { readonly bridge: NewBridgeView }): Promise<void> {
      const posts = receiver.posts.splice(0);
      for (const { body } of posts) await world.call(into.bridge, body);
    }

    const texts = async (where: RoomId): Promise<readonly string[]> =>
      (await database.asOwner<{ body: string }>("select content ->> 'body' as body from entries where room_id = $1 and event_type = 'swp.room.message' order by seq", [where])).map(({ body }) => body);

    it('carries a message around a ring of rooms exactly once', async () => {
      const rooms = [room, await world.room(alice), await world.room(alice)];
      const hooks = await Promise.all(rooms.map(async () => {
        const receiver = new WebhookReceiver();
        await receiver.start();
        return receiver;
      }));
      const outs: NewBridgeView[] = [];
      const ins: NewBridgeView[] = [];
      for (const [index, where] of rooms.entries()) {
        outs.push(await world.bridge(alice, where, { direction: 'out', outboundWebhook: hooks[index]?.url ?? '' }));
        ins.push(await world.bridge(alice, where));
      }
      await world.say(alice, room, 'round');
      for (let round = 0; round < 8; round += 1) {
        for (const [index, out] of outs.entries()) {
          await world.turn(alice.ctx, out.bridge_id);
          const next = ins[(index + 1) % 3];
          const hook = hooks[index];
          if (next !== undefined && hook !== undefined) await wire(hook, { bridge: next });
        }
      }
      for (const where of rooms) expect(await texts(where)).to.deep.equal(['round']);
      await Promise.all(hooks.map((hook) => hook.stop()));
    });

    it('makes one conversation of two rooms, with edits, reactions and deletions', async () => {
      const other = await world.room(alice);
      const [here, there] = [new WebhookReceiver(), new WebhookReceiver()];
      await Promise.all([here.start(), there.start()]);
      const left = await world.bridge(alice, room, { direction: 'both', outboundWebhook: here.url });
      const right = await world.bridge(alice, other, { direction: 'both', outboundWebhook: there.url });
      const settle = async (): Promise<void> => {
        for (let round = 0; round < 4; round += 1) {
          await world.turn(alice.ctx, left.bridge_id);
          await wire(here, { bridge: right });
          await world.turn(alice.ctx, right.bridge_id);
          await wire(there, { bridge: left });
        }
      };
      const said = await world.say(alice, room, 'hello');
      await settle();
      expect(await texts(other)).to.deep.equal(['hello']);
      const [copy] = await database.asOwner<{ event_id: string }>("select event_id from entries where room_id = $1 and event_type = 'swp.room.message'", [other]);
      await world.messages.edit(alice, room, said.id as Parameters<typeof world.messages.edit>[2], { msgtype: 'swp.text', body: 'hello!' });
      await world.messages.react(alice, other, copy?.event_id as Parameters<typeof world.messages.react>[2], '👍');
      await settle();
      const related = (where: RoomId, id: string | undefined): Promise<{ event_type: string }[]> => database.asOwner('select event_type from entries where room_id = $1 and relates_to = $2 order by event_type', [where, id]);
      for (const [where, id] of [[room, said.id], [other, copy?.event_id]] as const) {
        expect((await related(where, id)).map((row) => row.event_type)).to.deep.equal(['swp.room.message.edit', 'swp.room.reaction']);
      }
      await world.messages.redact(alice, room, said.id as Parameters<typeof world.messages.redact>[2], null);
      await settle();
      expect(await texts(other)).to.deep.equal([null]);
      await Promise.all([here.stop(), there.stop()]);
    });
  });
});
