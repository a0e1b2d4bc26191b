import { Redis } from 'ioredis';
import { LIMITS } from '../../kernel/limits.js';
import type { Cache, CacheNamespace, Log, Meter, TenantScope, TokenAnswer, TokenRate } from '../../kernel/ports.js';
import { cacheKey } from './cache-key.js';
import { refillMs } from '../../kernel/token-bucket.js';

/** What `CLIENT LIST` calls the connections of a node. */
export const CACHE_CLIENT = 'scaiwave-gateway';

/** The same arithmetic as `takeFrom`, by the clock of Redis, so that processes with different clocks share a bucket. */
const TAKE_TOKEN = `
local rate, burst, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local passed = math.max(0, now - (tonumber(bucket[2]) or now))
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + passed * rate / 1000)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) * 1000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.3f', now))
redis.call('PEXPIRE', KEYS[1], ttl)
return wait
`;

/** The cache shared by the processes of a node. A Redis that is away or slow delays a call by `cacheWaitMs` at most. */
export class RedisCache implements Cache {
  private readonly redis: Redis;

  constructor(
    url: string,
    private readonly fallback: Pick<Cache, 'takeToken'>,
    private readonly meter: Pick<Meter, 'count'>,
    log: Pick<Log, 'warn' | 'info'>,
  ) {
    this.redis = new Redis(url, {
      connectionName: CACHE_CLIENT,
      commandTimeout: LIMITS.cacheWaitMs,
      connectTimeout: LIMITS.cacheWaitMs,
      // Nothing waits for a server that is away: the call answers without it, and the connection is made again meanwhile.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempt) => Math.min(LIMITS.cacheReconnectMaxMs, LIMITS.cacheReconnectMinMs * attempt),
      disableClientInfo: true,
    });
    let away = false;
    this.redis.on('error', (error: Error) => {
      if (!away) log.warn({ error }, 'the cache is away');
      away = true;
    });
    this.redis.on('ready', () => {
      if (away) log.info({}, 'the cache is back');
      away = false;
    });
  }

  /** Resolves when the first connection stands, or after the bounded wait without one. */
  async opened(): Promise<void> {
    if (this.redis.status === 'ready') return;
    await new Promise<void>((resolve) => {
      this.redis.once('ready', resolve);
      this.redis.once('error', () => resolve());
    });
  }

  async get(ctx: TenantScope, namespace: CacheNamespace, key: string): Promise<string | undefined> {
    const full = cacheKey(ctx, namespace, key);
    return this.orElse<string | undefined>('get', undefined, async () => (await this.redis.get(full)) ?? undefined);
  }

  async getMany(ctx: TenantScope, namespace: CacheNamespace, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const full = keys.map((key) => cacheKey(ctx, namespace, key));
    const found = full.length === 0 ? [] : await this.orElse<(string | null)[]>('getMany', [], () => this.redis.mget(full));
    return new Map(keys.flatMap((key, at): [string, string][] => (typeof found[at] === 'string' ? [[key, found[at]]] : [])));
  }

  async set(ctx: TenantScope, namespace: CacheNamespace, key: string, value: string, ttlMs: number): Promise<void> {
    const full = cacheKey(ctx, namespace, key);
    await this.orElse<string | null>('set', null, () => this.redis.set(full, value, 'PX', ttlMs));
  }

  async delete(ctx: TenantScope, namespace: CacheNamespace, key: string): Promise<void> {
    const full = cacheKey(ctx, namespace, key);
    await this.orElse('delete', 0, () => this.redis.del(full));
  }

  async setIfAbsent(ctx: TenantScope, namespace: CacheNamespace, key: string, ttlMs: number): Promise<'set' | 'present' | 'unknown'> {
    const full = cacheKey(ctx, namespace, key);
    return this.orElse<'set' | 'present' | 'unknown'>('setIfAbsent', 'unknown', async () => {
      const answer = await this.redis.set(full, '1', 'PX', ttlMs, 'NX');
      return answer === 'OK' ? 'set' : 'present';
    });
  }

  async takeToken(ctx: TenantScope, namespace: CacheNamespace, key: string, rate: TokenRate): Promise<TokenAnswer> {
    const full = cacheKey(ctx, namespace, key);
    const waitMs = await this.orElse<number | undefined>('takeToken', undefined, async () =>
      Number(await this.redis.eval(TAKE_TOKEN, 1, full, rate.ratePerSecond, rate.burst, refillMs(rate))),
    );
    if (waitMs === undefined) return this.fallback.takeToken(ctx, namespace, key, rate);
    return { allowed: waitMs === 0, retryAfterMs: waitMs };
  }

  /** Runs a script on keys that `cacheKey` made. Away: `undefined`. */
  async evaluate(script: string, keys: readonly string[], args: readonly number[]): Promise<unknown> {
    return this.orElse<unknown>('evaluate', undefined, () => this.redis.eval(script, keys.length, ...keys, ...args));
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  private async orElse<T>(operation: string, without: T, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch {
      this.meter.count('cache_unavailable_total', { operation });
      return without;
    }
  }
}
