import { expect } from 'chai';
import { between, killsWanted, pause, Siege } from '../support/siege.js';
import { describeOnStack, isRealStack, ranAgainst } from '../support/services.js';

/** Both at once now and then: neither may lean on the other's memory. */
const BOTH_SHARE = 0.2;

describeOnStack('nodes that are killed while people talk', () => {
  let siege: Siege;

  before(async function () {
    this.timeout(120_000);
    siege = await Siege.lay();
  });
  after(async function () {
    this.timeout(60_000);
    await siege.lift();
  });

  it('lose nothing that was answered 2xx, repeat nothing, and end with equal heads', async function () {
    const kills = killsWanted();
    this.timeout(60_000 + kills * 120_000);
    const begunMs = Date.now();
    for (let round = 1; round <= kills; round += 1) {
      const crowd = siege.begin();
      await pause(between(200, 1_500));
      const victims = Math.random() < BOTH_SHARE ? [siege.a, siege.b] : [Math.random() < 0.5 ? siege.a : siege.b];
      await Promise.all(victims.map((victim) => victim.kill()));
      await Promise.all(victims.map((victim) => victim.start()));
      await pause(between(100, 600));
      await crowd.end();
      expect(await siege.check(), `after kill ${round} (${victims.map(({ name }) => name).join(', ')})`).to.deep.equal([]);
    }
    const seconds = Math.round((Date.now() - begunMs) / 1_000);
    const stack = isRealStack() ? 'PostgreSQL, Redis and NATS' : 'embedded parts';
    ranAgainst('kill', `${kills} kills -9 on ${stack}: ${siege.acknowledged.length} answers checked in ${seconds} s`);
  });
});
