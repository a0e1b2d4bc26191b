import { GatewayError } from '../kernel/errors.js';
import type { PlanStep } from '../kernel/plans.js';
import type { Randomness } from '../kernel/ports.js';
import type { StepWriting } from './api/plans.js';

const ID_CHARS = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 5;

/** The steps, each with an id of its own. Throws SW_BAD_SCHEMA when one is given twice. */
export function numberedSteps(writings: readonly StepWriting[], randomness: Pick<Randomness, 'bytes'>): readonly PlanStep[] {
  const given = writings.flatMap(({ id }) => (id === null ? [] : [id]));
  const taken = new Set(given);
  if (taken.size < given.length) throw new GatewayError('SW_BAD_SCHEMA', 'step ids', { publicDetail: 'A step id is there twice.' });
  return writings.map((step) => ({ ...step, id: step.id ?? newId(taken, randomness) }));
}

function newId(taken: Set<string>, randomness: Pick<Randomness, 'bytes'>): string {
  for (;;) {
    const id = [...randomness.bytes(ID_LENGTH)].map((byte) => ID_CHARS[byte % ID_CHARS.length]).join('');
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
}
