import { LIMITS } from '../kernel/limits.js';
import type { Randomness } from '../kernel/ports.js';

const JITTER = 0.2;
/** Beyond it every doubling is above every cap, and 2^n still a number. */
const DOUBLINGS_MAX = 40;

/** Doubling waits, spread by ±20 % on the way up. At the cap they are exact: those who fail together are spread by then. */
export function doubling(attempts: number, minMs: number, maxMs: number, randomness: Pick<Randomness, 'fraction'>): number {
  const spread = 1 - JITTER + 2 * JITTER * randomness.fraction();
  const doubled = minMs * 2 ** Math.min(Math.max(attempts, 1) - 1, DOUBLINGS_MAX);
  return Math.min(Math.round(doubled * spread), maxMs);
}

/**
 * The wait after the n-th failed attempt in a row at a peer: at most 40 attempts on the first day and 24 on each later
 * one, then one a day once the time is over for which we promise to hold events.
 */
export function peerBackoffMs(attempts: number, failingForMs: number, randomness: Pick<Randomness, 'fraction'>): number {
  if (failingForMs > LIMITS.peerHoldMs) return LIMITS.peerProbeAfterHoldMs;
  return doubling(attempts, LIMITS.peerBackoffMinMs, LIMITS.peerBackoffMaxMs, randomness);
}
