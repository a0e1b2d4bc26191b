import { expect } from 'chai';
import { LIMITS } from '../../src/kernel/limits.js';
import { PausedWorker, wentBack } from '../support/paused-worker.js';
import { ranAgainst } from '../support/services.js';
import { pause } from '../support/siege.js';

describe('a worker that stands still beyond its lease', () => {
  let stage: PausedWorker;

  before(async function () {
    this.timeout(120_000);
    stage = await PausedWorker.begin();
  });
  after(async function () {
    this.timeout(60_000);
    await stage.end();
  });

  it('changes nothing when it goes on: another has done its work, and no cursor goes back', async function () {
    this.timeout(120_000);
    const { siege } = stage;
    const held = await stage.stopInACall();
    await stage.relieve();
    await siege.say(20, 4);
    expect(await siege.check(), 'while it stands still').to.deep.equal([]);
    // The peer may have had all of it by asking for it; the lane is another's once the lease is over.
    const taken = await stage.taken(held, 2 * LIMITS.leaseMs);

    await pause(LIMITS.leaseMs * 0.2);
    const seen = [held, taken, ...(await stage.resume())];
    await siege.say(20, 4);
    expect(await siege.check(), 'when it goes on').to.deep.equal([]);
    expect(wentBack([...seen, await stage.lane()])).to.deep.equal([]);
    ranAgainst('kill', `a worker paused beyond its lease: ${siege.acknowledged.length} answers checked`);
  });
});
