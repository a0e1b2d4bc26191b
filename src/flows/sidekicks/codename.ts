import type { Randomness } from '../../kernel/ports.js';

const COLOURS = ['amber', 'azure', 'cobalt', 'coral', 'copper', 'ebony', 'golden', 'hazel', 'indigo', 'ivory', 'jade', 'olive', 'scarlet', 'silver', 'teal', 'violet'] as const;
const ANIMALS = ['badger', 'crane', 'falcon', 'finch', 'fox', 'gecko', 'heron', 'ibex', 'lynx', 'marten', 'otter', 'owl', 'raven', 'stoat', 'swift', 'wren'] as const;

/** What a sidekick is called when nobody gave it a name. Two may be called the same; their ids differ. */
export function codename(randomness: Pick<Randomness, 'fraction'>): string {
  const one = <T>(words: readonly [T, ...T[]] | readonly T[]): T | undefined => words[Math.floor(randomness.fraction() * words.length)];
  return `${one(COLOURS)}-${one(ANIMALS)}`;
}
