import { codeOf } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Meter } from '../kernel/ports.js';
import { isMockToken, mockToken } from './mock-token.js';
import type { ProvenToken } from './proven-token.js';
import type { ScaikeyTokens } from './scaikey-token.js';
import type { TokenMemory } from './token-memory.js';

/** Throws SW_AUTH_INVALID_TOKEN or SW_AUTH_EXPIRED_TOKEN; SW_UNAVAILABLE when it cannot be told. */
export type VerifyUserToken = (token: string) => Promise<ProvenToken>;

/** `SCAIWAVE_AUTH_MODE=mock`: any token that is not empty is somebody. */
export function believingTokens(firstTenantSlug: string): VerifyUserToken {
  return async (token) => mockToken(token, firstTenantSlug);
}

/** `SCAIWAVE_AUTH_MODE=scaikey`: only what ScaiKey signed. */
export function scaikeyTokens(scaikey: Pick<ScaikeyTokens, 'verify'>, memory: Pick<TokenMemory, 'find' | 'keep'>, meter: Pick<Meter, 'count'>): VerifyUserToken {
  return async (token) => {
    // The hash of an endless token is endless work too.
    const known = token.length > LIMITS.tokenBytesMax ? undefined : memory.find(token);
    if (known !== undefined) {
      meter.count('user_tokens_total', { outcome: 'remembered' });
      return known;
    }
    try {
      const proven = await scaikey.verify(token);
      memory.keep(token, proven);
      meter.count('user_tokens_total', { outcome: 'verified' });
      return proven;
    } catch (thrown) {
      meter.count('user_tokens_total', { outcome: codeOf(thrown) });
      throw thrown;
    }
  };
}

/** `SCAIWAVE_AUTH_MODE=hybrid`: the documented made-up tokens are believed, all others judged. */
export function hybridTokens(believing: VerifyUserToken, judging: VerifyUserToken): VerifyUserToken {
  return (token) => (isMockToken(token) ? believing(token) : judging(token));
}
