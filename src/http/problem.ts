import { ERRORS, GatewayError, publicMessage } from '../kernel/errors.js';
import type { ErrorCode } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Answer } from './call.js';
import { logThrown, type ThrownLog } from './log-thrown.js';
import { jsonAnswer } from './reply.js';


/** RFC 6750: a person's token was missing or not good. Servers and bridges have schemes of their own. */
const BEARER_CODES: ReadonlySet<ErrorCode> = new Set(['SW_AUTH_INVALID_TOKEN', 'SW_AUTH_EXPIRED_TOKEN']);

function retryAfter(error: GatewayError, status: number): number | undefined {
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds;
  return status === 429 || status === 503 ? LIMITS.overloadedRetryS : undefined;
}

/** The single place where an error becomes a response. What is not a refusal of ours leaves as a bare 500. */
export function problemAnswer(error: unknown, requestId: string, log: ThrownLog): Answer {
  logThrown(error, requestId, log);
  return refusalAnswer(error instanceof GatewayError ? error : new GatewayError('SW_INTERNAL', 'unexpected error', { cause: error }));
}

export function refusalAnswer(error: GatewayError): Answer {
  const { status } = ERRORS[error.code];
  const headers: Record<string, string> = {};
  const seconds = retryAfter(error, status);
  if (seconds !== undefined) headers['retry-after'] = String(seconds);
  if (BEARER_CODES.has(error.code)) headers['www-authenticate'] = 'Bearer error="invalid_token"';
  return jsonAnswer(status, { error: { code: error.code, message: publicMessage(error) } }, headers);
}
