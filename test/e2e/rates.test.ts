import { expect } from 'chai';
import { openAdmin } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { TENANT_LIMIT_DEFAULTS, type TenantLimits } from '../../src/kernel/tenant-limits.js';
import { bridgedCall, type MadeBridge } from '../support/bridged-call.js';
import { eventually, federatedPair, gateways, sharedRoom, twinOf, type Gateway } from '../support/gateway.js';
import { tokenOf } from '../support/http-caller.js';
import { Person } from '../support/people.js';
import { StreamClient } from '../support/stream-client.js';
import { ownRedis, type OwnProcess } from '../support/processes.js';
import { describeWithOwn, ranAgainst } from '../support/services.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';

const NEIGHBOUR = 'mock:second:nora';

interface Told {
  readonly status: number;
  readonly policy: string | null;
  readonly rate: string | null;
  readonly retryAfter: string | null;
}

async function me(node: Gateway, who: string): Promise<Told> {
  const { status, headers } = await fetch(`${node.url}/v1/me`, { headers: { authorization: `Bearer ${tokenOf(who)}` } });
  return { status, policy: headers.get('ratelimit-policy'), rate: headers.get('ratelimit'), retryAfter: headers.get('retry-after') };
}

function statuses(node: Gateway, who: string, calls: number): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: calls }, async () => (await me(node, who)).status));
}

describe('rates over HTTP', function () {
  this.timeout(60_000);
  let node: Gateway;
  let admin: Awaited<ReturnType<typeof openAdmin>>;

  before(async () => {
    [node] = (await gateways(['a.example'])) as [Gateway];
    admin = await openAdmin(loadConfig({ SCAIWAVE_DB_URL: node.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: node.name, SCAIWAVE_LOG_LEVEL: 'error' }));
    await admin.createTenant({ slug: 'second', name: 'Second', scaikeyTenantId: 'second', serverName: 'second.example', partnerId: undefined });
  });
  after(async () => {
    await admin.close();
    await node.end();
  });

  /** Limits of the first tenant, from when the node knows them. */
  async function limit(limits: Partial<TenantLimits>): Promise<void> {
    await node.database.asOwner("update tenants set limits = $1 where slug = 'first'", [JSON.stringify(limits)]);
    await new Promise((resolve) => setTimeout(resolve, LIMITS.tenantCacheMs + 100));
  }

  it('are told with every answer, refusals of any other kind included', async () => {
    const quota = TENANT_LIMIT_DEFAULTS.user_requests_per_minute;
    expect((await me(node, 'alice')).rate).to.match(new RegExp(`^"user";r=${quota - 1};t=\\d+$`));
    const { status, headers } = await fetch(`${node.url}/v1/rooms/nowhere`, { headers: { authorization: `Bearer ${tokenOf('alice')}` } });
    expect(status).to.be.within(400, 404);
    expect(headers.get('ratelimit-policy')).to.equal(`"user";q=${quota};w=60`);
    expect(headers.get('ratelimit')).to.match(new RegExp(`^"user";r=${quota - 2};t=\\d+$`));
    expect((await me(node, 'mock:')).rate, 'nobody in particular').to.equal(null);
  });

  it('refuse a person who is over theirs, on every way in, and nobody else', async () => {
    await limit({ user_requests_per_minute: 20 });
    expect((await statuses(node, 'bob', 30)).filter((status) => status === 200)).to.have.length(20);
    const { status, policy, rate, retryAfter } = await me(node, 'bob');
    expect(status).to.equal(429);
    expect(policy).to.equal('"user";q=20;w=60');
    expect(rate).to.equal(`"user";r=0;t=${retryAfter}`);
    expect(Number(retryAfter)).to.be.within(1, 65);
    expect((await node.call('bob', 'GET', '/v1/me')).body.error?.code).to.equal('SW_RATE_LIMIT_EXCEEDED');
    const stream = await StreamClient.open(node, tokenOf('bob'));
    expect(await stream.end()).to.deep.equal({ code: 1013, reason: 'try_again' });
    expect((await me(node, 'carol')).status).to.equal(200);
    await limit({});
    expect((await me(node, 'bob')).status, 'raised').to.equal(200);
  });

  it('let everybody in again by the command line, which sets none to nothing', async () => {
    for (const rate of ['user_requests_per_minute', 'tenant_requests_per_minute']) {
      await admin.setLimit('first', rate, 0).then(() => expect.fail(`${rate} was set to 0`), (error: unknown) => expect(error).to.have.property('code', 'SW_BAD_REQUEST'));
    }
    await admin.setLimit('first', 'user_requests_per_minute', 1);
    await eventually(async () => (await me(node, 'ivan')).status === 429);
    await admin.setLimit('first', 'user_requests_per_minute', null);
    await eventually(async () => (await me(node, 'ivan')).status === 200);
  });

  it('keep a bridge out that may call no more', async () => {
    const { id: room } = await node.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Bridged' });
    const bridge = await node.ask<MadeBridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: room, name: 'Other side' });
    expect(await bridgedCall(bridge, 'before', 'let in')).to.equal(200);
    await limit({ bridge_requests_per_minute: 0 });
    expect(await bridgedCall(bridge, 'during', 'kept out')).to.equal('SW_RATE_LIMIT_EXCEEDED');
    await limit({});
    expect(await bridgedCall(bridge, 'during', 'kept out')).to.equal(200);
  });

  it('keep the flood of one tenant away from another of the same node', async () => {
    await limit({ tenant_requests_per_minute: 100 });
    const flood = Promise.all(['dave', 'erin', 'frank', 'grace'].map((who) => statuses(node, who, 100)));
    const neighbour = await statuses(node, NEIGHBOUR, 50);
    const letThrough = (await flood).flat().filter((status) => status === 200).length;
    expect(letThrough).to.be.within(1, 100);
    expect((await me(node, 'heidi')).policy).to.equal('"tenant";q=100;w=60');
    expect(new Set(neighbour)).to.deep.equal(new Set([200]));
    expect((await me(node, NEIGHBOUR)).rate).to.match(new RegExp(`^"user";r=${TENANT_LIMIT_DEFAULTS.user_requests_per_minute - 51};`));
  });
});

describeWithOwn('redis', 'rates over two processes with one Redis', function () {
  this.timeout(60_000);
  let redis: OwnProcess;
  let both: readonly Gateway[];

  before(async () => {
    redis = await ownRedis();
    const options = { env: { SCAIWAVE_REDIS_URL: `redis://127.0.0.1:${redis.port}` } };
    const [node] = (await gateways(['a.example'], options)) as [Gateway];
    both = [node, await twinOf(node, [], options)];
    ranAgainst('rates over two processes', 'a redis-server of its own');
  });
  after(async () => {
    const [node, twin] = both;
    await twin?.stop();
    await node?.end();
    await redis.remove();
  });

  it('let a person through as often as one process would, and a share more for each that may be ahead', async () => {
    const [node] = both;
    await node?.database.asOwner("update tenants set limits = $1 where slug = 'first'", [JSON.stringify({ user_requests_per_minute: 40 })]);
    await new Promise((resolve) => setTimeout(resolve, LIMITS.tenantCacheMs + 100));
    const ahead = Math.ceil((40 * LIMITS.rateAheadPercent) / 100);
    const all: number[] = [];
    for (let n = 0; n < 100; n += 1) all.push((await me(both[n % 2] ?? expect.fail('a process'), 'bob')).status);
    expect(new Set(all)).to.deep.equal(new Set([200, 429]));
    expect(all.filter((status) => status === 200).length).to.be.within(40, 40 + both.length * ahead);
  });
});

describe('a flood in the name of a peer', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;

  before(async () => {
    [a, b] = await federatedPair();
  });
  after(() => Promise.all([a.end(), b.end()]));

  it('is refused after a while, behind a proxy too, and the peer notices nothing', async () => {
    const room = await sharedRoom(a, b);
    const forged = async (): Promise<number> => {
      const headers = { 'content-type': 'application/json', 'x-scaiwave-origin': b.name, 'x-scaiwave-destination': a.name, 'x-forwarded-for': '203.0.113.9' };
      return (await fetch(`${a.url}/_scaiwave/federation/v1/send`, { method: 'POST', headers, body: '{}' })).status;
    };
    const counts = new Map<number, number>();
    for (let n = 0; n < LIMITS.unprovenRequestsPerMinute + 100; n += 20) {
      for (const status of await Promise.all(Array.from({ length: 20 }, forged))) counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).to.deep.equal([401, 429]);
    expect(counts.get(401)).to.be.within(LIMITS.unprovenRequestsPerMinute, LIMITS.unprovenRequestsPerMinute + 20);
    const [home, away] = [await Person.of(a, 'admin'), await Person.of(b, 'bob')];
    await away.says(room.away, 'still here');
    await eventually(async () => (await home.hears(room.home)).includes('still here'));
  });
});
