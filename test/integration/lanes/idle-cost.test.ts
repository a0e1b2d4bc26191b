import { expect } from 'chai';
import pg from 'pg';
import { systemContext, type TenantContext } from '../../../src/kernel/tenant-context.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { sql } from '../../../src/store/queries.js';
import { LogRepository } from '../../../src/store/repositories/log.repository.js';
import { SpanningRepository } from '../../../src/store/repositories/spanning.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { asItIs, LaneWorld, type LaneRoom } from '../../support/lane-world.js';
import { newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { TestClock } from '../../support/test-clock.js';

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: Record<string, number> }[];
}

describe('What consumers cost', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let parts: PeerProcess;
  let ctx: TenantContext;

  before(async () => {
    database = await freshDatabase();
    parts = peerProcess({ database, clock: new TestClock(Date.now()), source: () => Promise.reject(new Error('nobody')) });
    ctx = await asItIs(parts.store, await newTenant(parts, 'idle.example'));
  });
  after(() => database.drop());

  /** Buffers that a statement of the repository touches when the service asks: with its login, under the policies. */
  async function buffersOf(call: (repository: SpanningRepository) => Promise<unknown>): Promise<number> {
    let buffers = -1;
    const client = new pg.Client({ connectionString: database.appUrl });
    await client.connect();
    const repository = new SpanningRepository({
      rows: () => Promise.reject(new Error('not this one')),
      drifted: () => undefined,
      prepared: async (_name, text, values) => {
        await client.query(`begin read only; set local role ${database.roles.system}`);
        const { rows } = await client.query<Plan>(`explain (analyze, buffers, format json) ${text}`, [...values]);
        await client.query('commit');
        const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
        buffers = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
        return [];
      },
    });
    try {
      await call(repository);
    } finally {
      await client.end();
    }
    return buffers;
  }

  it('is under 50 buffers for a poll over 300,000 idle ones', async () => {
    // Every second one rests after a failure, and is in the index of those that are due some time.
    await database.asOwner(
      `insert into consumers (tenant_id, consumer_id, kind, due_at)
       select $1, 'peer:p' || n || '.example', 'peer', case when n % 2 = 0 then now() + interval '1 hour' end from generate_series(1, 300000) n`,
      [ctx.tenantId],
    );
    await database.asOwner('analyze consumers');
    const [due, dirty] = [systemContext('find-due'), systemContext('find-dirty')];
    const parts = [
      await buffersOf((all) => all.dueConsumers(due, ['peer', 'bridge', 'stream', 'duty'], LIMITS.consumersPerPoll)),
      await buffersOf((all) => all.dirtyTenants(dirty, null, LIMITS.dispatchTenantsMax)),
    ];
    for (const part of parts) expect(part).to.be.above(0);
    expect(parts.reduce((sum, part) => sum + part)).to.be.below(50);
  });

  it('is nothing at an append: with 1 or 1,000 peers in the room it writes the same rows', async () => {
    const world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), new TestClock(Date.now()));
    const [few, many] = [await world.room(), await world.room()];
    const addPeers = (room: LaneRoom, count: number): Promise<unknown> =>
      database.asOwner(
        `insert into lanes (tenant_id, room_id, consumer_id, mode, cursor) select $1, $2, 'peer:p' || n || '.example', 'log', 0 from generate_series(1, $3::int) n`,
        [ctx.tenantId, room.roomId, count],
      );
    await addPeers(few, 1);
    await addPeers(many, 1_000);
    // Counted by the server for this connection, since some time before: what the append adds is the difference.
    const counters = "select relname || ' ' || what as name, n::int from pg_stat_xact_user_tables, lateral (values ('inserted', n_tup_ins), ('updated', n_tup_upd), ('deleted', n_tup_del)) as w (what, n)";
    const writes = async (room: LaneRoom): Promise<readonly string[]> =>
      database.database.transact(ctx, async (tx) => {
        const before = new Map((await tx.rows<{ name: string; n: number }>(sql(counters))).map(({ name, n }) => [name, n]));
        await new LogRepository(tx).append(ctx, [world.item(room, 'swp.room.message', { body: 'x' })], Date.now(), 1);
        const after = await tx.rows<{ name: string; n: number }>(sql(counters));
        return after.map(({ name, n }) => `${name} ${n - (before.get(name) ?? 0)}`).filter((line) => !line.endsWith(' 0')).sort();
      });
    const expected = ['entries inserted 1', 'rooms updated 1', 'tenant_heads updated 1'];
    expect(await writes(few)).to.deep.equal(expected);
    expect(await writes(many)).to.deep.equal(expected);
  });
});
