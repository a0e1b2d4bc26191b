import type { Config } from '../config/config.js';
import { Egress } from '../egress/egress.js';
import { egressFetch } from '../egress/egress-fetch.js';
import { LIMITS } from '../kernel/limits.js';
import { ScaikeyKeys } from '../verify/scaikey-keys.js';
import { ScaikeyTokens } from '../verify/scaikey-token.js';
import { TokenMemory } from '../verify/token-memory.js';
import { believingTokens, hybridTokens, scaikeyTokens, type VerifyUserToken } from '../verify/user-token.js';
import { FIRST_TENANT } from './first-tenant.js';
import type { Basics } from './storage.js';

export interface UserTokens {
  readonly verify: VerifyUserToken;
  close(): Promise<void>;
}

/** How a bearer token becomes a person, by `SCAIWAVE_AUTH_MODE`. */
export function openUserTokens(config: Config, { clock, timers, meter }: Basics): UserTokens {
  const believing = believingTokens(FIRST_TENANT.slug);
  if (config.authMode === 'mock') return { verify: believing, close: async () => {} };
  if (config.scaikeyUrl === undefined) throw new Error('nobody vouches for tokens');
  const egress = new Egress({ allow: config.egressAllow ?? [] }, timers, clock, meter);
  const fetch = egressFetch(egress, { totalMs: LIMITS.jwksTotalMs, answerBytesMax: LIMITS.jwksBytesMax });
  const keys = new ScaikeyKeys(config.scaikeyUrl, fetch, clock, meter);
  const judging = scaikeyTokens(new ScaikeyTokens({ url: config.scaikeyUrl, audiences: config.scaikeyAudience ?? [] }, keys, clock), new TokenMemory(clock), meter);
  return { verify: config.authMode === 'hybrid' ? hybridTokens(believing, judging) : judging, close: () => egress.close() };
}
