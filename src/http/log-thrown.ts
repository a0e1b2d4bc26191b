import { GatewayError, gravityOf } from '../kernel/errors.js';
import type { Log } from '../kernel/ports.js';

export type ThrownLog = Pick<Log, 'debug' | 'warn' | 'error'>;

/** As loud as its code is grave. Only of a fault are the frames worth reading: a hindrance lies outside the code. */
export function logThrown(error: unknown, requestId: string, log: ThrownLog): void {
  if (!(error instanceof GatewayError)) return log.error({ requestId, error }, 'unexpected error');
  const { code, message: note, cause } = error;
  const gravity = gravityOf(code);
  if (gravity === 'fault') return log.error({ requestId, code, error }, 'failed');
  if (gravity === 'refusal') return log.debug({ requestId, code, note }, 'refused');
  const reason = cause instanceof Error ? cause.message : undefined;
  log.warn({ requestId, code, note, reason }, 'hindered');
}
