import { expect } from 'chai';
import { nodesHoldUnderLoad } from '../support/node-promises.js';
import { ranAgainst } from '../support/services.js';

const MINUTE_S = 60;

describe('two nodes that do everything at once, for a minute', function () {
  this.timeout(5 * MINUTE_S * 1_000);

  it('have no deadlock, and both have all of it', async () => {
    const done = await nodesHoldUnderLoad(MINUTE_S);
    for (const [what, times] of Object.entries(done)) expect(times, what).to.be.greaterThan(0);
    ranAgainst('mixed load of two nodes', Object.entries(done).map(([what, times]) => `${times} times ${what}`).join(', '));
  });
});
