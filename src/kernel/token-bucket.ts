import type { TokenAnswer, TokenRate } from './ports.js';

/** What is left in a bucket, and when that was counted. */
export interface TokenBucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** Fills the bucket for the time that passed and takes one token out, if there is one. */
export function takeFrom(bucket: TokenBucket | undefined, nowMs: number, rate: TokenRate): { bucket: TokenBucket; answer: TokenAnswer } {
  const passedMs = Math.max(0, nowMs - (bucket?.atMs ?? nowMs));
  const filled = Math.min(rate.burst, (bucket?.tokens ?? rate.burst) + (passedMs * rate.ratePerSecond) / 1000);
  const allowed = filled >= 1;
  const tokens = allowed ? filled - 1 : filled;
  const retryAfterMs = allowed ? 0 : Math.ceil(((1 - filled) * 1000) / rate.ratePerSecond);
  return { bucket: { tokens, atMs: nowMs }, answer: { allowed, retryAfterMs } };
}

/** After this long a bucket is full again and need not be remembered. */
export function refillMs(rate: TokenRate): number {
  return Math.ceil((rate.burst * 1000) / rate.ratePerSecond);
}
