import { BRIDGE_RETRY_MS, LIMITS } from '../kernel/limits.js';
import type { Randomness } from '../kernel/ports.js';

const JITTER = 0.2;

/** The wait after the n-th failure of one message; undefined: it has had all its tries. */
export function retryWaitMs(failures: number, randomness: Pick<Randomness, 'fraction'>): number | undefined {
  const waitMs = BRIDGE_RETRY_MS[failures - 1];
  return waitMs === undefined ? undefined : Math.round(waitMs * (1 - JITTER + 2 * JITTER * randomness.fraction()));
}

/** The wait after "too many requests" that does not say how long: longer each time, without an end. */
export function busyWaitMs(attempts: number, randomness: Pick<Randomness, 'fraction'>): number {
  return retryWaitMs(Math.min(Math.max(attempts, 1), BRIDGE_RETRY_MS.length), randomness) ?? LIMITS.bridgeRetryAfterMaxMs;
}

/** `Retry-After`, in seconds or as a date, honoured up to an hour; undefined if it says nothing, or no time: that would be for ever at once. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const askedMs = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return askedMs > 0 ? Math.min(askedMs, LIMITS.bridgeRetryAfterMaxMs) : undefined;
}
