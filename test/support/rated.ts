import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../src/kernel/errors.js';
import { parseServerName, parseTenantId } from '../../src/kernel/ids.js';
import type { RatedCaller, Rates, RateStanding } from '../../src/kernel/rates.js';
import { tenantContext, type TenantContext } from '../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS, type TenantLimits } from '../../src/kernel/tenant-limits.js';

export const ADA: RatedCaller = { scope: 'user', id: 'ada' };
export const BEN: RatedCaller = { scope: 'user', id: 'ben' };
export const PEER: RatedCaller = { scope: 'peer', id: 'peer.example' };
export const BRIDGE: RatedCaller = { scope: 'bridge', id: 'brg-1' };

/** A tenant that exists nowhere but here, with some limits of its own. */
export function ratedTenant(limits: Partial<TenantLimits>): TenantContext {
  return tenantContext({
    tenantId: parseTenantId(randomUUID()), slug: 'a', name: 'A', scaikeyTenantId: 'tnt_a', partnerId: null, serverName: parseServerName('a.example'),
    status: 'active', limits: { ...TENANT_LIMIT_DEFAULTS, ...limits }, features: {}, epoch: 1,
  });
}

/** What came of a call: how much is left, or the refusal. */
export interface Spent {
  readonly refusal: GatewayError | undefined;
  readonly standing: RateStanding | undefined;
}

export async function spent(rates: Rates, ctx: TenantContext, caller: RatedCaller): Promise<Spent> {
  let standing: RateStanding | undefined;
  try {
    await rates.spend(ctx, caller, (told) => {
      standing = told;
    });
    return { refusal: undefined, standing };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { refusal: error, standing };
  }
}

/** How many of so many calls at once are let through. */
export async function letThrough(rates: Rates, ctx: TenantContext, caller: RatedCaller, calls: number): Promise<number> {
  const outcomes = await Promise.all(Array.from({ length: calls }, () => spent(rates, ctx, caller)));
  return outcomes.filter(({ refusal }) => refusal === undefined).length;
}
