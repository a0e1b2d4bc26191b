import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PLANS, specsOf } from '../../support/plans.js';
import { ROOT } from '../../support/sources.js';

describe('the plans of test runs', () => {
  for (const [name, { groups }] of Object.entries(PLANS)) {
    it(`${name} names nothing that is not there`, () => {
      expect(groups.flat().filter((part) => !existsSync(join(ROOT, 'test', part)))).to.deep.equal([]);
    });
  }

  for (const stack of ['embedded', 'real']) {
    it(`${stack} kills and stops nodes under load, the kills three times`, () => {
      const plan = PLANS[stack];
      const specs = specsOf((plan?.groups ?? []).flat());
      for (const file of ['test/kill/kill.test.ts', 'test/kill/graceful-stop.test.ts']) expect(specs).to.include.oneOf(['test/kill/**/*.test.ts', file]);
      expect(plan?.env).to.include({ SCAIWAVE_TEST_STACK: stack, SCAIWAVE_TEST_KILLS: '3' });
    });
  }
});
