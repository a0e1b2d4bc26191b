import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemRandomness } from '../../../src/kernel/system-ports.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import type { TurnOutcome } from '../../../src/lanes/write-turn.js';
import { hashText } from '../../../src/protocol/chain.js';
import { verifyJws } from '../../../src/protocol/jws.js';
import { admitPublicKey, generateSigningKey } from '../../../src/protocol/keys.js';
import type { SendItem } from '../../../src/protocol/send.js';
import type { ToldEntryRow } from '../../../src/store/repositories/entry-row.js';
import type { LaneRow } from '../../../src/store/repositories/lanes.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import type { LaneWorld} from '../../support/lane-world.js';
import { type LaneRoom } from '../../support/lane-world.js';
import type { PeerProcess } from '../../support/peer-world.js';
import type { ScriptedPeer } from '../../support/scripted-peer.js';
import { refusedWith } from '../../support/scripted-peer.js';
import type { TestClock } from '../../support/test-clock.js';
import { PeerLaneWorld } from '../../support/peer-lane-world.js';

const HOUR_MS = 3_600_000;

describe('The lane to a peer', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let stage: PeerLaneWorld;
  let clock: TestClock;
  let peer: ScriptedPeer;
  let parts: PeerProcess;
  let ctx: TenantContext;
  let world: LaneWorld;
  let consumer: string;
  let refused: readonly string[];

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    stage = await PeerLaneWorld.on(database);
    ({ clock, peer, parts, ctx, world, consumer, refused } = stage);
  });

  const turn = (during?: () => Promise<void>): Promise<TurnOutcome | undefined> => stage.turn(during);
  const laneOf = (room: LaneRoom): Promise<LaneRow> => stage.laneOf(room);
  const mirrored = (texts: number): Promise<LaneRoom> => stage.mirrored(texts);

  async function turns(outcome: TurnOutcome, most = 30): Promise<void> {
    for (let n = 0; n < most; n += 1) if ((await turn()) === outcome) return;
    throw new Error(`no turn ended as ${outcome}`);
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
      await world.lose(room, peer.server, 3);
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

    it('goes on with the interval that was opened while the end of the last one was under way', async () => {
      const room = await mirrored(6);
      await world.lose(room, peer.server, 3);
      await turn(() => world.lose(room, peer.server, 3, 5));
      await turns('idle');
      const places = peer.items.flat().flatMap((item) => (item.kind === 'log' ? item.run.entries.map(({ seq }) => String(seq)) : [item.kind]));
      expect(places).to.deep.equal(['1', '2', '3', '1', '2', '3', 'start', '5', '6']);
    });
  });

  describe('for a room of theirs', () => {
    async function submitting(texts: number): Promise<LaneRoom> {
      const room = await world.room(peer.server, 'mirrored');
      await world.lane(room, consumer, 'peer', 'submit');
      await world.say(room, Array.from({ length: texts }, (_, n) => `own ${n}`));
      return room;
    }

    async function entries(room: LaneRoom): Promise<readonly ToldEntryRow[]> {
      const { rows } = await parts.store.read(ctx, ({ log }) => log.after(ctx, 0, 1_000));
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
});
