import { expect } from 'chai';
import { nodesHoldUnderLoad } from '../support/node-promises.js';

describe('two nodes that do everything at once, for a moment', function () {
  this.timeout(120_000);

  it('have no deadlock, and both have all of it', async () => {
    const done = await nodesHoldUnderLoad(2);
    for (const [what, times] of Object.entries(done)) expect(times, what).to.be.greaterThan(0);
  });
});
