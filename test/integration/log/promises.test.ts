import { expect } from 'chai';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { chainsHold, deadlocks, mixedLoad, readersMissNothing } from '../../support/log-promises.js';
import { gateways, type Gateway } from '../../support/gateway.js';

const SECONDS = 4;

describe('the log of a tenant, written by two processes', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let processes: readonly FlowsProcess[] = [];

  before(async () => {
    database = await freshDatabase();
    const first = await FlowsProcess.open(database);
    processes = [first, await FlowsProcess.open(database)];
  });
  after(async () => {
    for (const process of processes) await process.close();
    await database.drop();
  });

  it('never shows a reader a smaller position after a larger one', async () => {
    expect(await readersMissNothing({ database, processes }, SECONDS)).to.be.greaterThan(100);
  });

  it('has numbers without holes and the chain of the protocol', async () => {
    await chainsHold({ database });
  });
});

describe('mixed load on a node and a process beside it', function () {
  this.timeout(60_000);
  let gateway: Gateway;
  let processes: readonly FlowsProcess[] = [];

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    const first = await FlowsProcess.open(gateway.database);
    processes = [first, await FlowsProcess.open(gateway.database)];
  });
  after(async () => {
    for (const process of processes) await process.close();
    await gateway.end();
  });

  it('has no deadlock, and leaves whole chains', async () => {
    await mixedLoad({ database: gateway.database, processes }, SECONDS);
    expect(await deadlocks(gateway.database)).to.equal(0);
    await chainsHold({ database: gateway.database });
  });
});
