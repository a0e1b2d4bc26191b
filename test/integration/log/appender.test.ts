import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { Appender } from '../../../src/flows/appender.js';
import type { Caller } from '../../../src/kernel/caller.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseRoomId, type RoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { localWake, systemClock } from '../../../src/kernel/system-ports.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import type { AppendItem } from '../../../src/store/repositories/log-items.js';
import { DataError } from '../../../src/store/sql-error.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { LaneWorld } from '../../support/lane-world.js';
import { testKey } from '../../support/fixtures.js';
import { silentLog } from '../../support/silent-ports.js';

describe('the appender', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let process: FlowsProcess;
  let founder: Caller;
  let ctx: TenantContext;
  let room: RoomId;
  let calls: number[];
  let appender: Appender;

  before(async () => {
    database = await freshDatabase();
    process = await FlowsProcess.open(database);
    founder = await process.caller('founder');
    ctx = await process.tenant();
  });
  after(async () => {
    await process.close();
    await database.drop();
  });
  beforeEach(async () => {
    room = parseRoomId(await process.group(founder));
    calls = [];
    const store: Pick<typeof process.store, 'append'> = {
      append: (...args) => {
        calls.push(args[1].length);
        return process.store.append(...args);
      },
    };
    appender = new Appender(store, systemClock, localWake(), silentLog);
  });

  const items = async (bodies: readonly string[]): Promise<AppendItem[]> => {
    const world = new LaneWorld(process.store, ctx, testKey('home'), systemClock);
    const epoch = await process.store.read(ctx, ({ rooms }) => rooms.epoch(ctx, room));
    return bodies.map((body) => ({ ...world.item({ roomId: room, home: ctx.serverName }, 'swp.room.message', { body }), epoch: epoch ?? 0 }));
  };

  it('writes what waits together in one call', async () => {
    const outcomes = await Promise.all((await items(Array.from({ length: 150 }, (_, index) => `${index}`))).map((item) => appender.append(ctx, item)));
    expect(outcomes.map(({ outcome }) => outcome)).to.deep.equal(outcomes.map(() => 'appended'));
    expect(calls).to.have.length.lessThan(4);
  });

  it('refuses one item of bad data and writes the others', async () => {
    const bodies = Array.from({ length: 16 }, (_, index) => (index === 11 ? 'NUL \u0000 cannot be stored' : `good ${index}`));
    const outcomes = await Promise.allSettled((await items(bodies)).map((item) => appender.append(ctx, item)));
    const failed = outcomes.flatMap((one, index) => (one.status === 'rejected' ? [{ index, error: one.reason as unknown }] : []));
    expect(failed.map(({ index }) => index)).to.deep.equal([11]);
    expect(failed[0]?.error).to.be.instanceOf(DataError);
    expect(String(failed[0]?.error)).not.to.include('cannot be stored');
    expect(await database.asOwner("select 1 from entries where room_id = $1 and content ->> 'body' like 'good%'", [room])).to.have.length(15);
    expect(calls).to.have.length.lessThan(1 + 2 * 5);
  });

  it('answers a repeat in the same batch with the first place, and another content under the same id with a conflict', async () => {
    const [first, other] = await items(['first', 'other']);
    if (first === undefined || other === undefined) throw new Error('two items');
    const [one, again, conflict] = await Promise.all([appender.append(ctx, first), appender.append(ctx, first), appender.append(ctx, { ...other, eventId: first.eventId })]);
    expect([one.outcome, again.outcome, conflict.outcome]).to.deep.equal(['appended', 'duplicate', 'conflict']);
    expect('seq' in again && 'seq' in one ? again.seq === one.seq : undefined).to.equal(true);
  });

  it('answers stale for another epoch of the room or of the tenant, and writes nothing', async () => {
    const [item] = await items(['late']);
    if (item === undefined) throw new Error('an item');
    expect((await appender.append(ctx, { ...item, epoch: item.epoch - 1 })).outcome).to.equal('stale');
    expect((await appender.append(Object.freeze({ ...ctx, epoch: ctx.epoch - 1 }), item)).outcome).to.equal('stale');
    expect((await appender.append(ctx, { ...item, roomId: parseRoomId(`room-${randomUUID()}`) })).outcome).to.equal('stale');
    expect(await database.asOwner("select 1 from entries where content ->> 'body' = 'late'")).to.deep.equal([]);
  });

  it('places what is handed over together in one call, in its order, though others wait before it', async () => {
    const alone = (await items(Array.from({ length: LIMITS.appendItemsMax - 50 }, (_, index) => `alone ${index}`))).map((item) => appender.append(ctx, item));
    const together = await items(Array.from({ length: 100 }, (_, index) => `together ${index}`));
    const outcomes = await appender.appendTogether(ctx, together);
    await Promise.all(alone);
    const places = outcomes.map((one) => ('seq' in one ? (one.seq ?? 0) : 0));
    expect(places).to.deep.equal(places.map((_, index) => (places[0] ?? 0) + index));
    expect(calls).to.include(100);
  });

  it('writes nothing of what is handed over together when one item of it is stale', async () => {
    const together = await items(['one', 'two', 'three']);
    const outcomes = await appender.appendTogether(ctx, together.map((item) => ({ ...item, epoch: item.epoch - 1 })));
    expect(outcomes.map(({ outcome }) => outcome)).to.deep.equal(['stale', 'stale', 'stale']);
    expect(await database.asOwner("select 1 from entries where room_id = $1 and event_type = 'swp.room.message'", [room])).to.deep.equal([]);
  });

  it('takes no more than its bound, and says when to come again', async () => {
    const holder = new pg.Client({ connectionString: database.ownerUrl });
    await holder.connect();
    await holder.query('begin');
    await holder.query('select 1 from tenant_heads for update');
    const many = LIMITS.appendQueueMax + LIMITS.appendItemsMax + 100;
    const outcomes = (await items(Array.from({ length: many }, (_, index) => `${index}`))).map(async (item) => appender.append(ctx, item).then(() => 'ok', (error: unknown) => error));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await holder.query('rollback');
    await holder.end();
    const refused = (await Promise.all(outcomes)).filter((one): one is GatewayError => one instanceof GatewayError && one.code === 'SW_OVERLOADED');
    expect(many - refused.length).to.be.within(LIMITS.appendQueueMax, LIMITS.appendQueueMax + LIMITS.appendItemsMax);
    expect(new Set(refused.map((error) => error.retryAfterSeconds))).to.deep.equal(new Set([1]));
    expect(await database.asOwner("select 1 from entries where room_id = $1 and event_type = 'swp.room.message'", [room])).to.have.length(many - refused.length);
  });
});
