import { expect } from 'chai';
import { freshDatabase } from '../support/database.js';
import { FlowsProcess } from '../support/flows-process.js';
import { gateways } from '../support/gateway.js';
import { chainsHold, deadlocks, mixedLoad, readersMissNothing } from '../support/log-promises.js';

const MINUTE_S = 60;

describe('the log of a tenant, for a minute each', function () {
  this.timeout(5 * MINUTE_S * 1_000);

  it('never shows a reader a smaller position after a larger one', async () => {
    const database = await freshDatabase();
    const first = await FlowsProcess.open(database);
    const processes = [first, await FlowsProcess.open(database)];
    try {
      expect(await readersMissNothing({ database, processes }, MINUTE_S)).to.be.greaterThan(2_000);
      await chainsHold({ database });
    } finally {
      for (const process of processes) await process.close();
      await database.drop();
    }
  });

  it('has no deadlock under mixed load', async () => {
    const [gateway] = await gateways(['a.example']);
    if (gateway === undefined) throw new Error('one gateway');
    const first = await FlowsProcess.open(gateway.database);
    const processes = [first, await FlowsProcess.open(gateway.database)];
    try {
      await mixedLoad({ database: gateway.database, processes }, MINUTE_S);
      expect(await deadlocks(gateway.database)).to.equal(0);
      await chainsHold({ database: gateway.database });
    } finally {
      for (const process of processes) await process.close();
      await gateway.end();
    }
  });
});
