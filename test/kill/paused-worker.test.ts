import { expect } from 'chai';
import { PausedWorker, wentBack } from '../support/paused-worker.js';
import { ranAgainst } from '../support/services.js';

/** The lease is ended by hand; `test/away` waits for its end. */
describe('a worker that is stopped while another takes its lease', () => {
  let stage: PausedWorker;

  before(async function () {
    this.timeout(120_000);
    stage = await PausedWorker.begin();
  });
  after(async function () {
    this.timeout(60_000);
    await stage.end();
  });

  it('changes nothing when it resumes, though the answer it waited for has come', async function () {
    this.timeout(60_000);
    const { siege } = stage;
    const held = await stage.stopInACall();
    await stage.endLease();
    await stage.relieve();
    await siege.say(20, 4);
    const taken = await stage.taken(held, 20_000);
    const seen = [held, taken, ...(await stage.resume())];
    await siege.say(20, 4);
    expect(await siege.check()).to.deep.equal([]);
    expect(wentBack([...seen, await stage.lane()])).to.deep.equal([]);
    ranAgainst('kill', `a worker stopped while another took its lease: ${siege.acknowledged.length} answers checked`);
  });
});
