import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { chainNext, genesis } from '../../../src/protocol/chain.js';
import { logNameOf, parseServerName } from '../../../src/kernel/ids.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import type { JudgedRun, RunItem } from '../../../src/store/repositories/log-items.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { LaneWorld, asItIs, type LaneRoom } from '../../support/lane-world.js';
import { newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { TestClock } from '../../support/test-clock.js';

const HOME = parseServerName('home.example');
const ROOMY = 1_000_000_000;

describe('a run that was judged by what is remembered', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let parts: PeerProcess;
  let ctx: TenantContext;
  let world: LaneWorld;
  let room: LaneRoom;

  before(async () => {
    database = await freshDatabase();
    const clock = new TestClock(Date.now());
    parts = peerProcess({ database, clock, source: () => Promise.reject(new Error('nobody is asked')) });
    ctx = await asItIs(parts.store, await newTenant(parts, `a-${randomUUID().slice(0, 8)}.example`));
    world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), clock);
  });
  after(() => database.drop());
  beforeEach(async () => {
    room = await world.room(HOME, 'mirrored');
  });

  /** Places after `firstSeq - 1`, chained as a home chains them. */
  function run(firstSeq: number, prevHash: Buffer, count: number, change: Partial<JudgedRun> = {}): JudgedRun {
    let hash = prevHash;
    const items = Array.from({ length: count }, (_, index): RunItem => {
      const { roomId: _room, epoch: _epoch, dedupeHash: _dedupe, ...event } = world.item(room, 'swp.room.message', { body: `${firstSeq + index}` });
      hash = chainNext(logNameOf(room.roomId, HOME), firstSeq + index, 10, hash, event.eventHash);
      return { ...event, at: 10, chainHash: hash, state: 'placed', reason: null, redactedBy: null };
    });
    return { roomId: room.roomId, nowMs: 20, firstSeq, prevHash, items, epoch: 1, mirrorBytesMax: ROOMY, ...change };
  }

  /** All that a run may move. */
  function standing(): Promise<object> {
    return parts.store.read(ctx, async ({ rooms, log, usage }) => ({
      head: (await rooms.find(ctx, room.roomId))?.head_hash.toString('hex'),
      seq: (await rooms.find(ctx, room.roomId))?.head_seq,
      position: await log.position(ctx),
      bytes: (await usage.find(ctx))?.mirror_bytes,
      kept: (await log.run(ctx, room.roomId, 0, 100)).length,
    }));
  }

  async function refused(judged: JudgedRun): Promise<void> {
    const before = await standing();
    expect(await parts.store.appendRun(ctx, judged)).to.equal(false);
    expect(await standing()).to.deep.equal(before);
  }

  it('is stored where the log ends, and the next one after it', async () => {
    const first = run(1, genesis(), 3);
    expect(await parts.store.appendRun(ctx, first)).to.equal(true);
    const second = run(4, first.items[2]?.chainHash ?? genesis(), 2);
    expect(await parts.store.appendRun(ctx, second)).to.equal(true);
    expect(await standing()).to.include({ head: second.items[1]?.chainHash.toString('hex'), seq: 5, kept: 5 });
    const rows = await parts.store.read(ctx, ({ log }) => log.run(ctx, room.roomId, 0, 100));
    expect(rows.map(({ seq, event_id }) => [seq, event_id])).to.deep.equal([...first.items, ...second.items].map(({ eventId }, index) => [index + 1, eventId]));
  });

  it('counts the bytes that it keeps', async () => {
    const { bytes: before } = (await standing()) as { bytes: number };
    const judged = run(1, genesis(), 2);
    await parts.store.appendRun(ctx, judged);
    const kept = judged.items.reduce((sum, { jws }) => sum + (jws?.length ?? 0), 0);
    expect(await standing()).to.include({ bytes: before + kept });
  });

  it('has the bytes given back of what is erased, once', async () => {
    const { bytes: before } = (await standing()) as { bytes: number };
    const judged = run(1, genesis(), 2);
    const [gone, kept] = judged.items;
    if (gone === undefined || kept === undefined) throw new Error('two events');
    await parts.store.appendRun(ctx, judged);
    for (let times = 0; times < 2; times += 1) {
      await parts.store.transact(ctx, ({ log }) => log.erase(ctx, room.roomId, gone.eventId, 2));
      expect(await standing()).to.include({ bytes: before + (kept.jws?.length ?? 0) });
    }
  });

  it('counts nothing for what was erased before it was given', async () => {
    const judged = run(1, genesis(), 1);
    const withheld = judged.items.map((item) => ({ ...item, jws: null, content: null, state: 'withheld' as const, reason: 'SW_TENANT_CAPACITY' }));
    await parts.store.appendRun(ctx, { ...judged, items: withheld });
    const [item] = judged.items;
    if (item === undefined) throw new Error('an event');
    await parts.store.transact(ctx, ({ log }) => log.erase(ctx, room.roomId, item.eventId, 2));
    const { bytes: before } = (await standing()) as { bytes: number };
    await parts.store.transact(ctx, ({ log }) => log.appendRun(ctx, { ...judged, items: [{ ...item, redactedBy: 2 }] }));
    expect(await standing()).to.include({ bytes: before });
    expect(await parts.store.read(ctx, ({ log }) => log.find(ctx, room.roomId, item.eventId))).to.include({ state: 'placed', jws: null, content: null, redacted_by: 2 });
  });

  it('is not written under another epoch than its room has', () => refused(run(1, genesis(), 2, { epoch: 2 })));

  it('is not written after a gap, beside another log, or a second time', async () => {
    await refused(run(2, genesis(), 2));
    await refused(run(1, Buffer.alloc(32, 7), 2));
    const judged = run(1, genesis(), 2);
    await parts.store.appendRun(ctx, judged);
    await refused(judged);
  });

  it('is not written when its time falls behind the head', async () => {
    const first = run(1, genesis(), 1);
    await parts.store.appendRun(ctx, first);
    const later = run(2, first.items[0]?.chainHash ?? genesis(), 1);
    await refused({ ...later, items: later.items.map((item) => ({ ...item, at: 9 })) });
  });

  it('is not written when an event of it has a place already, or comes twice', async () => {
    const first = run(1, genesis(), 1);
    await parts.store.appendRun(ctx, first);
    const next = run(2, first.items[0]?.chainHash ?? genesis(), 2);
    const known = first.items[0]?.eventId;
    if (known === undefined) throw new Error('an event');
    await refused({ ...next, items: next.items.map((item, index) => (index === 1 ? { ...item, eventId: known } : item)) });
    await refused({ ...next, items: next.items.map((item) => ({ ...item, eventId: next.items[0]?.eventId ?? known })) });
  });

  it('is not written when the mirrors are full', async () => {
    await parts.store.appendRun(ctx, run(1, genesis(), 1));
    await refused(run(2, genesis(), 1, { mirrorBytesMax: 1 }));
  });

  it('wakes no lane to the home that gave it; what waits for the home does', async () => {
    const consumer = `peer:${HOME}`;
    await world.lane(room, consumer, 'peer', 'submit');
    const isDue = (): Promise<boolean> =>
      parts.store.transact(ctx, async ({ consumers, log }) => {
        const head = await consumers.head(ctx);
        await consumers.dispatch(ctx, await log.roomsBetween(ctx, head?.dispatched ?? 0, head?.stream_position ?? 0));
        await consumers.dispatched(ctx, head?.stream_position ?? 0);
        return (await consumers.list(ctx, 'peer')).some((one) => one.consumer_id === consumer && one.next_attempt_at !== null);
      });
    await isDue();
    await parts.store.appendRun(ctx, run(1, genesis(), 2));
    expect(await isDue()).to.equal(false);
    await world.say(room, ['for the home']);
    expect(await isDue()).to.equal(true);
  });
});
