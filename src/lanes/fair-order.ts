import type { Randomness } from '../kernel/ports.js';

/** Shuffled, so that processes reach for different work; one of each tenant before the second of any. */
export function fairOrder<T extends { readonly tenant_id: string }>(due: readonly T[], randomness: Pick<Randomness, 'fraction'>): readonly T[] {
  const rounds: T[][] = [];
  const taken = new Map<string, number>();
  for (const item of shuffled(due, randomness)) {
    const round = taken.get(item.tenant_id) ?? 0;
    taken.set(item.tenant_id, round + 1);
    (rounds[round] ??= []).push(item);
  }
  return rounds.flat();
}

function shuffled<T>(items: readonly T[], randomness: Pick<Randomness, 'fraction'>): readonly T[] {
  return items
    .map((item) => ({ item, rank: randomness.fraction() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
