import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { TenantId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { Wake } from '../../../src/kernel/ports.js';
import { systemClock } from '../../../src/kernel/system-ports.js';
import { Dispatcher } from '../../../src/lanes/dispatcher.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { asItIs, LaneWorld } from '../../support/lane-world.js';
import { newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { silentLog } from '../../support/silent-ports.js';
import { TestClock } from '../../support/test-clock.js';

describe('The dispatcher', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let parts: PeerProcess;

  before(async () => {
    database = await freshDatabase();
    parts = peerProcess({ database, clock: new TestClock(Date.now()), source: () => Promise.reject(new Error('nobody')) });
  });
  after(() => database.drop());

  function dispatcher(dispatched: TenantId[] = []): Dispatcher {
    const wake: Pick<Wake, 'hint'> = { hint: (hint) => void (hint.kind === 'due' && dispatched.push(hint.tenantId)) };
    return new Dispatcher({ store: parts.store, wake, log: silentLog });
  }

  it('comes to every tenant in turn, however many are dirty again at once', async () => {
    await newTenant(parts, `t-${randomUUID().slice(0, 8)}.example`);
    await database.asOwner(
      `insert into tenants (tenant_id, slug, name, scaikey_tenant_id, server_name, created_at)
       select gen_random_uuid(), 'busy-' || n, 'Busy', 'busy-' || n, 'busy-' || n || '.example', 1 from generate_series(1, $1::int) n`,
      [LIMITS.dispatchTenantsMax + 40],
    );
    await database.asOwner('insert into tenant_heads (tenant_id) select tenant_id from tenants on conflict do nothing');
    const dispatched: TenantId[] = [];
    const one = dispatcher(dispatched);
    for (let round = 0; round < 4; round += 1) {
      await database.asOwner('update tenant_heads set dirty = true');
      expect(await one.dispatch()).to.equal(LIMITS.dispatchTenantsMax);
    }
    const times = new Map<TenantId, number>();
    for (const tenant of dispatched) times.set(tenant, (times.get(tenant) ?? 0) + 1);
    expect(times.size).to.equal(LIMITS.dispatchTenantsMax + 41);
    expect([...new Set(times.values())].sort()).to.deep.equal([2, 3]);

    await database.asOwner('update tenant_heads set dirty = false');
    expect(await one.dispatch()).to.equal(0);
    await database.asOwner('update tenant_heads set dirty = true where tenant_id = (select min(tenant_id::text)::uuid from tenant_heads)');
    expect(await one.dispatch()).to.equal(1);
  });

  it('covers a long backlog a stretch at a time, and keeps the mark until all of it is covered', async () => {
    await database.asOwner('update tenant_heads set dirty = false');
    const ctx = await asItIs(parts.store, await newTenant(parts, `t-${randomUUID().slice(0, 8)}.example`));
    const world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), systemClock);
    const [early, late] = [await world.room(), await world.room()];
    await world.lane(early, 'peer:early.example', 'peer', 'log');
    await world.lane(late, 'peer:late.example', 'peer', 'log');
    await world.say(early, ['before']);
    await database.asOwner('update tenant_heads set stream_position = $2 where tenant_id = $1', [ctx.tenantId, LIMITS.dispatchEntriesMax + 10]);
    await world.say(late, ['after']);
    const standing = async (): Promise<object> => ({
      head: (await database.asOwner('select dispatched::int, dirty from tenant_heads where tenant_id = $1', [ctx.tenantId]))[0],
      due: (await database.asOwner<{ consumer_id: string }>('select consumer_id from consumers where tenant_id = $1 and due_at is not null order by 1', [ctx.tenantId])).map((row) => row.consumer_id),
    });
    expect(await dispatcher().dispatch()).to.equal(1);
    expect(await standing()).to.deep.equal({ head: { dispatched: LIMITS.dispatchEntriesMax, dirty: true }, due: ['peer:early.example'] });
    expect(await dispatcher().dispatch()).to.equal(1);
    expect(await standing()).to.deep.equal({ head: { dispatched: LIMITS.dispatchEntriesMax + 11, dirty: false }, due: ['peer:early.example', 'peer:late.example'] });
    expect(await dispatcher().dispatch()).to.equal(0);
  });
});
