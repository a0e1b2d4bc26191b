import type { TenantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Cache, CacheNamespace, Clock, TenantScope, TokenAnswer, TokenRate } from '../../kernel/ports.js';
import { cacheKey } from './cache-key.js';
import { ExpiringMap } from './expiring-map.js';
import { refillMs, takeFrom, type TokenBucket } from '../../kernel/token-bucket.js';

/** A cache inside the process. Each tenant has room of its own, so a flood at one forgets nothing of another. */
export class LocalCache implements Cache {
  private readonly values = new Map<TenantId, ExpiringMap<string>>();
  private readonly buckets = new Map<TenantId, ExpiringMap<TokenBucket>>();

  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly entriesPerTenantMax: number = LIMITS.cacheEntriesPerTenantMax,
  ) {}

  async get(ctx: TenantScope, namespace: CacheNamespace, key: string): Promise<string | undefined> {
    return this.room(this.values, ctx).get(cacheKey(ctx, namespace, key));
  }

  async getMany(ctx: TenantScope, namespace: CacheNamespace, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const key of keys) {
      const value = this.room(this.values, ctx).get(cacheKey(ctx, namespace, key));
      if (value !== undefined) found.set(key, value);
    }
    return found;
  }

  async set(ctx: TenantScope, namespace: CacheNamespace, key: string, value: string, ttlMs: number): Promise<void> {
    this.room(this.values, ctx).set(cacheKey(ctx, namespace, key), value, ttlMs);
  }

  async delete(ctx: TenantScope, namespace: CacheNamespace, key: string): Promise<void> {
    this.room(this.values, ctx).delete(cacheKey(ctx, namespace, key));
  }

  async setIfAbsent(ctx: TenantScope, namespace: CacheNamespace, key: string, ttlMs: number): Promise<'set' | 'present' | 'unknown'> {
    const room = this.room(this.values, ctx);
    const full = cacheKey(ctx, namespace, key);
    if (room.get(full) !== undefined) return 'present';
    return room.set(full, '1', ttlMs) ? 'set' : 'unknown';
  }

  /** Without room for one more bucket the call is allowed: the buckets that exist are those that were needed. */
  async takeToken(ctx: TenantScope, namespace: CacheNamespace, key: string, rate: TokenRate): Promise<TokenAnswer> {
    const room = this.room(this.buckets, ctx);
    const full = cacheKey(ctx, namespace, key);
    const { bucket, answer } = takeFrom(room.get(full), this.clock.monotonicMs(), rate);
    room.set(full, bucket, refillMs(rate));
    return answer;
  }

  private room<V>(rooms: Map<TenantId, ExpiringMap<V>>, { tenantId }: TenantScope): ExpiringMap<V> {
    const known = rooms.get(tenantId) ?? new ExpiringMap<V>(this.entriesPerTenantMax, this.clock);
    rooms.set(tenantId, known);
    return known;
  }
}
