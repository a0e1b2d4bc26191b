import { GatewayError } from '../../kernel/errors.js';

/** Why a stream ends, as its client sees it. 4001 and 4003 are the documented ones; the others are RFC 6455's. */
export const CLOSE = {
  goingAway: { code: 1001, reason: 'going_away' },
  failed: { code: 1011, reason: 'internal_error' },
  tryAgain: { code: 1013, reason: 'try_again' },
  expiredToken: { code: 4001, reason: 'expired_token' },
  pingTimeout: { code: 4003, reason: 'ping_timeout' },
  duplicate: { code: 4003, reason: 'duplicate_connection' },
} as const;

export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** The person may see nothing (any more), or something failed here. */
export function closeReasonOf(error: unknown): CloseReason {
  if (!(error instanceof GatewayError)) return CLOSE.failed;
  if (error.code === 'SW_AUTH_EXPIRED_TOKEN') return CLOSE.expiredToken;
  if (/^SW_(?:AUTH|TENANT)_/.test(error.code)) return { code: CLOSE.expiredToken.code, reason: error.code };
  return error.retryable ? CLOSE.tryAgain : { code: CLOSE.failed.code, reason: error.code };
}
