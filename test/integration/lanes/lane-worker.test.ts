import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { RoomStreams, StreamMessage, Wake } from '../../../src/kernel/ports.js';
import { localWake, systemClock, systemRandomness, systemTimers } from '../../../src/kernel/system-ports.js';
import { systemContext, type TenantContext } from '../../../src/kernel/tenant-context.js';
import { Dispatcher } from '../../../src/lanes/dispatcher.js';
import type { LaneHandler, Turn } from '../../../src/lanes/lane-handler.js';
import { LaneWorker } from '../../../src/lanes/lane-worker.js';
import { StreamLane } from '../../../src/lanes/stream-lane.js';
import { openTenantConsumers, STREAM_CONSUMER_ID } from '../../../src/lanes/tenant-consumers.js';
import type { ConsumerKind } from '../../../src/store/repositories/consumers.repository.js';
import type { Store } from '../../../src/store/store.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { asItIs, LaneWorld, oneTurn } from '../../support/lane-world.js';
import { PeerLaneWorld } from '../../support/peer-lane-world.js';
import { named, newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';
import { TestClock } from '../../support/test-clock.js';
import { byTheWallClock } from '../../support/wall-clock.js';

/** Hints that never arrive. */
const deaf: Wake = { hint: () => undefined, listen: () => () => undefined };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error('it did not come to be');
    await pause(20);
  }
}

describe('Workers of the log', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let store: Store;
  let parts: PeerProcess;
  let ctx: TenantContext;
  let world: LaneWorld;
  const workers: LaneWorker[] = [];

  before(async () => {
    database = await freshDatabase();
    parts = peerProcess({ database, clock: new TestClock(Date.now()), source: () => Promise.reject(new Error('nobody')) });
    store = parts.store;
  });
  after(() => database.drop());

  beforeEach(async () => {
    ctx = await asItIs(store, await newTenant(parts, `t-${randomUUID().slice(0, 8)}.example`));
    await store.transact(ctx, (repositories) => openTenantConsumers(ctx, repositories));
    world = new LaneWorld(store, ctx, await parts.keys.current(ctx), systemClock);
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    await database.asOwner('update consumers set due_at = null');
  });

  function worker(handlers: ReadonlyMap<ConsumerKind, LaneHandler>, wake: Wake = deaf): LaneWorker {
    const dispatcher = new Dispatcher({ store, wake, log: silentLog });
    const deps = { store, dispatcher, handlers, wake, clock: systemClock, timers: systemTimers, randomness: systemRandomness, log: silentLog, meter: silentMeter };
    const made = new LaneWorker(deps);
    workers.push(made);
    return made;
  }

  function published(): { readonly streams: Pick<RoomStreams, 'publish' | 'erase'>; readonly positions: Map<string, number> } {
    const positions = new Map<string, number>();
    const publish = async (messages: readonly StreamMessage[]): Promise<void> => {
      for (const { messageId, payload } of messages) positions.set(messageId, (payload as { stream_position: number }).stream_position);
    };
    return { streams: { publish, erase: async () => {} }, positions };
  }

  it('miss nothing with hints off, three of them over many small appends', async () => {
    const { streams, positions } = published();
    const handler = new StreamLane({ store, streams, randomness: systemRandomness });
    for (let n = 0; n < 3; n += 1) worker(new Map([['stream', handler]])).start();
    const room = await world.room();
    const rooms = [room, await world.room(), await world.room()];
    const rounds = 300;
    for (let n = 0; n < rounds; n += 1) await world.say(rooms[n % 3] ?? room, [`${n}`]);
    await until(() => positions.size === rounds);
    expect([...positions.values()].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: rounds }, (_, n) => n + 1));
    await until(async () => (await store.read(ctx, ({ consumers }) => consumers.find(ctx, STREAM_CONSUMER_ID)))?.position === rounds);
  });

  it('miss nothing of what a peer is owed with hints off, neither of our rooms nor of theirs', async () => {
    const stage = await PeerLaneWorld.on(database);
    const ours = await stage.mirrored(0);
    const theirs = await stage.world.room(stage.peer.server, 'mirrored');
    await stage.world.lane(theirs, stage.consumer, 'peer', 'submit');
    const submitted = () => stage.peer.items.flat().flatMap((item) => (item.kind === 'event' ? [item.event.event.content['body']] : []));
    worker(new Map([['peer', stage.lane]])).start();
    const numbers = [1, 2, 3, 4, 5];
    for (const n of numbers) {
      await stage.world.say(ours, [`ours ${n}`]);
      await stage.world.say(theirs, [`theirs ${n}`]);
      await until(async () => (await stage.laneOf(ours)).cursor === n && submitted().length === n);
    }
    expect(submitted()).to.deep.equal(numbers.map((n) => `theirs ${n}`));
  });

  it('take what was redacted out of the streams, room by room and not word by word', async () => {
    const erased: { readonly roomId: string; readonly events: readonly string[] }[] = [];
    const streams: Pick<RoomStreams, 'publish' | 'erase'> = { publish: async () => {}, erase: async (_ctx, roomId, events) => void erased.push({ roomId, events: [...events].sort() }) };
    const expected = [];
    for (const room of [await world.room(), await world.room()]) {
      await world.say(room, ['one', 'two', 'three']);
      const said = await store.read(ctx, ({ log }) => log.run(ctx, room.roomId, 0, 10));
      const redactions = said.map(({ event_id: relatesTo }) => ({ ...world.item(room, 'swp.room.redaction', {}), relatesTo }));
      await store.append(ctx, redactions, Date.now(), LIMITS.submissionsPerRoomMax);
      for (const { event_id: id } of said) await store.transact(ctx, ({ log }) => log.erase(ctx, room.roomId, id, 4));
      expected.push({ roomId: room.roomId, events: said.map(({ event_id: id }) => id).sort() });
    }
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, new StreamLane({ store, streams, randomness: systemRandomness }), systemClock)).to.equal('idle');
    expect(erased).to.deep.equal(expected);
  });

  it('lose no wake-up that comes while a turn ends', async () => {
    const seen = new Map<string, number>();
    const lagging: LaneHandler = {
      retryMs: () => 10,
      async run({ consumer, signal }): Promise<Turn> {
        const { rows } = await store.read(ctx, ({ log }) => log.after(ctx, consumer.position, 1_000));
        await pause(Math.random() * 8);
        if (signal.aborted) return { nextMs: null };
        for (const row of rows) seen.set(row.event_id, row.stream_position);
        const last = rows.at(-1);
        return last === undefined ? { nextMs: null } : { nextMs: null, position: last.stream_position };
      },
    };
    for (let n = 0; n < 3; n += 1) worker(new Map([['stream', lagging]])).start();
    const room = await world.room();
    for (let n = 0; n < 200; n += 1) {
      await world.say(room, [`${n}`]);
      if (n % 7 === 0) await pause(Math.random() * 10);
    }
    await until(() => seen.size === 200);
  });

  it('hear a hint much sooner than the poll', async function () {
    byTheWallClock(this);
    const wake = localWake();
    const { streams, positions } = published();
    worker(new Map([['stream', new StreamLane({ store, streams, randomness: systemRandomness })]]), wake).start();
    const room = await world.room();
    const delays: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      await world.say(room, [`${n}`]);
      const sentAt = performance.now();
      wake.hint({ kind: 'log', tenantId: ctx.tenantId });
      await until(() => positions.size === n + 1);
      delays.push(performance.now() - sentAt);
    }
    expect(delays.sort((a, b) => a - b)[5]).to.be.below(LIMITS.lanePollMs / 2 + 40);
  });

  it('share the work: with two, each serves some, and nothing is served by both at once', async () => {
    const inFlight = new Set<string>();
    const served = [0, 0];
    let clashes = 0;
    const counting = (index: number): LaneHandler => ({
      retryMs: () => 10,
      async run({ consumer }): Promise<Turn> {
        if (inFlight.has(consumer.consumer_id)) clashes += 1;
        inFlight.add(consumer.consumer_id);
        await pause(15);
        inFlight.delete(consumer.consumer_id);
        served[index] = (served[index] ?? 0) + 1;
        return { nextMs: null };
      },
    });
    const ids = Array.from({ length: 60 }, (_, n) => `peer:p${n}.example`);
    await store.transact(ctx, async ({ consumers }) => {
      for (const id of ids) await consumers.ensure(ctx, id, 'peer');
      await consumers.wake(ctx, ids);
    });
    for (const index of [0, 1]) worker(new Map([['peer', counting(index)]])).start();
    await until(() => (served[0] ?? 0) + (served[1] ?? 0) === ids.length);
    expect(served[0]).to.be.above(5);
    expect(served[1]).to.be.above(5);
    expect(clashes).to.equal(0);
  });

  it('leave a suspended tenant alone until it is active again', async () => {
    const { streams, positions } = published();
    await world.say(await world.room(), ['before']);
    await store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'suspended'));
    const suspended = worker(new Map([['stream', new StreamLane({ store, streams, randomness: systemRandomness })]]));
    await suspended.look();
    await pause(100);
    expect(positions.size).to.equal(0);
    const system = systemContext('find-due');
    const due = await store.spanning(system, (all) => all.dueConsumers(system, ['stream'], 10));
    expect(due.filter((row) => row.tenant_id === ctx.tenantId)).to.deep.equal([]);

    await store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'active'));
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    await suspended.look();
    await until(() => positions.size === 1);
  });

  it('give up what is under way for a tenant that is suspended, and write nothing of it', async () => {
    const signals: AbortSignal[] = [];
    const waiting: LaneHandler = {
      retryMs: () => 10,
      async run({ signal }): Promise<Turn> {
        signals.push(signal);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return { nextMs: null, position: 7 };
      },
    };
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    const one = worker(new Map([['stream', waiting]]));
    await one.look();
    await until(() => signals.length === 1);
    await pause(LIMITS.leaseRenewMs * 1.5);
    expect(signals[0]?.aborted, 'active, it may take its time').to.equal(false);
    await store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'suspended'));
    await until(() => signals[0]?.aborted === true, LIMITS.leaseRenewMs * 2);
    await pause(200);
    expect((await store.read(ctx, ({ consumers }) => consumers.find(ctx, STREAM_CONSUMER_ID)))?.position).to.equal(0);
  });

  it('back off from a handler that throws, and keep its code', async () => {
    const failing: LaneHandler = { retryMs: () => 3_600_000, run: () => Promise.reject(new Error('broken')) };
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, failing, systemClock)).to.equal('failed');
    const row = await store.read(ctx, ({ consumers }) => consumers.find(ctx, STREAM_CONSUMER_ID));
    expect(row).to.include({ attempts: 1, last_error: 'SW_INTERNAL' });
    expect(row?.failing_since).to.be.a('number');

    await world.say(await world.room(), ['news']);
    await new Dispatcher({ store, wake: deaf, log: silentLog }).dispatch();
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, failing, systemClock), 'news do not end a back-off').to.equal(undefined);
    await store.transact(ctx, ({ consumers }) => consumers.hasten(ctx, STREAM_CONSUMER_ID));
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, failing, systemClock)).to.equal('failed');
  });

  it('end a wait for news, but never a lease', async () => {
    const waiting: LaneHandler = { retryMs: () => 10, run: async () => ({ nextMs: 3_600_000 }) };
    const dispatcher = new Dispatcher({ store, wake: deaf, log: silentLog });
    const room = await world.room();
    const claimed = (): Promise<unknown> => store.transact(ctx, ({ consumers }) => consumers.claim(ctx, STREAM_CONSUMER_ID, LIMITS.leaseMs));
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    const news = async (): Promise<void> => {
      await world.say(room, ['news']);
      await dispatcher.dispatch();
      await store.transact(ctx, ({ consumers }) => consumers.hasten(ctx, STREAM_CONSUMER_ID));
      expect(await claimed(), 'while it is leased').to.equal(undefined);
    };
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, waiting, systemClock, news)).to.equal('later');
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, waiting, systemClock), 'news came during the turn').to.equal('later');
    expect(await claimed(), 'it waits').to.equal(undefined);
    await world.say(room, ['more news']);
    await dispatcher.dispatch();
    expect(await claimed()).not.to.equal(undefined);
  });

  it('let no renewal that comes after the end of its turn change when the next one is due', async () => {
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    const claimed = await store.transact(ctx, ({ consumers }) => consumers.claim(ctx, STREAM_CONSUMER_ID, LIMITS.leaseMs));
    const token = claimed?.token ?? expect.fail('not claimed');
    const renewed = (): Promise<boolean> => store.transact(ctx, ({ consumers }) => consumers.renew(ctx, STREAM_CONSUMER_ID, token, LIMITS.leaseMs));
    const due = (): Promise<unknown> => database.asOwner('select due_at, leased from consumers where tenant_id = $1 and consumer_id = $2', [ctx.tenantId, STREAM_CONSUMER_ID]);
    expect(await renewed()).to.equal(true);
    await store.transact(ctx, ({ consumers }) =>
      consumers.settle(ctx, STREAM_CONSUMER_ID, token, { nextMs: 3_600_000, failed: true, attempts: 1, error: 'SW_INTERNAL', nowMs: 1, lanes: [] }),
    );
    const settled = await due();
    expect(await renewed()).to.equal(false);
    expect(await due()).to.deep.equal(settled);
  });

  it('stop only when the turns under way have ended', async () => {
    let ended = false;
    const slow: LaneHandler = {
      retryMs: () => 10,
      async run(): Promise<Turn> {
        await pause(300);
        ended = true;
        return { nextMs: null };
      },
    };
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    const one = worker(new Map([['stream', slow]]));
    one.start();
    await pause(100);
    await one.stop();
    expect(ended).to.equal(true);
    expect((await store.read(ctx, ({ consumers }) => consumers.find(ctx, STREAM_CONSUMER_ID)))?.last_ok).to.be.a('number');
  });
});

describe('A worker that was paused beyond its lease', function () {
  this.timeout(30_000);
  let database: TestDatabase;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  it('changes nothing when it resumes: another has taken over', async () => {
    const parts = peerProcess({ database, clock: new TestClock(Date.now()), source: () => Promise.reject(new Error('nobody')) });
    const { store } = parts;
    const ctx = await newTenant(parts, 'paused.example');
    await store.transact(ctx, (repositories) => openTenantConsumers(ctx, repositories));
    await store.transact(ctx, ({ consumers }) => consumers.wake(ctx, [STREAM_CONSUMER_ID]));
    let wroteBefore = 0;
    const handler = (position: number): LaneHandler => ({
      retryMs: () => 10,
      run: async () => ({
        nextMs: null,
        position,
        before: async () => {
          wroteBefore += 1;
        },
        after: ({ peers }) => peers.save(ctx, { server_name: named(`written-${position}.example`), trust: 'pinned', serial: 1, descriptor: {}, candidate: null, fetched_at: 1 }),
      }),
    });
    const takeOver = async (): Promise<void> => {
      await database.asOwner("update consumers set due_at = now() - interval '1 s'");
      expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, handler(7), systemClock)).to.equal('idle');
    };
    expect(await oneTurn(store, ctx, STREAM_CONSUMER_ID, handler(99), systemClock, takeOver)).to.equal('lost');
    const row = await store.read(ctx, ({ consumers }) => consumers.find(ctx, STREAM_CONSUMER_ID));
    expect(row?.position).to.equal(7);
    const peers = await store.read(ctx, (repositories) => repositories.peers.list(ctx));
    expect(peers.map((peer) => peer.server_name)).to.deep.equal(['written-7.example']);
    expect(wroteBefore).to.equal(2);
  });
});
