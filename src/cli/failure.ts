import { ConfigError } from '../config/config.js';
import { GatewayError } from '../kernel/errors.js';
import { StartRefusal } from '../store/start-refusal.js';
import { AuditBroken } from './audit.js';

/** Some tenants could not be held against ScaiKey; the others were. */
export class SyncFailed extends Error {
  override readonly name = 'SyncFailed';

  constructor(readonly failed: readonly string[]) {
    super(['Not done:', ...failed.map((one) => `  - ${one}`)].join('\n'));
  }
}

/** What an operator can act upon without reading a stack. Anything else is a bug and is shown whole. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StartRefusal || error instanceof GatewayError || error instanceof AuditBroken || error instanceof SyncFailed) return error.message;
  if (!(error instanceof Error)) return String(error);
  const sentence = 'code' in error ? SYSTEM_FAILURES[String(error.code)] : undefined;
  return sentence === undefined ? (error.stack ?? error.message) : `${sentence} (${error.message})`;
}

const SYSTEM_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'The port is taken: stop what listens there, or set SCAIWAVE_PORT (0 takes a free one).',
  EADDRNOTAVAIL: 'SCAIWAVE_HOST is not an address of this machine.',
  EACCES: 'The system does not allow it: check SCAIWAVE_PORT (below 1024 needs root) and SCAIWAVE_DATA_DIR.',
  ENOSPC: 'The disk is full.',
};
