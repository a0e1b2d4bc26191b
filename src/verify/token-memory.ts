import { hash } from 'node:crypto';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import type { ProvenToken } from './proven-token.js';

interface Remembered {
  readonly proven: ProvenToken;
  readonly untilMs: number;
}

/** Tokens that were found good a moment ago, by hash: the tokens themselves are not kept. Refusals are not remembered. */
export class TokenMemory {
  private readonly remembered = new Map<string, Remembered>();

  constructor(
    private readonly clock: Pick<Clock, 'nowMs'>,
    private readonly tokensMax: number = LIMITS.tokenCacheMax,
  ) {}

  find(token: string): ProvenToken | undefined {
    const key = keyOf(token);
    const found = this.remembered.get(key);
    if (found === undefined) return undefined;
    if (found.untilMs > this.clock.nowMs()) return found.proven;
    this.remembered.delete(key);
    return undefined;
  }

  /** Never beyond the token's own end. */
  keep(token: string, proven: ProvenToken): void {
    const nowMs = this.clock.nowMs();
    const untilMs = Math.min(nowMs + LIMITS.tokenCacheMs, proven.expiresAtMs ?? Number.POSITIVE_INFINITY);
    if (untilMs <= nowMs) return;
    const [oldest] = this.remembered.keys();
    if (this.remembered.size >= this.tokensMax && oldest !== undefined) this.remembered.delete(oldest);
    this.remembered.set(keyOf(token), { proven, untilMs });
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
