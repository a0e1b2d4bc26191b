import { expect } from 'chai';
import { ranAgainst } from '../support/services.js';
import { Siege } from '../support/siege.js';

const ENTRIES = 2_000;
const MOUTHS = 20;

describe('a peer that is down while its room goes on', () => {
  let siege: Siege;

  before(async function () {
    this.timeout(120_000);
    siege = await Siege.lay();
  });
  after(async function () {
    this.timeout(60_000);
    await siege.lift();
  });

  it(`is given all ${ENTRIES} entries when it is back, in order, and ends with the same head`, async function () {
    this.timeout(240_000);
    await siege.b.kill();
    await siege.say(ENTRIES, MOUTHS);
    await siege.b.start();
    const begunMs = Date.now();
    expect(await siege.check()).to.deep.equal([]);
    ranAgainst('kill', `an outage of ${ENTRIES} entries, caught up in ${Math.round((Date.now() - begunMs) / 1_000)} s`);
  });
});
