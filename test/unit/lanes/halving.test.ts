import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { afterRefusal, afterStored, NO_TROUBLE, type RunTrouble } from '../../../src/lanes/halving.js';

const CODE = 'SW_FED_EVENT_INVALID';

/** Sends places 1..last to a mirror that refuses every run with a bad place; returns what was left out and in how many turns. */
function carry(last: number, bad: ReadonlySet<number>): { readonly withheld: readonly number[]; readonly turns: number } {
  const withheld: number[] = [];
  let trouble: RunTrouble = NO_TROUBLE;
  let cursor = 0;
  let turns = 0;
  while (cursor < last) {
    turns += 1;
    const size = Math.min(trouble.runLimit ?? LIMITS.batchEntriesMax, last - cursor);
    const run = Array.from({ length: size }, (_, index) => cursor + 1 + index);
    if (run.some((place) => bad.has(place) && !withheld.includes(place))) {
      const after = afterRefusal(trouble, CODE, size);
      trouble = after.trouble;
      if (after.culprit) withheld.push(cursor + 1);
    } else {
      trouble = afterStored(trouble);
      cursor += size;
    }
  }
  return { withheld, turns };
}

describe('A run that is refused', () => {
  it('is sent once more as it was', () => {
    const { trouble, culprit } = afterRefusal(NO_TROUBLE, CODE, 100);
    expect(trouble).to.deep.equal({ refusedCode: CODE, refusedTimes: 1, runLimit: null });
    expect(culprit).to.equal(false);
  });

  it('is halved when it is refused twice the same way', () => {
    const once = afterRefusal(NO_TROUBLE, CODE, 100).trouble;
    expect(afterRefusal(once, CODE, 100).trouble.runLimit).to.equal(50);
  });

  it('is not halved for two different refusals', () => {
    const once = afterRefusal(NO_TROUBLE, 'SW_INTERNAL', 100).trouble;
    expect(afterRefusal(once, CODE, 100).trouble).to.deep.equal({ refusedCode: CODE, refusedTimes: 1, runLimit: null });
  });

  it('never blames one entry for its first refusal', () => {
    expect(afterRefusal(NO_TROUBLE, CODE, 1).culprit).to.equal(false);
  });

  for (const place of [1, 2, 50, 51, 99, 100, 177]) {
    it(`leaves out place ${place} and nothing else when that is the culprit`, () => {
      const { withheld, turns } = carry(250, new Set([place]));
      expect(withheld).to.deep.equal([place]);
      expect(turns).to.be.below(40);
    });
  }

  it('finds each of several culprits', () => {
    expect(carry(300, new Set([3, 4, 150, 299])).withheld).to.deep.equal([3, 4, 150, 299]);
  });
});
