import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { connect } from 'nats';
import { taskStreamOf } from '../../src/streams/task-wire.js';
import { eventually } from '../support/gateway.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { NatsWorker } from '../support/nats-worker.js';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import type { NodeStorage } from '../support/node-storage.js';
import { freePort, ownNats, type OwnProcess } from '../support/processes.js';
import { describeWith, namedService } from '../support/services.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';

describeWith('nats', 'a node that is killed between a task and its handing over', () => {
  const stream = `sw_test_${randomUUID().slice(0, 8)}`;
  let nats: OwnProcess | undefined;
  let url: string;
  let node: GatewayProcess;
  let database: TestDatabase;

  before(async function () {
    this.timeout(60_000);
    database = await freshDatabase();
    const storage: NodeStorage = { env: { SCAIWAVE_DB_URL: database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS }, ownerUrl: async () => database.ownerUrl, remove: async () => undefined };
    nats = namedService('nats') === undefined ? await ownNats() : undefined;
    url = namedService('nats') ?? `nats://127.0.0.1:${nats?.port}`;
    const env = { SCAIWAVE_NATS_URL: url, SCAIWAVE_NATS_STREAM: stream, SCAIWAVE_NATS_PREFIX: stream };
    // A process that only answers hands nothing over: whatever it accepts is still to be handed over when it dies.
    node = new GatewayProcess('a.example', await freePort(), storage, { ...env, SCAIWAVE_ROLES: 'api' });
    await node.start();
  });
  after(async () => {
    await node.end();
    await database.drop();
    const connection = await connect({ servers: new URL(url).host });
    const manager = await connection.jetstreamManager();
    for (const name of [stream, taskStreamOf(stream)]) await manager.streams.delete(name).catch(() => false);
    await connection.close();
    await nats?.remove();
  });

  it('neither loses the task nor doubles it, and its slot is free when it is done', async () => {
    const { id: room } = await node.ask<{ id: string }>('ann', 'POST', '/v1/rooms', { room_type: 'group', name: 'A room' });
    const tasks = await Promise.all([1, 2, 3].map((number) => node.ask<{ task_id: string }>('ann', 'POST', `/v1/rooms/${room}/sidekicks`, { task: `task ${number}` })));
    await node.kill();
    expect(await node.rows('select 1 from sidekicks where handed_over_at is null')).to.have.length(3);

    const first = await node.another({ SCAIWAVE_ROLES: 'api,scheduler' });
    await eventually(async () => (await node.rows('select 1 from sidekicks where handed_over_at is not null')).length > 0, 60_000);
    await first.kill();
    // Whoever was killed may have handed over what it could not write down any more.
    await node.rows("update sidekicks set handed_over_at = null where sealed_token is not null");
    const second = await node.another({ SCAIWAVE_ROLES: 'api,scheduler' });
    try {
      await eventually(async () => (await node.rows('select 1 from sidekicks where handed_over_at is not null')).length === 3, 60_000);
      const worker = await NatsWorker.open(url, taskStreamOf(stream));
      const came: string[] = [];
      for (let next = await worker.next(); next !== undefined; next = await worker.next(2_000)) {
        came.push(next.task.task_id);
        const response = await fetch(second.url + next.task.report_path, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${next.task.sidekick_token}` }, body: JSON.stringify({ status: 'done', result: 'r' }) });
        expect(response.status).to.equal(200);
      }
      await worker.close();
      expect(came.sort()).to.deep.equal(tasks.map(({ task_id }) => task_id).sort());
      expect((await node.rows<{ sidekicks: number }>('select sidekicks from tenant_usage'))[0]?.sidekicks).to.equal(0);
      await eventually(async () => (await node.rows("select 1 from rooms where room_type = 'sidekick' and state = 'closed'")).length === 3, 30_000);
    } finally {
      await second.end();
    }
  }).timeout(180_000);
});
