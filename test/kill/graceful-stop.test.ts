import { expect } from 'chai';
import { killsWanted, between, pause, Siege } from '../support/siege.js';
import { describeOnStack, ranAgainst } from '../support/services.js';

const STOP_MS = 10_000;

describeOnStack('nodes that are asked to stop while people talk', () => {
  let siege: Siege;

  before(async function () {
    this.timeout(120_000);
    siege = await Siege.lay();
  });
  after(async function () {
    this.timeout(60_000);
    await siege.lift();
  });

  it('answer everything that they accepted, end with 0 within 10 s, and lose nothing', async function () {
    const stops = Math.max(2, Math.ceil(killsWanted() / 5));
    this.timeout(60_000 + stops * 60_000);
    for (let round = 1; round <= stops; round += 1) {
      const node = round % 2 === 0 ? siege.a : siege.b;
      const crowd = siege.begin();
      await pause(between(300, 1_000));
      const begunMs = Date.now();
      expect(await node.stop(), node.output).to.equal(0);
      expect(Date.now() - begunMs).to.be.below(STOP_MS);
      await node.start();
      await crowd.end();
      expect(await siege.check(), `after stop ${round}`).to.deep.equal([]);
    }
    const unavailable = siege.troubles.filter(({ what }) => what === '503 SW_UNAVAILABLE');
    expect(siege.troubles.filter((trouble) => trouble.what !== 'never accepted' && !unavailable.includes(trouble)), 'cut, or refused otherwise').to.deep.equal([]);
    expect(await siege.happenedThough503()).to.deep.equal([]);
    // Whoever is under way is answered, and whoever comes later finds a closed port; a 503 is for the moment between.
    expect(unavailable.length, 'refused while it stopped').to.be.at.most(stops);
    ranAgainst('kill', `${stops} stops under load: ${siege.acknowledged.length} answers checked, none cut, ${unavailable.length} refused`);
  });
});
