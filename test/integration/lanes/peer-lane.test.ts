import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { silentLog, systemRandomness, systemTimers } from '../../../src/kernel/system-ports.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { ReceiptCheck } from '../../../src/lanes/check-receipts.js';
import { PeerLane, peerConsumerId } from '../../../src/lanes/peer-lane.js';
import { ParcelSender } from '../../../src/lanes/send-parcels.js';
import { UnreachedHome } from '../../../src/lanes/unreached-home.js';
import type { TurnOutcome } from '../../../src/lanes/write-turn.js';
import { PeerClient } from '../../../src/peering/signed-call.js';
import { hashText } from '../../../src/protocol/chain.js';
import { verifyJws } from '../../../src/protocol/jws.js';
import { admitPublicKey, generateSigningKey } from '../../../src/protocol/keys.js';
import type { SendItem } from '../../../src/protocol/send.js';
import type { EntryRow } from '../../../src/store/repositories/entry-row.js';
import type { LaneRow } from '../../../src/store/repositories/lanes.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { contract } from '../../support/fixtures.js';
import { asItIs, LaneWorld, oneTurn, type LaneRoom } from '../../support/lane-world.js';
import { newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { refusedWith, reply, ScriptedPeer } from '../../support/scripted-peer.js';
import { TestClock } from '../../support/test-clock.js';

const HOUR_MS = 3_600_000;

describe('The lane to a peer', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let clock: TestClock;
  let peer: ScriptedPeer;
  let parts: PeerProcess;
  let ctx: TenantContext;
  let world: LaneWorld;
  let lane: PeerLane;
  let consumer: string;
  let refused: string[];

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    clock = new TestClock(Date.now());
    peer = new ScriptedPeer('b.example', () => clock.nowMs());
    parts = peerProcess({ database, clock, source: async () => peer.fake.document() });
    ctx = await asItIs(parts.store, await newTenant(parts, `a-${randomUUID().slice(0, 8)}.example`));
    world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), clock);
    consumer = peerConsumerId(peer.server);
    refused = [];
    const exchange: typeof peer.exchange = async (request) => {
      try {
        return await peer.exchange(request);
      } catch (error) {
        if (error instanceof GatewayError) throw error;
        throw new GatewayError('SW_FED_PEER_UNREACHABLE', 'scripted', { cause: error });
      }
    };
    const client = new PeerClient({ keys: parts.keys, exchange, clock, randomness: systemRandomness });
    lane = new PeerLane({
      store: parts.store,
      keys: parts.keys,
      directory: parts.directory,
      sender: new ParcelSender({ client, contract, randomness: systemRandomness }),
      receipts: new ReceiptCheck({ contract, directory: parts.directory, store: parts.store, clock }),
      onRefused: async (_ctx, _repositories, { entry, code }) => void refused.push(`${entry.event_id} ${code}`),
      unreachedHome: new UnreachedHome({ store: parts.store, timers: systemTimers, log: silentLog }),
      clock,
      randomness: { fraction: () => 0.5 },
      log: silentLog,
      meter: parts.meter,
    });
  });

  /** One turn, whenever it would come. */
  async function turn(during?: () => Promise<void>): Promise<TurnOutcome | undefined> {
    await database.asOwner('update consumers set due_at = now() where tenant_id = $1 and consumer_id = $2', [ctx.tenantId, consumer]);
    return oneTurn(parts.store, ctx, consumer, lane, clock, during);
  }

  async function turns(outcome: TurnOutcome, most = 30): Promise<void> {
    for (let n = 0; n < most; n += 1) if ((await turn()) === outcome) return;
    throw new Error(`no turn ended as ${outcome}`);
  }

  async function laneOf(room: LaneRoom): Promise<LaneRow> {
    const row = await parts.store.read(ctx, ({ lanes }) => lanes.find(ctx, room.roomId, consumer));
    if (row === undefined) throw new Error('no lane');
    return row;
  }

  async function mirrored(texts: number): Promise<LaneRoom> {
    const room = await world.room();
    await world.lane(room, consumer, 'peer', 'log');
    await world.say(room, Array.from({ length: texts }, (_, n) => `text ${n}`));
    return room;
  }

  const sent = (): readonly SendItem[] => peer.items.at(-1) ?? [];
  const entriesIn = (items: readonly SendItem[]): number => items.reduce((sum, item) => sum + (item.kind === 'log' ? item.run.entries.length : 0), 0);

  describe('for a room of ours', () => {
    it('carries what follows the cursor under one head that we signed, and keeps the receipt', async () => {
      const room = await mirrored(3);
      expect(await turn()).to.equal('idle');
      const [item] = sent();
      if (item?.kind !== 'log') throw new Error('no run');
      expect(item.run.entries.map((entry) => entry.seq)).to.deep.equal([1, 2, 3]);
      const ours = (await parts.keys.current(ctx)).publicKey;
      expect(await verifyJws(item.run.head.jws, admitPublicKey(ours))).to.equal(true);
      const row = await laneOf(room);
      expect(row).to.include({ cursor: 3, receipt: 3, mode: 'log' });
      expect(row.receipt_hash?.equals(item.run.folded.hash)).to.equal(true);
    });

    it('fills one batch from several rooms, a part from each, and goes on at once', async () => {
      const rooms = [await mirrored(150), await mirrored(150), await mirrored(4)];
      expect(await turn()).to.equal('more');
      expect(entriesIn(sent())).to.equal(LIMITS.batchEntriesMax);
      expect(sent().map((item) => (item.kind === 'log' ? item.run.entries.length : 0)).sort((a, b) => a - b)).to.deep.equal([4, 48, 48]);
      await turns('idle');
      for (const room of rooms) expect((await laneOf(room)).cursor).to.be.oneOf([150, 4]);
    });

    it('never sends what comes after the end of the lane', async () => {
      const room = await mirrored(5);
      await parts.store.transact(ctx, ({ lanes }) => lanes.end(ctx, room.roomId, consumer, 3));
      expect(await turn()).to.equal('idle');
      expect(entriesIn(sent())).to.equal(3);
      await turn();
      expect(peer.batches).to.have.length(1);
    });

    it('sends an erased entry without its content', async () => {
      const room = await mirrored(3);
      const [, second] = await parts.store.read(ctx, ({ log }) => log.run(ctx, room.roomId, 0, 3));
      await parts.store.transact(ctx, ({ log }) => log.erase(ctx, room.roomId, second?.event_id ?? ('' as never), 3));
      await turn();
      const [item] = sent();
      expect(item?.kind === 'log' && item.run.entries.map((entry) => entry.form)).to.deep.equal(['event', 'erased', 'event']);
      const [wire] = peer.batches.at(-1)?.items ?? [];
      expect(wire?.kind === 'log' && Object.keys(wire.entries[1] ?? {})).to.deep.equal(['seq', 'at', 'event_hash', 'id', 'sender', 'type', 'redacted_by']);
    });

    it('begins with a start, then carries the entries that follow it', async () => {
      const room = await world.room();
      await world.append(room, [{ type: 'swp.room.topic', content: { topic: 'y' } }, { type: 'swp.room.name', content: { name: 'x' } }]);
      await world.lane(room, consumer, 'peer', 'start', 2);
      await world.say(room, ['after']);
      expect(await turn()).to.equal('more');
      const [start] = sent();
      expect(start?.kind === 'start' && { seq: start.start.seq, state: start.start.state.length }).to.deep.equal({ seq: 2, state: 2 });
      expect(await turn()).to.equal('idle');
      expect(await laneOf(room)).to.include({ mode: 'log', cursor: 3 });
    });

    it('tells an invited server only of its own people', async () => {
      const room = await world.room();
      await world.append(room, [{ type: 'swp.room.member', content: { target: '@bob:b.example', membership: 'invite' } }]);
      await world.lane(room, consumer, 'peer', 'invited', 0);
      await world.say(room, ['secret']);
      await world.append(room, [{ type: 'swp.room.member', content: { target: '@eve:notb.example', membership: 'invite' } }]);
      expect(await turn()).to.equal('idle');
      expect(sent().map((item) => item.kind === 'member' && item.invitation.about.member_count)).to.deep.equal([0]);
      expect((await laneOf(room)).cursor).to.equal(3);
      await turn();
      expect(peer.batches).to.have.length(1);
    });

    it('goes back to where a restored mirror is, and never forward', async () => {
      const room = await mirrored(6);
      await turn();
      await world.say(room, ['seven']);
      peer.script = () => ({ status: 'gap', have_seq: 2 });
      expect(await turn()).to.equal('more');
      expect((await laneOf(room)).cursor).to.equal(2);
      peer.script = () => ({ status: 'gap', have_seq: 5 });
      expect(await turn()).to.equal('later');
      expect((await laneOf(room)).cursor).to.equal(2);
      peer.script = (item) => peer.honest(item);
      clock.advance(HOUR_MS);
      await turns('idle');
      expect((await laneOf(room)).cursor).to.equal(7);
    });

    it('begins anew for a mirror that has lost its start', async () => {
      const room = await world.room();
      await world.say(room, ['1', '2', '3', '4']);
      await world.lane(room, consumer, 'peer', 'log', 3);
      peer.script = () => ({ status: 'gap', have_seq: 0 });
      expect(await turn()).to.equal('more');
      expect(await laneOf(room)).to.include({ mode: 'start', cursor: 3 });
    });

    it('stops at a receipt that contradicts the log, keeps it as proof, and goes on with other rooms', async () => {
      const [bad, good] = [await mirrored(2), await mirrored(2)];
      const badLog = `!${bad.roomId}:${ctx.serverName}`;
      peer.script = (item) => (item.kind === 'log' && item.run.room === badLog ? peer.stored(item.run.room, 1, 2, 'ab'.repeat(32)) : peer.honest(item));
      await turn();
      expect((await laneOf(bad)).frozen).to.equal('SW_FED_CHAIN_FORK');
      expect((await laneOf(bad)).cursor).to.equal(0);
      expect((await laneOf(good)).cursor).to.equal(2);
      const [{ proof } = { proof: '' }] = await database.asOwner<{ proof: string }>('select proof from lanes where frozen is not null and tenant_id = $1', [ctx.tenantId]);
      expect(proof.split('.')).to.have.length(3);
      expect(parts.meter.of('fed_alarms_total lane-stopped')).to.equal(1);
      await world.say(bad, ['more']);
      await turn();
      expect(peer.batches).to.have.length(1);
    });

    it('does not count a receipt that another key has signed, or for another room', async () => {
      const room = await mirrored(2);
      const stranger = generateSigningKey(peer.server, systemRandomness.bytes(32));
      peer.script = (item) => (item.kind === 'log' ? peer.stored(item.run.room, 1, 2, hashText(item.run.folded.hash), stranger) : peer.honest(item));
      expect(await turn()).to.equal('later');
      expect(await laneOf(room)).to.include({ cursor: 0, receipt: null, refused_code: 'SW_FED_ANSWER_INVALID', frozen: null });

      clock.advance(HOUR_MS);
      const other = await world.room();
      peer.script = (item) => (item.kind === 'log' ? peer.stored(`!${other.roomId}:${ctx.serverName}` as never, 1, 2, hashText(item.run.folded.hash)) : peer.honest(item));
      expect(await turn()).to.equal('later');
      expect(await laneOf(room)).to.include({ cursor: 0, frozen: null });
    });

    it('halves a run that is refused twice, and leaves out the one entry that is to blame', async () => {
      const [bad, good] = [await mirrored(40), await mirrored(3)];
      const badLog = `!${bad.roomId}:${ctx.serverName}`;
      peer.script = (item) => {
        if (item.kind !== 'log' || item.run.room !== badLog) return peer.honest(item);
        return item.run.entries.some((entry) => entry.seq === 17 && entry.form === 'event') ? refusedWith('SW_FED_EVENT_INVALID', false) : peer.honest(item);
      };
      for (let n = 0; n < 40 && (await laneOf(bad)).cursor < 40; n += 1) {
        await turn();
        clock.advance(LIMITS.peerBackoffMinMs + 1);
      }
      expect((await laneOf(good)).cursor).to.equal(3);
      expect(await laneOf(bad)).to.include({ cursor: 40, frozen: null });
      const left = await parts.store.read(ctx, ({ lanes }) => lanes.withheld(ctx, bad.roomId, consumer, 1, 40));
      expect([...left]).to.deep.equal([[17, 'SW_FED_EVENT_INVALID']]);
    });

    it('lets a room with a passing refusal rest by itself, longer each time', async () => {
      const [resting, lively] = [await mirrored(1), await mirrored(1)];
      const log = `!${resting.roomId}:${ctx.serverName}`;
      peer.script = (item) => (item.kind === 'log' && item.run.room === log ? refusedWith('SW_FED_CAPACITY', true) : peer.honest(item));
      expect(await turn()).to.equal('later');
      const first = (await laneOf(resting)).rest_until ?? 0;
      expect(first - clock.nowMs()).to.equal(2_000);
      await world.say(lively, ['on we go']);
      await turn();
      expect(sent()).to.have.length(1);
      expect((await laneOf(lively)).cursor).to.equal(2);
      clock.advance(2_001);
      await turn();
      expect(((await laneOf(resting)).rest_until ?? 0) - clock.nowMs()).to.equal(4_000);
    });

    it('does not move a lane that was opened anew while the batch was under way', async () => {
      const room = await mirrored(4);
      await turn(async () => parts.store.transact(ctx, ({ lanes }) => lanes.open(ctx, { room_id: room.roomId, consumer_id: consumer, mode: 'start', cursor: 2 })));
      expect(await laneOf(room)).to.include({ mode: 'start', cursor: 2, receipt: null });
    });
  });

  describe('for a room of theirs', () => {
    async function submitting(texts: number): Promise<LaneRoom> {
      const room = await world.room(peer.server, 'mirrored');
      await world.lane(room, consumer, 'peer', 'submit');
      await world.say(room, Array.from({ length: texts }, (_, n) => `own ${n}`));
      return room;
    }

    async function entries(room: LaneRoom): Promise<readonly EntryRow[]> {
      const rows = await parts.store.read(ctx, ({ log }) => log.after(ctx, 0, 1_000));
      return rows.filter((row) => row.room_id === room.roomId);
    }

    it('sends own events in order, and an accepted one only once', async () => {
      const room = await submitting(3);
      await turn();
      expect(sent().map((item) => item.kind === 'event' && item.event.event.content['body'])).to.deep.equal(['own 0', 'own 1', 'own 2']);
      await world.say(room, ['own 3']);
      await turn();
      expect(sent().map((item) => item.kind === 'event' && item.event.event.content['body'])).to.deep.equal(['own 3']);
      expect((await entries(room)).map((row) => row.state)).to.deep.equal(['pending', 'pending', 'pending', 'pending']);
    });

    it('offers what was accepted again when no place has come of it', async () => {
      await submitting(2);
      await turns('later');
      await turn();
      expect(peer.batches).to.have.length(1);
      clock.advance(LIMITS.acceptedResendMs + 1);
      await turn();
      expect(peer.batches).to.have.length(2);
      expect(sent()).to.have.length(2);
    });

    it('holds what follows a passing refusal', async () => {
      const room = await submitting(3);
      peer.script = (item, index) => (index === 1 ? refusedWith('SW_UNAVAILABLE', true) : index === 2 ? { status: 'deferred' } : peer.honest(item));
      expect(await turn()).to.equal('later');
      peer.script = (item) => peer.honest(item);
      clock.advance(HOUR_MS / 60);
      await turn();
      expect(sent().map((item) => item.kind === 'event' && item.event.event.content['body'])).to.deep.equal(['own 1', 'own 2']);
      expect(refused).to.deep.equal([]);
      expect((await laneOf(room)).refused_code).to.equal(null);
    });

    it('gives a final refusal to its author at a new stream position, and goes on', async () => {
      const room = await submitting(2);
      const [first] = await entries(room);
      peer.script = (item, index) => (index === 0 ? refusedWith('SW_NOT_MEMBER', false) : peer.honest(item));
      await turn();
      const after = await entries(room);
      expect(after.map(({ event_id: id, state, reason }) => ({ id, state, reason })).at(-1)).to.deep.equal({ id: first?.event_id, state: 'refused', reason: 'SW_NOT_MEMBER' });
      expect(refused).to.deep.equal([`${first?.event_id} SW_NOT_MEMBER`]);
    });

    it('keeps the place that came while a refusal was under way', async () => {
      const room = await submitting(1);
      peer.script = () => refusedWith('SW_NOT_MEMBER', false);
      await turn(async () => void (await database.asOwner("update entries set state = 'placed', seq = 1 where room_id = $1", [room.roomId])));
      expect((await entries(room))[0]).to.include({ state: 'placed', reason: null });
      expect(refused).to.deep.equal([]);
    });

    it('refuses in the end what its home has not taken for 30 days', async () => {
      const room = await submitting(1);
      clock.advance(LIMITS.submissionHoldMs + 1);
      peer.whole = () => 'away';
      await turn();
      expect((await entries(room))[0]).to.include({ state: 'refused', reason: 'SW_FED_SUBMISSION_EXPIRED' });
    });
  });

  describe('when the request as a whole fails', () => {
    it('counts an attempt and leaves every cursor', async () => {
      const room = await mirrored(2);
      peer.whole = () => 'away';
      expect(await turn()).to.equal('failed');
      expect(await turn()).to.equal('failed');
      const row = await parts.store.read(ctx, ({ consumers }) => consumers.find(ctx, consumer));
      expect(row).to.include({ attempts: 2, last_error: 'SW_FED_PEER_UNREACHABLE' });
      expect((await laneOf(room)).cursor).to.equal(0);
      peer.whole = undefined;
      expect(await turn()).to.equal('idle');
      expect(await parts.store.read(ctx, ({ consumers }) => consumers.find(ctx, consumer))).to.include({ attempts: 0, last_error: null, failing_since: null });
    });

    it('waits as long as it is told, and an hour where the answer is final', async () => {
      await mirrored(1);
      const dueIn = async (): Promise<number> => {
        const [row] = await database.asOwner<{ s: number }>('select extract(epoch from due_at - now())::float8 as s from consumers where tenant_id = $1 and consumer_id = $2', [ctx.tenantId, consumer]);
        return row?.s ?? 0;
      };
      peer.whole = () => reply(429, { error: { code: 'SW_RATE_LIMIT_EXCEEDED', message: '' } }, { 'retry-after': '120' });
      await turn();
      expect(await dueIn()).to.be.within(115, 121);
      peer.whole = () => reply(403, { error: { code: 'SW_FED_PEER_DENIED', message: '' } });
      await turn();
      expect(await dueIn()).to.be.within(3_590, 3_601);
    });

    it('sends parcel by parcel what is refused for its content, and blames one room only', async () => {
      const [bad, good] = [await mirrored(1), await mirrored(1)];
      peer.whole = ({ items }) => (items.some((item) => 'room' in item && item.room.includes(bad.roomId)) ? reply(400, { error: { code: 'SW_BAD_SCHEMA', message: '' } }) : undefined);
      await turn();
      expect((await laneOf(good)).cursor).to.equal(1);
      expect(await laneOf(bad)).to.include({ cursor: 0, refused_code: 'SW_BAD_SCHEMA' });
    });

    it('blames no room of a peer that is broken for all', async () => {
      const rooms = [await mirrored(1), await mirrored(1)];
      peer.whole = () => reply(500, { error: { code: 'SW_INTERNAL', message: '' } });
      for (let n = 0; n < 12; n += 1) expect(await turn()).to.equal('failed');
      for (const room of rooms) expect(await laneOf(room)).to.include({ cursor: 0, refused_code: null, frozen: null });
      expect(await database.asOwner('select 1 from lane_withheld where tenant_id = $1', [ctx.tenantId])).to.deep.equal([]);
    });

    it('takes an answer with too few results for no answer', async () => {
      const room = await mirrored(1);
      peer.whole = (batch) => reply(200, { data: { batch_id: batch.batch_id, results: [] } });
      expect(await turn()).to.equal('failed');
      expect((await laneOf(room)).cursor).to.equal(0);
    });
  });
});
