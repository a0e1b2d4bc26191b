import { expect } from 'chai';
import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { OwnServices } from '../support/node-storage.js';
import { describeWithOwn, isRealStack, ranAgainst } from '../support/services.js';
import { between, lossesWanted, pause, Siege } from '../support/siege.js';

/** What may be lost whole at any moment: caches and streams hold nothing that PostgreSQL does not. */
const LOSSES: Readonly<Record<string, (services: OwnServices) => Promise<void>>> = {
  'Redis is emptied': async ({ redis }) => {
    const client = new Redis(redis.port, '127.0.0.1');
    await client.flushall();
    client.disconnect();
  },
  'Redis is killed and comes back empty': async ({ redis }) => {
    await redis.kill();
    await pause(between(200, 1_000));
    await redis.start();
  },
  'JetStream loses its store': async ({ nats }) => {
    await nats.kill();
    rmSync(nats.folder, { recursive: true, force: true });
    await pause(between(200, 1_000));
    await nats.start();
  },
};

// The services are always our own, so one stack is enough.
const describeOnce = isRealStack() ? (): void => undefined : describeWithOwn;

describeOnce('redis', 'nodes that lose Redis', () => {
  describeOnce('nats', 'and JetStream while people talk', () => {
    let siege: Siege;

    before(async function () {
      this.timeout(120_000);
      siege = await Siege.onServices();
    });
    after(async function () {
      this.timeout(60_000);
      await siege.lift();
    });

    for (const [what, lose] of Object.entries(LOSSES)) {
      it(`lose nothing that was answered 2xx, and refuse nobody, when ${what}`, async function () {
        const times = lossesWanted();
        this.timeout(60_000 + times * 60_000);
        const { services } = siege;
        if (services === undefined) throw new Error('no services');
        for (let round = 1; round <= times; round += 1) {
          const crowd = siege.begin();
          await pause(between(200, 1_000));
          await lose(services);
          await pause(between(300, 800));
          await crowd.end();
          expect(await siege.check()).to.deep.equal([]);
        }
        expect(siege.troubles).to.deep.equal([]);
        ranAgainst('kill', `${times} times ${what}: ${siege.acknowledged.length} answers checked`);
      });
    }
  });
});
