import { expect } from 'chai';
import { actingRoutes } from '../../src/http/routes/acting.js';
import { routeTable } from '../../src/http/routes/table.js';
import { bridgedCall, makeBridge } from '../support/bridged-call.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../support/gateway.js';
import { Person } from '../support/people.js';
import { ownRedis, type OwnProcess } from '../support/processes.js';
import { recordingApis } from '../support/recording-apis.js';
import { KEY, keysOf, NAMESPACES, RedisWatch, strays } from '../support/redis-watch.js';
import { pathOf } from '../support/route-walk.js';
import { TestScaigrid } from '../support/scaigrid.js';
import { describeWithOwn } from '../support/services.js';
import { putRaw, seen } from '../support/uploads.js';
import { WatchedRun } from '../support/watched-run.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

describeWithOwn('redis', 'what two nodes keep in Redis', function () {
  this.timeout(60_000);
  const scaigrid = new TestScaigrid();
  let redis: OwnProcess;
  let watch: RedisWatch;
  let receiver: WebhookReceiver;
  let a: Gateway;
  let b: Gateway;
  const commands: (readonly string[])[] = [];
  const run = new WatchedRun();

  before(async () => {
    redis = await ownRedis();
    watch = await RedisWatch.on(`redis://127.0.0.1:${redis.port}`, (command, source) => {
      commands.push(command);
      run.hear(command, source);
    });
    receiver = new WebhookReceiver();
    await Promise.all([receiver.start(), scaigrid.start()]);
    scaigrid.keys.set('sgk_of-the-first-tenant-4711', { tenantId: 'tnt_first' });
    scaigrid.models = [{ slug: 'plain', display_name: 'Plain' }];
    [a, b] = await federatedPair({ env: { SCAIWAVE_REDIS_URL: `redis://127.0.0.1:${redis.port}`, SCAIWAVE_EGRESS_ALLOW: '127.0.0.1', SCAIWAVE_SCAIGRID_URL: scaigrid.url } });
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
    await Promise.all([receiver.stop(), scaigrid.stop()]);
    watch.close();
    await redis.remove();
  });

  /** Every tenant of both nodes. */
  async function tenants(): Promise<readonly string[]> {
    const rows = await Promise.all([a, b].map(({ database }) => database.asOwner<{ tenant_id: string }>('select tenant_id from tenants')));
    return rows.flat().map(({ tenant_id: id }) => id);
  }

  /** All that was asked of Redis until now, and every word of it about a tenant that there is. */
  async function allOfTenants(): Promise<void> {
    await watch.caughtUp();
    expect(strays(commands)).to.deep.equal([]);
    const known = await tenants();
    expect(commands.flatMap(keysOf).filter((key) => !known.includes(KEY.exec(key)?.[1] ?? ''))).to.deep.equal([]);
  }

  it('has a key for one tenant each, whatever they do', async () => {
    const room = await sharedRoom(a, b);
    const [admin, bob] = [await Person.of(a, 'admin'), await Person.of(b, 'bob')];
    const bridge = await makeBridge(a, room.home, receiver.url);
    await eventually(async () => (await bridgedCall(bridge, 'm-1', 'from the other side')) === 200);
    await admin.do('PUT', '/v1/presence', { presence: 'online' });
    await bob.do('PUT', '/v1/presence', { presence: 'appear_offline' });
    await bob.do('GET', `/v1/presence?ids=${bob.id},${admin.id}`);
    await admin.do('PUT', '/v1/typing', { room_id: room.home, typing: true });
    await bob.says(room.away, 'and back');
    await eventually(async () => (await admin.hears(room.home)).includes('and back') && receiver.bodies.includes('and back'));
    await allOfTenants();
  });

  it('is of a tenant too when it is of files, tasks, plans, models and news', async () => {
    const admin = await Person.of(a, 'admin');
    const { id: room } = await admin.room();
    const file = seen(await putRaw(a, 'admin', Buffer.from('a file')));
    const { url } = await admin.do<{ url: string }>('GET', `/v1/media/signed/${file.media_id}`);
    expect((await fetch(a.url + new URL(url).pathname)).status).to.equal(200);
    const { task_id: task } = await admin.do<{ task_id: string }>('POST', `/v1/rooms/${room}/sidekicks`, { task: 'Find out' });
    await eventually(async () => commands.flatMap(keysOf).some((key) => key.includes(task)));
    await fetch(`${a.url}/v1/sidekicks/${task}/report`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer made-up' }, body: '{"status":"running"}' });
    await admin.do('POST', `/v1/rooms/${room}/sidekicks/${task}/cancel`);
    await admin.do('PUT', `/v1/rooms/${room}/plan`, { goal: 'mine', steps: [{ text: 'one' }] });
    await admin.do('PUT', '/v1/admin/ai-config', { scaigrid_api_key: 'sgk_of-the-first-tenant-4711' });
    await admin.do('GET', '/v1/admin/models/catalog');
    await admin.do('GET', '/v1/sync?timeout=0');
    await admin.do('GET', '/v1/admin/stats');
    await allOfTenants();
  });

  it('is of a tenant on every route, for whoever calls, of a second tenant and of none', async () => {
    await a.ask('mock:first:root:super_admin', 'POST', '/v1/admin/partners', { partner_id: 'prt_one', name: 'One' });
    await a.ask('mock:first:root:super_admin', 'POST', '/v1/admin/tenants', { partner_id: 'prt_one', slug: 'second', name: 'Second', scaikey_tenant_id: 'tnt_second', server_name: 'second.example' });
    const callers = ['mock:first:walker:super_admin', 'mock:second:walker:tenant_admin', 'mock:nowhere:nobody', 'no token at all'];
    const routes = routeTable(recordingApis([]));
    for (const route of [...routes, ...actingRoutes(routes)]) {
      if (route.responseKind === 'stream') continue;
      const query = route.path.endsWith('/sync') ? '?timeout=0' : '';
      await Promise.all(callers.map(async (token) => {
        const response = await fetch(`${a.url}${pathOf(route, { partner_id: 'prt_one' })}${query}`, { method: route.method, headers: { authorization: `Bearer ${token}` } });
        await response.arrayBuffer();
      }));
    }
    await allOfTenants();
    const second = (await a.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where slug = 'second'"))[0]?.tenant_id ?? '';
    expect(commands.flatMap(keysOf).some((key) => key.startsWith(`sw:${second}:rate:`))).to.equal(true);
  });

  it('was of every kind that there is', () => {
    expect([...new Set(commands.flatMap(keysOf).map((key) => KEY.exec(key)?.[2]))].sort()).to.deep.equal(NAMESPACES);
  });

  it('was all heard as a run of the suites on a lent server hears it', () => {
    expect(run.verdict().tally).to.deep.equal({ passed: 1, failed: 0, pending: 0, failures: [] });
    const told = Number(/\d+/.exec(run.verdict().line));
    expect(told).to.be.greaterThan(100).and.at.most(commands.flatMap(keysOf).length);
  });

  it('is seen to be wrong when a key has no tenant', () => {
    expect(strays([['set', 'presence:bob', 'online'], ['eval', 'script', '1', 'sw:nobody:rate:x', '1'], ['flushall'], ['mget', `sw:${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}:presence:x`]])).to.deep.equal([
      'presence:bob', 'sw:nobody:rate:x', 'unknown command flushall',
    ]);
  });
});
