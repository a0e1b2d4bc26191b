import type { TenantScope } from '../../kernel/ports.js';
import { RATE_PACE, type CountedPart, type RatePace, type SharedCounts } from '../../kernel/rates.js';
import { cacheKey } from './cache-key.js';
import { ADD_CALLS } from './count-script.js';
import type { RedisCache } from './redis-cache.js';

/** Counts of the processes of a node, on the connection of their cache. */
export class RedisCounts implements SharedCounts {
  constructor(
    private readonly cache: Pick<RedisCache, 'evaluate'>,
    private readonly pace: Pick<RatePace, 'windowMs' | 'slotMs'> = RATE_PACE,
  ) {}

  async add(ctx: TenantScope, calls: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, readonly CountedPart[]> | undefined> {
    const keys = [...calls.keys()];
    const full = keys.map((key) => cacheKey(ctx, 'rate', key));
    const answer = await this.cache.evaluate(ADD_CALLS, full, [this.pace.slotMs, this.pace.windowMs, ...calls.values()]);
    if (!Array.isArray(answer)) return undefined;
    return new Map(keys.map((key, at) => [key, partsOf(answer[at])]));
  }
}

/** Counts and times in turn, as the script answers them. */
function partsOf(flat: unknown): readonly CountedPart[] {
  const numbers = Array.isArray(flat) ? flat.map(Number) : [];
  return numbers.flatMap((count, at) => (at % 2 === 0 ? [{ count, leavesInMs: numbers[at + 1] ?? 0 }] : []));
}
