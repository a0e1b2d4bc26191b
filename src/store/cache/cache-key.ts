import { LIMITS } from '../../kernel/limits.js';
import type { CacheNamespace, TenantScope } from '../../kernel/ports.js';

/** `sw:{tenant_id}:{namespace}:{key}`: no key is without a tenant, so none can be met by two. */
export function cacheKey(ctx: TenantScope, namespace: CacheNamespace, key: string): string {
  if (key === '' || key.length > LIMITS.cacheKeyCharsMax) throw new RangeError('a cache key is empty or too long');
  return `sw:${ctx.tenantId}:${namespace}:${key}`;
}
