import { expect } from 'chai';
import { Redis } from 'ioredis';
import type { Log } from '../../../src/kernel/ports.js';
import { RATE_PACE, type RatedCaller, type RatePace } from '../../../src/kernel/rates.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { TENANT_LIMIT_DEFAULTS } from '../../../src/kernel/tenant-limits.js';
import { LocalCache } from '../../../src/store/cache/local-cache.js';
import { RateLimits } from '../../../src/store/cache/rate-limits.js';
import { RedisCache } from '../../../src/store/cache/redis-cache.js';
import { RedisCounts } from '../../../src/store/cache/redis-counts.js';
import { eventually } from '../../support/gateway.js';
import { CountingMeter } from '../../support/peer-world.js';
import { ownRedis, type OwnProcess } from '../../support/processes.js';
import { ADA, BEN, BRIDGE, letThrough, PEER, ratedTenant, spent } from '../../support/rated.js';
import { describeWith, describeWithOwn, namedService, ranAgainst } from '../../support/services.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';

/** A minute that a test can wait for. A loaded machine may answer late, so calls wait for longer than a node would let them. */
const QUICK: RatePace = { windowMs: 1_000, slotMs: 100, tellMs: 20, waitMs: 5_000, aloneMs: 200 };

const PACES: Readonly<Record<string, RatePace>> = { long: { ...RATE_PACE, waitMs: 5_000 }, quick: QUICK };

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Calls without a pause for so long; when those let through were. */
async function flood(everybody: readonly RateLimits[], ctx: TenantContext, caller: RatedCaller, forMs: number): Promise<readonly number[]> {
  const letThroughAt: number[] = [];
  const untilMs = performance.now() + forMs;
  await Promise.all(everybody.map(async (rates) => {
    while (performance.now() < untilMs) {
      await Promise.all(Array.from({ length: 5 }, () => rates.spend(ctx, caller, () => letThroughAt.push(performance.now())).catch(() => letThroughAt.pop())));
      await sleep(2);
    }
  }));
  return letThroughAt;
}

/** The most in any window, wherever it begins. */
function mostInAWindow(times: readonly number[], windowMs: number): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
}

/** What rates must be, whether there is one process or many. */
function behavesAsRates(open: (pace: RatePace) => RateLimits): void {
  let rates: RateLimits;
  beforeEach(() => {
    rates = open(PACES['long'] ?? RATE_PACE);
  });

  it('let through exactly as many as allowed, also when all come at once', async () => {
    const ctx = ratedTenant({ user_requests_per_minute: 40 });
    expect(await letThrough(rates, ctx, ADA, 100)).to.equal(40);
    expect(await letThrough(rates, ctx, ADA, 100)).to.equal(0);
  });

  it('tell how much is left, then refuse with a time to wait that fits in the window', async () => {
    const ctx = ratedTenant({ user_requests_per_minute: 3 });
    const told = [await spent(rates, ctx, ADA), await spent(rates, ctx, ADA), await spent(rates, ctx, ADA)];
    expect(told.map(({ standing }) => standing?.left)).to.deep.equal([2, 1, 0]);
    expect(told[0]?.standing).to.include({ scope: 'user', limit: 3 });
    const { refusal, standing } = await spent(rates, ctx, ADA);
    expect(refusal).to.have.property('code', 'SW_RATE_LIMIT_EXCEEDED');
    expect(refusal?.retryAfterSeconds).to.be.within(60, 65);
    expect(standing).to.deep.include({ scope: 'user', limit: 3, left: 0, resetSeconds: refusal?.retryAfterSeconds });
  });

  it('count each person, peer and bridge by themselves, and each tenant', async () => {
    const limits = { user_requests_per_minute: 2, peer_requests_per_minute: 3, bridge_requests_per_minute: 4 };
    const [one, other] = [ratedTenant(limits), ratedTenant(limits)];
    for (const ctx of [one, other]) {
      expect(await letThrough(rates, ctx, ADA, 9)).to.equal(2);
      expect(await letThrough(rates, ctx, BEN, 9)).to.equal(2);
      expect(await letThrough(rates, ctx, PEER, 9)).to.equal(3);
      expect(await letThrough(rates, ctx, BRIDGE, 9)).to.equal(4);
    }
  });

  it('count the people of a tenant together, and all others together, so that neither can use up both', async () => {
    const ctx = ratedTenant({ tenant_requests_per_minute: 10, user_requests_per_minute: 8 });
    expect(await letThrough(rates, ctx, PEER, 12)).to.equal(10);
    expect(await letThrough(rates, ctx, BRIDGE, 1)).to.equal(0);
    expect(await letThrough(rates, ctx, ADA, 12)).to.equal(8);
    expect(await letThrough(rates, ctx, BEN, 12)).to.equal(2);
    expect((await spent(rates, ctx, BEN)).standing).to.deep.include({ scope: 'tenant', limit: 10, left: 0 });
  });

  it('count no refused call, in no window', async () => {
    const ctx = ratedTenant({ tenant_requests_per_minute: 10, user_requests_per_minute: 4 });
    expect(await letThrough(rates, ctx, ADA, 50)).to.equal(4);
    expect(await letThrough(rates, ctx, BEN, 4)).to.equal(4);
  });

  it('follow a limit that was raised or lowered, at once', async () => {
    const few = ratedTenant({ user_requests_per_minute: 5 });
    const now = (limit: number): TenantContext => ({ ...few, limits: { ...few.limits, user_requests_per_minute: limit } });
    expect(await letThrough(rates, few, ADA, 9)).to.equal(5);
    expect(await letThrough(rates, now(8), ADA, 9)).to.equal(3);
    expect(await letThrough(rates, now(2), ADA, 9)).to.equal(0);
  });

  it('have room again after the time they named', async () => {
    const quick = open(QUICK);
    const ctx = ratedTenant({ user_requests_per_minute: 5 });
    expect(await letThrough(quick, ctx, ADA, 9)).to.equal(5);
    await sleep(((await spent(quick, ctx, ADA)).refusal?.retryAfterSeconds ?? 0) * 1_000 + 50);
    expect(await letThrough(quick, ctx, ADA, 9)).to.equal(5);
  });

  it('let through no more in any window, wherever it begins', async () => {
    const quick = open(QUICK);
    const ctx = ratedTenant({ user_requests_per_minute: 20 });
    const times = await flood([quick], ctx, ADA, 3_500);
    expect(times.length).to.be.greaterThan(40);
    expect(mostInAWindow(times, QUICK.windowMs)).to.be.at.most(20);
  });

  it('are not used up for one tenant by the flood of another', async () => {
    const [flooded, calm] = [ratedTenant({ user_requests_per_minute: 10 }), ratedTenant({})];
    const everybody = Array.from({ length: 2_000 }, (_, n): RatedCaller => ({ scope: 'user', id: `p${n}` }));
    const flooding = Promise.all(everybody.map((caller) => letThrough(rates, flooded, caller, 12)));
    expect(await letThrough(rates, calm, ADA, 100)).to.equal(100);
    expect((await spent(rates, calm, ADA)).standing?.left).to.equal(TENANT_LIMIT_DEFAULTS.user_requests_per_minute - 101);
    expect(new Set(await flooding)).to.deep.equal(new Set([10]));
  });
}

describe('rates of a node that is one process', () => {
  behavesAsRates((pace) => new RateLimits({ clock: systemClock, timers: systemTimers, meter: silentMeter, log: silentLog }, pace));

  it('count the refusals by whose rate it was, and say in the log once who it is', async () => {
    const meter = new CountingMeter();
    const lines: object[] = [];
    const log: Log = { ...silentLog, info: (fields) => void lines.push(fields) };
    const rates = new RateLimits({ clock: systemClock, timers: systemTimers, meter, log });
    const ctx = ratedTenant({ user_requests_per_minute: 1, tenant_requests_per_minute: 2 });
    await letThrough(rates, ctx, ADA, 4);
    await letThrough(rates, ctx, PEER, 3);
    expect(meter.of('rate_limited_total user')).to.equal(3);
    expect(meter.of('rate_limited_total tenant')).to.equal(1);
    expect(lines).to.deep.equal([
      { tenantId: ctx.tenantId, scope: 'user', name: 'user ada' },
      { tenantId: ctx.tenantId, scope: 'tenant', name: 'peer peer.example' },
    ]);
  });
});

const NAMED_REDIS = namedService('redis');

describeWith('redis', 'rates of a node of several processes', () => {
  const opened: RedisCache[] = [];
  const meter = new CountingMeter();
  let own: OwnProcess | undefined;
  let url = NAMED_REDIS ?? '';

  async function connection(at: string): Promise<RedisCache> {
    const cache = new RedisCache(at, new LocalCache(systemClock), meter, silentLog);
    opened.push(cache);
    await cache.opened();
    return cache;
  }

  const process = (cache: RedisCache, pace: RatePace): RateLimits =>
    new RateLimits({ shared: new RedisCounts(cache, pace), clock: systemClock, timers: systemTimers, meter: silentMeter, log: silentLog }, pace);

  let one: RedisCache;
  let two: RedisCache;

  before(async () => {
    if (url === '') {
      own = await ownRedis();
      url = `redis://127.0.0.1:${own.port}`;
    }
    [one, two] = [await connection(url), await connection(url)];
    ranAgainst('rates', NAMED_REDIS === undefined ? 'a redis-server of its own' : 'the Redis named by SCAIWAVE_TEST_REDIS_URL');
  });

  after(async () => {
    await Promise.all(opened.map((cache) => cache.close()));
    await own?.remove();
  });

  behavesAsRates((pace) => process(one, pace));

  /** Again, where Redis was late meanwhile: then each process is on its own, which is another promise. */
  async function undisturbed<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      const late = meter.of('cache_unavailable_total');
      const result = await act();
      if (meter.of('cache_unavailable_total') === late) return result;
    }
  }

  it('are the same for all of them, but for a twentieth each', async () => {
    const { ctx, processes, taken } = await undisturbed(async () => {
      const fresh = ratedTenant({ user_requests_per_minute: 100 });
      const both = [process(one, { ...RATE_PACE, waitMs: 5_000 }), process(two, { ...RATE_PACE, waitMs: 5_000 })];
      return { ctx: fresh, processes: both, taken: await Promise.all(both.map((each) => letThrough(each, fresh, ADA, 200))) };
    });
    expect(taken.reduce((sum, count) => sum + count, 0)).to.be.within(100, 110);
    await eventually(async () => (await Promise.all(processes.map((each) => letThrough(each, ctx, ADA, 1)))).every((count) => count === 0));
  });

  it('are heard of without being asked for', async () => {
    const ctx = ratedTenant({ user_requests_per_minute: 100 });
    const [here, there] = [process(one, RATE_PACE), process(two, RATE_PACE)];
    await letThrough(there, ctx, ADA, 1);
    expect(await letThrough(here, ctx, ADA, 90)).to.equal(90);
    await eventually(async () => ((await spent(there, ctx, ADA)).standing?.left ?? 100) < 9);
  });

  it('stay within that in any window, however long the flood lasts', async () => {
    const ctx = ratedTenant({ user_requests_per_minute: 40 });
    const times = await flood([process(one, QUICK), process(two, QUICK)], ctx, ADA, 3_500);
    expect(times.length).to.be.greaterThan(80);
    expect(mostInAWindow(times, QUICK.windowMs)).to.be.at.most(40 + 2 * 2);
  });

  it('leave no key without an end, and none without a tenant', async () => {
    const ctx = ratedTenant({});
    await letThrough(process(one, RATE_PACE), ctx, ADA, 50);
    const redis = new Redis(url);
    const keys = await eventually(async () => {
      const found = await redis.keys(`sw:${ctx.tenantId}:*`);
      return found.length === 2 && found;
    });
    for (const key of keys) {
      expect(key).to.match(/^sw:[0-9a-f-]{36}:rate:(?:people|user [\w-]{43})$/);
      expect(await redis.pttl(key)).to.be.within(1, 65_000);
    }
    redis.disconnect();
  });

  it('drop what is from before the clock of Redis was set back', async () => {
    const ctx = ratedTenant({});
    const redis = new Redis(url);
    await redis.hset(`sw:${ctx.tenantId}:rate:x`, String(Math.floor(Date.now() / 5_000) + 500), '1000');
    const heard = await new RedisCounts(one).add(ctx, new Map([['x', 2]]));
    expect(heard?.get('x')?.map(({ count }) => count)).to.deep.equal([2]);
    redis.disconnect();
  });

  describeWithOwn('redis', 'when Redis goes away', () => {
    let mine: OwnProcess;
    let caches: readonly [RedisCache, RedisCache];

    beforeEach(async () => {
      mine = await ownRedis();
      const at = `redis://127.0.0.1:${mine.port}`;
      caches = [await connection(at), await connection(at)];
    });
    afterEach(() => mine.remove());

    it('are kept by each process for itself, and no call fails or waits', async () => {
      const ctx = ratedTenant({ user_requests_per_minute: 50 });
      const [here, there] = [process(caches[0], RATE_PACE), process(caches[1], RATE_PACE)];
      expect(await letThrough(here, ctx, ADA, 10)).to.equal(10);
      await mine.kill();
      expect(await letThrough(here, ctx, ADA, 100)).to.equal(40);
      expect(await letThrough(there, ctx, ADA, 100)).to.equal(50);
    });

    it('do not wait for one that does not answer, more than once in a while', async () => {
      const ctx = ratedTenant({ user_requests_per_minute: 600 });
      const neverAnswers = { evaluate: (): Promise<unknown> => new Promise(() => undefined) };
      const waits: number[] = [];
      const timers = { ...systemTimers, sleep: (ms: number, signal?: AbortSignal) => (waits.push(ms), systemTimers.sleep(ms, signal)) };
      const rates = new RateLimits({ shared: new RedisCounts(neverAnswers), clock: systemClock, timers, meter: silentMeter, log: silentLog }, { ...RATE_PACE, aloneMs: 600_000 });
      for (let call = 0; call < 300; call += 1) await rates.spend(ctx, ADA);
      expect(waits).to.have.length(1);
      expect(waits[0]).to.be.at.most(30);
    });

    it('are shared again when it is back, by themselves', async () => {
      const ctx = ratedTenant({ user_requests_per_minute: 10_000 });
      const [here, there] = [process(caches[0], QUICK), process(caches[1], QUICK)];
      await mine.kill();
      expect(await letThrough(here, ctx, ADA, 20)).to.equal(20);
      await mine.start();
      await eventually(async () => {
        await letThrough(here, ctx, ADA, 30);
        return ((await spent(there, ctx, ADA)).standing?.left ?? 10_000) < 9_980;
      });
    });

    it('are not forgotten by who counted when Redis is emptied', async () => {
      const ctx = ratedTenant({ user_requests_per_minute: 50 });
      const rates = process(caches[0], { ...RATE_PACE, waitMs: 5_000 });
      expect(await letThrough(rates, ctx, ADA, 30)).to.equal(30);
      const redis = new Redis(mine.port, '127.0.0.1');
      await redis.flushall();
      redis.disconnect();
      expect(await letThrough(rates, ctx, ADA, 100)).to.equal(20);
    });
  });
});
