import { LIMITS } from '../kernel/limits.js';

/** What a lane remembers of runs that were refused. */
export interface RunTrouble {
  readonly refusedCode: string | null;
  /** In a row, with that code. */
  readonly refusedTimes: number;
  /** Entries that the next run may have; null = as many as fit. */
  readonly runLimit: number | null;
}

export const NO_TROUBLE: RunTrouble = Object.freeze({ refusedCode: null, refusedTimes: 0, runLimit: null });

/** A run refused twice the same way is halved, until one entry stands alone: that is the culprit. */
export function afterRefusal(before: RunTrouble, code: string, entries: number): { readonly trouble: RunTrouble; readonly culprit: boolean } {
  const refusedTimes = before.refusedCode === code ? before.refusedTimes + 1 : 1;
  const trouble = { refusedCode: code, refusedTimes, runLimit: before.runLimit };
  if (refusedTimes < 2) return { trouble, culprit: false };
  if (entries <= 1) return { trouble: NO_TROUBLE, culprit: true };
  return { trouble: { ...trouble, runLimit: Math.floor(entries / 2) }, culprit: false };
}

/** Runs grow again while they pass; the next refusal of the same kind halves at once. */
export function afterStored(before: RunTrouble): RunTrouble {
  const runLimit = (before.runLimit ?? LIMITS.batchEntriesMax) * 2;
  return runLimit >= LIMITS.batchEntriesMax ? NO_TROUBLE : { ...before, runLimit };
}
