import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { parseTenantId } from '../../../src/kernel/ids.js';
import type { Cache, TenantScope, TokenAnswer } from '../../../src/kernel/ports.js';
import { systemClock } from '../../../src/kernel/system-ports.js';
import { LocalCache } from '../../../src/store/cache/local-cache.js';
import { RedisCache } from '../../../src/store/cache/redis-cache.js';
import { ownRedis, type OwnProcess } from '../../support/processes.js';
import { describeWith, describeWithOwn, namedService, ranAgainst } from '../../support/services.js';
import { silentLog } from '../../support/silent-ports.js';
import { byTheWallClock } from '../../support/wall-clock.js';

const NAMED_REDIS = namedService('redis');

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tenant(): TenantScope {
  return { tenantId: parseTenantId(randomUUID()) };
}

/** What every cache must do. */
function behavesAsCache(opened: () => Cache): void {
  const ctx = tenant();
  const other = tenant();

  it('finds what was set, until its time is over', async () => {
    await opened().set(ctx, 'presence', 'anna', 'here', 80);
    expect(await opened().get(ctx, 'presence', 'anna')).to.equal('here');
    await sleep(120);
    expect(await opened().get(ctx, 'presence', 'anna')).to.equal(undefined);
  });

  it('takes the later value and its time', async () => {
    await opened().set(ctx, 'presence', 'ben', 'here', 50);
    await opened().set(ctx, 'presence', 'ben', 'away', 5_000);
    await sleep(80);
    expect(await opened().get(ctx, 'presence', 'ben')).to.equal('away');
  });

  it('forgets what was deleted', async () => {
    await opened().set(ctx, 'presence', 'cleo', 'here', 5_000);
    await opened().delete(ctx, 'presence', 'cleo');
    expect(await opened().get(ctx, 'presence', 'cleo')).to.equal(undefined);
  });

  it('finds of many keys those that exist', async () => {
    await opened().set(ctx, 'presence', 'dora', '1', 5_000);
    await opened().set(ctx, 'presence', 'emil', '2', 5_000);
    const found = await opened().getMany(ctx, 'presence', ['dora', 'nobody', 'emil']);
    expect([...found]).to.deep.equal([['dora', '1'], ['emil', '2']]);
    expect((await opened().getMany(ctx, 'presence', [])).size).to.equal(0);
  });

  it('shows nothing to another tenant or namespace', async () => {
    await opened().set(ctx, 'presence', 'fred', 'here', 5_000);
    expect(await opened().get(other, 'presence', 'fred')).to.equal(undefined);
    expect(await opened().get(ctx, 'nonce', 'fred')).to.equal(undefined);
    expect(await opened().setIfAbsent(ctx, 'nonce', 'n', 5_000)).to.equal('set');
    expect(await opened().setIfAbsent(other, 'nonce', 'n', 5_000)).to.equal('set');
  });

  it('lets one of many callers set an absent key', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => opened().setIfAbsent(ctx, 'nonce', 'race', 5_000)));
    expect(answers.filter((answer) => answer === 'set')).to.have.length(1);
    expect(answers.filter((answer) => answer === 'present')).to.have.length(49);
  });

  it('lets an absent key be set again when its time is over', async () => {
    expect(await opened().setIfAbsent(ctx, 'nonce', 'short', 50)).to.equal('set');
    await sleep(80);
    expect(await opened().setIfAbsent(ctx, 'nonce', 'short', 50)).to.equal('set');
  });

  it('gives out a burst, then the rate, and says when to come back', async () => {
    // Slow enough that a pause of the machine gives nothing back in between.
    const rate = { ratePerSecond: 1, burst: 3 };
    const take = (): Promise<TokenAnswer> => opened().takeToken(ctx, 'rate', 'peer', rate);
    const first = [await take(), await take(), await take()];
    expect(first).to.deep.equal(Array(3).fill({ allowed: true, retryAfterMs: 0 }));
    const refused = await take();
    expect(refused.allowed).to.equal(false);
    expect(refused.retryAfterMs).to.be.within(1, 1_000);
    await sleep(refused.retryAfterMs + 10);
    expect(await take()).to.have.property('allowed', true);
    expect(await take()).to.have.property('allowed', false);
  });

  it('keeps a bucket for each tenant', async () => {
    const rate = { ratePerSecond: 1, burst: 1 };
    expect(await opened().takeToken(ctx, 'rate', 'shared', rate)).to.have.property('allowed', true);
    expect(await opened().takeToken(ctx, 'rate', 'shared', rate)).to.have.property('allowed', false);
    expect(await opened().takeToken(other, 'rate', 'shared', rate)).to.have.property('allowed', true);
  });

  for (const key of ['', 'x'.repeat(257)]) {
    it(`refuses a key of ${key.length} characters`, async () => {
      const thrown = await opened().get(ctx, 'nonce', key).catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(RangeError);
    });
  }
}

describe('local cache', () => {
  const cache = new LocalCache(systemClock);
  behavesAsCache(() => cache);

  it('answers unknown when it is full, keeps what it has, and has room again later', async () => {
    let nowMs = 0;
    const small = new LocalCache({ monotonicMs: () => nowMs }, 2);
    const ctx = tenant();
    expect(await small.setIfAbsent(ctx, 'nonce', 'a', 2_000)).to.equal('set');
    expect(await small.setIfAbsent(ctx, 'nonce', 'b', 2_000)).to.equal('set');
    expect(await small.setIfAbsent(ctx, 'nonce', 'c', 2_000)).to.equal('unknown');
    expect(await small.setIfAbsent(ctx, 'nonce', 'a', 2_000)).to.equal('present');
    expect(await small.setIfAbsent(tenant(), 'nonce', 'c', 2_000)).to.equal('set');
    nowMs = 2_001;
    expect(await small.setIfAbsent(ctx, 'nonce', 'c', 2_000)).to.equal('set');
  });
});

describeWith('redis', 'redis cache', () => {
  let own: OwnProcess | undefined;
  let url = NAMED_REDIS ?? '';
  let cache: RedisCache;
  const counted: string[] = [];

  function open(at: string): RedisCache {
    const meter = { count: (_name: string, labels?: Readonly<Record<string, string>>) => void counted.push(labels?.['operation'] ?? '') };
    return new RedisCache(at, new LocalCache(systemClock), meter, silentLog);
  }

  before(async () => {
    if (url === '') {
      own = await ownRedis();
      url = `redis://127.0.0.1:${own.port}`;
    }
    cache = open(url);
    await cache.opened();
    ranAgainst('cache', NAMED_REDIS === undefined ? 'a redis-server of its own' : 'the Redis named by SCAIWAVE_TEST_REDIS_URL');
  });

  after(async () => {
    await cache?.close();
    await own?.remove();
  });

  behavesAsCache(() => cache);

  it('keeps no key without an end', async () => {
    const spy = new Redis(url);
    const ctx = tenant();
    await cache.set(ctx, 'presence', 'p', '1', 5_000);
    await cache.setIfAbsent(ctx, 'nonce', 'n', 5_000);
    await cache.takeToken(ctx, 'rate', 'r', { ratePerSecond: 1, burst: 5 });
    for (const key of ['presence:p', 'nonce:n', 'rate:r']) expect(await spy.pttl(`sw:${ctx.tenantId}:${key}`)).to.be.within(1, 5_000);
    spy.disconnect();
  });

  describeWithOwn('redis', 'alone on a Redis, and when that goes away', () => {
    const rate = { ratePerSecond: 1, burst: 1 };
    let mine: OwnProcess;
    let lone: RedisCache;

    before(async () => {
      mine = await ownRedis();
      lone = open(`redis://127.0.0.1:${mine.port}`);
      await lone.opened();
    });

    after(async () => {
      await lone?.close();
      await mine?.remove();
    });

    it('writes only keys that begin with tenant and namespace', async () => {
      const spy = new Redis(mine.port, '127.0.0.1');
      const monitor = await spy.monitor();
      const commands: string[][] = [];
      monitor.on('monitor', (_time: string, args: string[], from: string) => {
        // What a script does is on the keys that it was given.
        if (from !== 'lua') commands.push(args);
      });
      const ctx = tenant();
      await lone.set(ctx, 'presence', 'p', '1', 100);
      await lone.get(ctx, 'presence', 'p');
      await lone.getMany(ctx, 'presence', ['t', 'u']);
      await lone.delete(ctx, 'presence', 'p');
      await lone.setIfAbsent(ctx, 'nonce', 'n', 100);
      await lone.takeToken(ctx, 'rate', 'r', { ratePerSecond: 10, burst: 1 });
      await spy.ping('until here');
      while (!commands.some(([, word]) => word === 'until here')) await sleep(10);
      monitor.disconnect();
      spy.disconnect();
      const keys = commands.filter(([, word]) => word !== 'until here').map(([name = '', ...args]) => {
        if (name === 'eval') return args.slice(2, 2 + Number(args[1]));
        return name === 'mget' ? args : args.slice(0, 1);
      });
      const own = (key: string): string => `sw:${ctx.tenantId}:${key}`;
      expect(keys).to.deep.equal([['presence:p'], ['presence:p'], ['presence:t', 'presence:u'], ['presence:p'], ['nonce:n'], ['rate:r']].map((some) => some.map(own)));
    });

    it('answers every call at once as documented, and counts it', async function () {
      byTheWallClock(this);
      const ctx = tenant();
      await lone.set(ctx, 'presence', 'p', '1', 5_000);
      await mine.kill();
      counted.length = 0;
      const startedMs = performance.now();
      expect(await lone.get(ctx, 'presence', 'p')).to.equal(undefined);
      expect((await lone.getMany(ctx, 'presence', ['p'])).size).to.equal(0);
      await lone.set(ctx, 'presence', 'p', '1', 5_000);
      await lone.delete(ctx, 'presence', 'p');
      expect(await lone.setIfAbsent(ctx, 'nonce', 'n', 5_000)).to.equal('unknown');
      expect(await lone.takeToken(ctx, 'rate', 'r', rate)).to.have.property('allowed', true);
      expect(await lone.takeToken(ctx, 'rate', 'r', rate)).to.have.property('allowed', false);
      expect(performance.now() - startedMs).to.be.lessThan(7 * 300);
      expect(counted).to.deep.equal(['get', 'getMany', 'set', 'delete', 'setIfAbsent', 'takeToken', 'takeToken']);
    });

    it('comes back by itself', async function () {
      this.timeout(10_000);
      const ctx = tenant();
      await mine.start();
      while ((await lone.setIfAbsent(ctx, 'nonce', 'again', 5_000)) === 'unknown') await sleep(50);
      expect(await lone.setIfAbsent(ctx, 'nonce', 'again', 5_000)).to.equal('present');
    });
  });

  it('starts although Redis is away', async () => {
    const early = open('redis://127.0.0.1:1');
    await early.opened();
    expect(await early.setIfAbsent(tenant(), 'nonce', 'n', 100)).to.equal('unknown');
    await early.close();
  });
});
