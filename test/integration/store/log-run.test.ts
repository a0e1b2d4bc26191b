import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemRandomness } from '../../../src/kernel/system-ports.js';
import { LogRepository } from '../../../src/store/repositories/log.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { LaneWorld, asItIs } from '../../support/lane-world.js';
import { newTenant, peerProcess } from '../../support/peer-world.js';
import { TestClock } from '../../support/test-clock.js';

describe('A run read from a log', function () {
  this.timeout(20_000);
  let database: TestDatabase;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  it('takes no look at what lies before it, however long the room', async () => {
    const clock = new TestClock(Date.now());
    const parts = peerProcess({ database, clock, source: () => Promise.reject(new Error('nobody is asked')) });
    const ctx = await asItIs(parts.store, await newTenant(parts, `a-${randomUUID().slice(0, 8)}.example`));
    const world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), clock);
    const room = await world.room();
    for (let n = 0; n < 5; n += 1) await world.say(room, Array.from({ length: 200 }, () => 'short'));
    const looked = await database.database.read(ctx, async (tx) => {
      const rowsRead = async (): Promise<number> => {
        const text = "select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as n from pg_stat_xact_user_tables where relname = 'entries'";
        return (await tx.prepared<{ n: number }>('rows_read', text, []))[0]?.n ?? 0;
      };
      const before = await rowsRead();
      expect(await new LogRepository(tx).run(ctx, room.roomId, 900, 100)).to.have.length(100);
      return (await rowsRead()) - before;
    });
    expect(looked).to.be.within(100, 2_000);
  });

  it('holds no more than a batch may carry, however many entries are asked for, and never nothing', async () => {
    const clock = new TestClock(Date.now());
    const parts = peerProcess({ database, clock, source: () => Promise.reject(new Error('nobody is asked')) });
    const ctx = await asItIs(parts.store, await newTenant(parts, `a-${randomUUID().slice(0, 8)}.example`));
    const world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), clock);
    const room = await world.room();
    const long = systemRandomness.bytes(24_000).toString('hex');
    for (let n = 0; n < 4; n += 1) await world.say(room, Array.from({ length: 10 }, () => long));
    const read = (after: number, limit: number) => parts.store.read(ctx, ({ log }) => log.run(ctx, room.roomId, after, limit));

    const rows = await read(0, LIMITS.backfillMax);
    const bytes = rows.map(({ jws }) => jws?.length ?? 0);
    expect(rows.map(({ seq }) => seq)).to.deep.equal(rows.map((_, index) => index + 1));
    expect(rows.length).to.be.lessThan(40);
    expect(bytes.slice(0, -1).reduce((sum, one) => sum + one, 0)).to.be.lessThan(LIMITS.batchBytesMax);
    expect((await read(rows.length, LIMITS.backfillMax)).map(({ seq }) => seq)[0]).to.equal(rows.length + 1);
    expect((await read(39, 1)).map(({ seq }) => seq)).to.deep.equal([40]);
  });
});
