import { expect } from 'chai';
import { LIMITS } from '../../src/kernel/limits.js';
import { eventually } from '../support/gateway.js';
import { processPair, type GatewayProcess } from '../support/gateway-process.js';
import { OwnPostgres } from '../support/own-postgres.js';
import { ranAgainst } from '../support/services.js';
import { pause, Siege } from '../support/siege.js';

interface Lane {
  readonly token: number;
  readonly cursor: number;
  readonly leased: boolean;
}

const LANE = `
  select c.token::float8 as token, l.cursor::float8 as cursor, c.leased
  from consumers c join lanes l using (tenant_id, consumer_id) where c.consumer_id = 'peer:b.example'`;

describe('a worker that stands still beyond its lease', () => {
  let postgres: OwnPostgres;
  let siege: Siege;
  const workers: GatewayProcess[] = [];

  before(async function () {
    this.timeout(120_000);
    postgres = await OwnPostgres.begin();
    const pair = await processPair(() => postgres.storage(), { SCAIWAVE_ROLES: 'api' });
    workers.push(await pair[0].another({ SCAIWAVE_ROLES: 'worker' }));
    siege = await Siege.on(pair, undefined);
  });
  after(async function () {
    this.timeout(60_000);
    siege.b.signal('SIGCONT');
    for (const worker of workers) await worker.end();
    await siege.lift();
    await postgres.end();
  });

  it('changes nothing when it goes on: another has done its work, and no cursor goes back', async function () {
    this.timeout(120_000);
    const [paused] = workers;
    if (paused === undefined) throw new Error('no worker');
    const lane = async (): Promise<Lane> => {
      const [row] = await siege.a.rows<Lane & Record<string, unknown>>(LANE);
      if (row === undefined) throw new Error('no lane');
      return row;
    };

    // It is stopped in the middle of a call to a peer that does not answer yet.
    siege.b.signal('SIGSTOP');
    await siege.say(20, 4);
    await eventually(async () => (await lane()).leased);
    await pause(200);
    paused.signal('SIGSTOP');
    const held = await lane();
    siege.b.signal('SIGCONT');

    workers.push(await siege.a.another({ SCAIWAVE_ROLES: 'worker' }));
    await siege.say(20, 4);
    expect(await siege.check(), 'while it stands still').to.deep.equal([]);
    // The peer may have had all of it by asking for it; the lane is another's once the lease is over.
    const taken = await eventually(async () => {
      const now = await lane();
      return now.token > held.token && now.cursor > held.cursor ? now : undefined;
    }, 2 * LIMITS.leaseMs);

    await pause(LIMITS.leaseMs * 0.2);
    paused.signal('SIGCONT');
    const seen: Lane[] = [taken];
    for (let look = 0; look < 20; look += 1) {
      await pause(100);
      seen.push(await lane());
    }
    await siege.say(20, 4);
    expect(await siege.check(), 'when it goes on').to.deep.equal([]);
    seen.push(await lane());
    for (const part of ['token', 'cursor'] as const) {
      const values = seen.map((one) => one[part]);
      expect(values, part).to.deep.equal(values.toSorted((one, other) => one - other));
    }
    ranAgainst('kill', `a worker paused beyond its lease: ${siege.acknowledged.length} answers checked`);
  });
});
