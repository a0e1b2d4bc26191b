import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { captureStderr } from '../../support/captured-stderr.js';
import { columnsHolding } from '../../support/database-search.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { Person } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';
import { json, TestScaigrid } from '../../support/scaigrid.js';
import type { Handed } from '../../support/sidekick-work.js';

const KEY = 'sgk_of-the-operator-4711';
const PATH = '/v1/modules/scaiqueue/scopes/scope-1/queues/queue-1/messages';

interface Spawned {
  readonly task_id: string;
  readonly status: string;
}

interface Kept {
  readonly status: string;
  readonly attempts: number;
  readonly handed_over_at: string | null;
  readonly error: string | null;
}

describe("a sidekick's task on the queue of ScaiGrid", function () {
  this.timeout(60_000);
  const scaigrid = new TestScaigrid();
  const logs = { text: (): string => '', stop: (): void => undefined };
  const spawnedIds: string[] = [];
  let gateway: Gateway;
  let ann: Person;
  let room: string;

  before(async () => {
    Object.assign(logs, captureStderr());
    await scaigrid.start();
    scaigrid.keys.set(KEY, { tenantId: 'tnt_operator', isPartner: true });
    const env = { SCAIWAVE_SCAIGRID_URL: scaigrid.url, SCAIWAVE_EGRESS_ALLOW: scaigrid.address, SCAIWAVE_SCAIGRID_API_KEY: KEY, SCAIWAVE_SCAIGRID_QUEUE: 'scope-1/queue-1', SCAIWAVE_LOG_LEVEL: 'debug' };
    gateway = (await gateways(['a.example'], { env }))[0] ?? expect.fail('a gateway');
    ann = await Person.of(gateway, 'ann');
    room = (await ann.room()).id;
  });
  after(async () => {
    await gateway.end();
    await scaigrid.stop();
    logs.stop();
  });
  afterEach(async () => {
    scaigrid.misbehave = undefined;
    scaigrid.losesAnswers = false;
    for (const id of spawnedIds.splice(0)) await cancel(id);
  });

  async function spawn(body: object = {}): Promise<string> {
    const { task_id: id } = await ann.do<Spawned>('POST', `/v1/rooms/${room}/sidekicks`, { task: 'Find out', ...body });
    spawnedIds.push(id);
    return id;
  }
  const cancel = (id: string): Promise<unknown> => ann.try('POST', `/v1/rooms/${room}/sidekicks/${id}/cancel`);
  const kept = async (id: string): Promise<Kept> => (await gateway.database.asOwner<Kept>('select status, attempts, handed_over_at, error from sidekicks where task_id = $1', [id]))[0] ?? expect.fail('no such task');
  const slots = async (): Promise<number> => (await gateway.database.asOwner<{ sidekicks: number }>('select sidekicks from tenant_usage'))[0]?.sidekicks ?? -1;
  const messagesOf = (id: string): Record<string, unknown>[] => scaigrid.published.filter(({ idempotency_key: key }) => key === id);
  const triesOf = (id: string): number => scaigrid.asked.filter(({ body }) => body['idempotency_key'] === id).length;
  const handedOver = (id: string): Promise<boolean> => eventually(async () => (await kept(id)).handed_over_at !== null);
  const tryNow = (): Promise<unknown> => gateway.database.asOwner("update sidekicks set next_attempt_at = 0; update consumers set due_at = now() where consumer_id = 'duty:sidekicks' and not leased");
  const report = async ({ report_path: path, sidekick_token: token }: Handed, body: object): Promise<number> =>
    (await fetch(gateway.url + path, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify(body) })).status;

  it('names its tenant and itself, and opens the way back for its token until it has ended', async () => {
    const id = await spawn();
    await handedOver(id);
    const [tenant] = await gateway.database.asOwner<{ tenant_id: string }>('select tenant_id from tenants');
    const asked = scaigrid.asked.find(({ body }) => body['idempotency_key'] === id);
    expect(asked).to.include({ method: 'POST', path: PATH, key: KEY });
    const [message] = messagesOf(id);
    expect(message).to.deep.include({ message_type: 'sidekick.task', correlation_id: id, labels: { tenant_id: tenant?.tenant_id } });
    expect(message?.['ttl_seconds']).to.be.within(1, 300);
    const task = message?.['body'] as Handed;
    expect(task).to.deep.include({ tenant_id: tenant?.tenant_id, task_id: id, task: 'Find out', room_id: room, report_path: `/v1/sidekicks/${id}/report` });

    expect(await report(task, { status: 'running', progress: 'Reading.' })).to.equal(200);
    expect((await kept(id)).status).to.equal('running');
    expect(await report(task, { status: 'done', result: 'Found it.' })).to.equal(200);
    expect(await report(task, { status: 'running' })).to.equal(401);
    expect([(await kept(id)).status, await slots()]).to.deep.equal(['done', 0]);
  });

  it('is one message, however often its answer was lost', async () => {
    scaigrid.losesAnswers = true;
    const id = await spawn();
    await eventually(async () => (await tryNow(), triesOf(id) >= 3));
    expect(await kept(id)).to.include({ status: 'spawning', handed_over_at: null });
    scaigrid.losesAnswers = false;
    await handedOver(id);
    expect(messagesOf(id)).to.have.length(1);
  });

  it('is not handed over before the time that ScaiGrid has asked for', async () => {
    scaigrid.misbehave = (response) => json(response, 429, { status: 'error', error: { code: 'RATE_LIMITED', message: 'x' } }, { 'retry-after': '40' });
    const askedMs = Date.now();
    const id = await spawn();
    await eventually(async () => (await kept(id)).attempts === 1);
    const [row] = await gateway.database.asOwner<{ next_attempt_at: number }>('select next_attempt_at::float8 from sidekicks where task_id = $1', [id]);
    expect(row?.next_attempt_at).to.be.at.least(askedMs + 40_000);
  });

  it('is handed over once, and not again while it is under way', async () => {
    const [first, second] = [await spawn(), await spawn()];
    await handedOver(first);
    await handedOver(second);
    await tryNow();
    await report(messagesOf(second)[0]?.['body'] as Handed, { status: 'done' });
    // The farewell of the second is said by a later turn of the same duty.
    await eventually(async () => (await gateway.database.asOwner('select 1 from sidekicks where task_id = $1 and told and status = $2', [second, 'done'])).length === 1);
    expect([triesOf(first), triesOf(second)]).to.deep.equal([1, 1]);
  });

  for (const [what, misbehave] of [
    ['refuses the key', (response) => json(response, 403, { status: 'error', error: { code: 'AUTHZ_PERMISSION_DENIED', message: 'x' } })],
    ['is away', (response) => void response.writeHead(503).end()],
  ] satisfies [string, TestScaigrid['misbehave']][]) {
    it(`stays as it is while ScaiGrid ${what}, and gives its slot back once, at its time`, async () => {
      scaigrid.misbehave = misbehave;
      const [brief, long] = [await spawn({ timeout_seconds: 2 }), await spawn()];
      await eventually(async () => (await kept(long)).attempts >= 1);
      const ended = await eventually(async () => {
        const row = await kept(brief);
        return row.status !== 'spawning' && row;
      });
      expect(ended).to.include({ status: 'timed_out', handed_over_at: null, error: 'No worker could be reached in time.' });
      expect([(await kept(long)).status, await slots()]).to.deep.equal(['spawning', 1]);
      scaigrid.misbehave = undefined;
      await tryNow();
      await handedOver(long);
      expect([messagesOf(brief).length, messagesOf(long).length, await slots()]).to.deep.equal([0, 1, 1]);
    });
  }

  it('does not wait for another of which ScaiGrid says nothing', async () => {
    const waiting = new Set<ServerResponse>();
    scaigrid.misbehave = (response) => {
      waiting.add(response);
      response.on('close', () => waiting.delete(response));
    };
    await Promise.all([spawn(), spawn(), spawn()]);
    await eventually(async () => (await tryNow(), waiting.size > 1));
    for (const response of waiting) response.destroy();
  });

  it('is for a model that the tenant has enabled, its default unless asked, and for no other', async () => {
    const change = (body: object): Promise<unknown> => gateway.ask('admin', 'PUT', '/v1/admin/ai-config', body);
    const modelOf = async (body: object): Promise<unknown> => {
      const id = await spawn(body);
      await handedOver(id);
      expect((await ann.do<{ model_id: string | null }>('GET', `/v1/rooms/${room}/sidekicks/${id}`)).model_id).to.equal((messagesOf(id)[0]?.['body'] as { model_id?: string | null }).model_id);
      return (messagesOf(id)[0]?.['body'] as { model_id?: string | null }).model_id;
    };
    const rows = (): Promise<unknown> => gateway.database.asOwner("select (select count(*) from sidekicks) as tasks, (select count(*) from rooms) as rooms, (select count(*) from participants where participant_type = 'agent') as agents");
    scaigrid.models = ['maker/one', 'maker/two', 'maker/three'].map((slug) => ({ slug, display_name: slug }));

    expect(await modelOf({})).to.equal(null);
    const before = await rows();
    expectRefusal(await ann.try('POST', `/v1/rooms/${room}/sidekicks`, { task: 'x', model_id: 'maker/one' }), 'SW_AI_MODEL_DISABLED');
    await change({ enabled_models: ['maker/one', 'maker/two'], default_model: 'maker/one' });
    for (const model_id of ['maker/three', 'MAKER/ONE', 'maker/one ', '../models']) {
      expectRefusal(await ann.try('POST', `/v1/rooms/${room}/sidekicks`, { task: 'x', model_id }), 'SW_AI_MODEL_DISABLED');
    }
    expect([await rows(), await slots()]).to.deep.equal([before, 1]);
    expect([await modelOf({}), await modelOf({ model_id: 'maker/two' })]).to.deep.equal(['maker/one', 'maker/two']);
  });

  it('leaves neither token nor key in a log line or a table', async () => {
    const id = await spawn();
    await handedOver(id);
    const tokens = scaigrid.asked.map(({ body }) => (body['body'] as Handed | undefined)?.sidekick_token).filter((token) => token !== undefined);
    expect(tokens.length).to.be.above(10);
    expect(logs.text()).to.include('a sidekick could not be handed over');
    for (const secret of [...new Set(tokens), KEY]) expect(logs.text()).not.to.include(secret);
    expect(await columnsHolding(gateway.database, [...new Set(tokens), KEY])).to.deep.equal([]);
  });
});
