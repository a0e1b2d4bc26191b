import type { JsonObject } from './events.js';
import type { PartnerId, ServerName, TenantId } from './ids.js';
import type { TenantLimits } from './tenant-limits.js';

export type TenantStatus = 'active' | 'suspended';

/** Nested feature flags as stored; unknown flags are kept. */
export type Features = JsonObject;

export interface TenantFacts {
  readonly tenantId: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly scaikeyTenantId: string;
  readonly partnerId: PartnerId | null;
  readonly serverName: ServerName;
  readonly status: TenantStatus;
  readonly limits: TenantLimits;
  readonly features: Features;
  /** Rises with suspension, policy and limits; an append made on an older one is `stale`. */
  readonly epoch: number;
}

declare const made: unique symbol;

/** Whose data a call may touch. Made once per unit of work, deeply frozen, passed first, never widened. */
export interface TenantContext extends TenantFacts {
  readonly [made]: true;
}

/** For the few calls that must span tenants: finding a tenant, finding due work. Named, counted, never content. */
export interface SystemContext {
  readonly [made]: 'system';
  /** Why tenants are spanned; a metric label. */
  readonly purpose: SystemPurpose;
}

export type SystemPurpose = 'resolve-tenant' | 'find-due' | 'find-dirty' | 'list-tenants' | 'find-partner' | 'follow' | 'ready';

export function tenantContext(facts: TenantFacts): TenantContext {
  return deepFreeze(structuredClone(facts)) as TenantContext;
}

export function systemContext(purpose: SystemPurpose): SystemContext {
  return Object.freeze({ purpose }) as SystemContext;
}

/** Freezes plain data all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
