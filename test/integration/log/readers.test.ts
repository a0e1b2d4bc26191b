import { expect } from 'chai';
import type { Caller } from '../../../src/kernel/caller.js';
import { systemTimers } from '../../../src/kernel/system-ports.js';
import { parseRoomId, type RoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { localWake } from '../../../src/kernel/system-ports.js';
import { Followers, type Follower } from '../../../src/flows/followers.js';
import { Stream } from '../../../src/flows/stream.js';
import { Sync } from '../../../src/flows/sync.js';
import type { StreamEvent } from '../../../src/flows/api/sync.js';
import type { ToldEntryRow } from '../../../src/store/repositories/entry-row.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { eventually } from '../../support/gateway.js';
import { silentLog } from '../../support/silent-ports.js';

const NO_WATCH = { watch: () => () => {} };
const NO_NEWS = { subscribeEphemeral: () => () => {} };

describe('readers who follow the log', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let process: FlowsProcess;
  let ann: Caller;
  let bob: Caller;
  let room: RoomId;

  before(async () => {
    database = await freshDatabase();
    process = await FlowsProcess.open(database);
    [ann, bob] = [await process.caller('ann'), await process.caller('bob')];
  });
  after(async () => {
    await process.close();
    await database.drop();
  });
  beforeEach(async () => {
    room = parseRoomId(await process.group(ann));
  });

  const say = (body: string) => process.flows.messages.send(ann, room, { content: { body }, eventUuid: null, asParticipantId: null });
  const rows = async (): Promise<readonly ToldEntryRow[]> => (await process.store.read(ann.ctx, ({ log }) => log.after(ann.ctx, 0, 500))).rows.filter((row) => row.room_id === room);
  const bodies = (frames: readonly StreamEvent[]): unknown[] => frames.filter(({ type }) => type === 'swp.room.message').map(({ content }) => (content as { body: string }).body);

  /** What the stream of bob tells, when this happens between its beginning to follow and its look at his rooms. */
  async function told(meanwhile: (follower: Follower) => Promise<void>): Promise<StreamEvent[]> {
    const ended = new AbortController();
    const followers = {
      async follow(_ctx: unknown, follower: Follower) {
        await meanwhile(follower);
        return () => {};
      },
    };
    const frames: StreamEvent[] = [];
    const stream = new Stream({ store: process.store, followers, streams: NO_NEWS, watchCaller: NO_WATCH, timers: systemTimers });
    for await (const frame of stream.follow(bob, ended.signal)) {
      frames.push(frame);
      if (bodies([frame])[0] === 'the last') break;
    }
    return frames;
  }

  it('are told nothing of what was said before they joined, though they joined while the stream began', async () => {
    const frames = await told(async (follower) => {
      await say('before the join');
      await process.flows.members.join(bob, room);
      await say('the last');
      for (const row of await rows()) follower(row);
    });
    expect(bodies(frames)).to.deep.equal(['the last']);
    expect(frames.find(({ type }) => type === 'swp.room.member')).to.deep.include({ participant_id: bob.participantId, membership: 'join' });
  });

  it('are told nothing of a place that was there before them, when it is filled later', async () => {
    await process.flows.members.join(bob, room);
    await say('filled');
    await say('the last');
    const frames = await told(async (follower) => {
      for (const row of await rows()) follower(row.content?.['body'] === 'filled' ? { ...row, first_position: 1 } : row);
    });
    expect(bodies(frames)).to.deep.equal(['the last']);
  });

  it('are told of the join and the leave that came while the stream began, and of nothing after', async () => {
    const other = room;
    room = parseRoomId(await process.group(ann));
    await process.flows.members.join(bob, room);
    const frames = await told(async (follower) => {
      const stays = room;
      room = other;
      await process.flows.members.join(bob, room);
      await process.flows.members.leave(bob, room, null);
      await say('bob has gone');
      for (const row of await rows()) follower(row);
      room = stays;
      await say('the last');
      for (const row of await rows()) follower(row);
    });
    const inOther = frames.filter((frame) => frame['room_id'] === other);
    expect(inOther.map((frame) => frame['membership'])).to.deep.equal(['join', 'leave']);
  });

  it('are not woken from a long poll by what they cannot read', async () => {
    await process.flows.members.join(bob, room);
    await say('a message');
    const [message] = (await rows()).filter((row) => row.event_type === 'swp.room.message');
    const [joined] = (await rows()).filter((row) => row.target === bob.fqid);
    if (message === undefined || joined === undefined) throw new Error('two rows');
    let follower: Follower = () => {};
    const woken: boolean[] = [];
    const timers = {
      async sleep(_ms: number, signal?: AbortSignal) {
        const elsewhere = parseRoomId(await process.group(ann));
        const unreadable = [{ ...message, state: 'withheld', content: null }, { ...message, first_position: 1 }, { ...message, room_id: elsewhere }, { ...joined, room_id: elsewhere, content: { membership: 'invite' } }] as const;
        for (const row of [...unreadable, message]) {
          follower(row);
          woken.push(signal?.aborted ?? false);
        }
      },
    };
    const followers = {
      async follow(_ctx: unknown, given: Follower) {
        follower = given;
        return () => {};
      },
    };
    const sync = new Sync(process.store, followers, NO_WATCH, timers);
    const since = (await process.store.read(bob.ctx, ({ log }) => log.position(bob.ctx)));
    await sync.sync(bob, { since, limit: 10, timeoutMs: 1_000, signal: new AbortController().signal });
    expect(woken).to.deep.equal([false, false, false, false, true]);
  });

  it('read as far as it fits at once, without what is signed, and go on from there', async () => {
    const start = await process.store.read(ann.ctx, ({ log }) => log.position(ann.ctx));
    for (let n = 0; n < 40; n += 1) await say('x'.repeat(60_000));
    const page = (position: number) => process.store.read(ann.ctx, ({ log }) => log.after(ann.ctx, position, 500));
    const first = await page(start);
    const second = await page(first.rows.at(-1)?.stream_position ?? 0);
    expect([first.hasMore, second.hasMore]).to.deep.equal([true, false]);
    expect(first.rows.length * 60_000).to.be.below(LIMITS.eventPageBytesMax);
    expect([...first.rows, ...second.rows].map((row) => row.stream_position - start)).to.deep.equal(Array.from({ length: 40 }, (_, n) => n + 1));
    expect(first.rows[0]).not.to.have.any.keys('jws', 'chain_hash');
  });

  it('are told everything, however long it is at once', async () => {
    const followed: number[] = [];
    const wake = localWake();
    const followers = new Followers(process.store, wake, { every: () => ({ cancel() {} }) }, silentLog);
    const stop = await followers.follow(ann.ctx, (row) => followed.push(row.stream_position));
    for (let n = 0; n < 40; n += 1) await say('x'.repeat(60_000));
    wake.hint({ kind: 'log', tenantId: ann.ctx.tenantId });
    await eventually(async () => followed.length === 40);
    stop();
  });
});
