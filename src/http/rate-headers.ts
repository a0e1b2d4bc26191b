import { LIMITS } from '../kernel/limits.js';
import type { RateStanding } from '../kernel/rates.js';

/** As in draft-ietf-httpapi-ratelimit-headers-10: the tightest window, by the name of whom it counts. */
export function rateHeaders({ scope, limit, left, resetSeconds }: RateStanding): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': `"${scope}";q=${limit};w=${LIMITS.rateWindowMs / 1000}`,
    ratelimit: `"${scope}";r=${left};t=${resetSeconds}`,
  };
}
