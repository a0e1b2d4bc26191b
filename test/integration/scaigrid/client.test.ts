import { inspect } from 'node:util';
import { expect } from 'chai';
import { Egress } from '../../../src/egress/egress.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseTenantId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { ScaigridAccounting } from '../../../src/scaigrid/scaigrid-accounting.js';
import { ScaigridCall } from '../../../src/scaigrid/scaigrid-call.js';
import { ScaigridKey } from '../../../src/scaigrid/scaigrid-key.js';
import { ScaigridModels } from '../../../src/scaigrid/scaigrid-models.js';
import { ScaigridQueue, type QueueJob } from '../../../src/scaigrid/scaigrid-queue.js';
import { contract } from '../../support/fixtures.js';
import { json, MISBEHAVIOURS, TestScaigrid } from '../../support/scaigrid.js';
import { silentMeter } from '../../support/silent-ports.js';

const SECRET = 'sgk_0123456789abcdef0123456789abcdef';
const SINCE_MS = Date.UTC(2031, 0, 1);

describe('the client of ScaiGrid', () => {
  const scaigrid = new TestScaigrid();
  const ours = new ScaigridKey(SECRET, 'tenant');
  const operators = new ScaigridKey('sgk_operator', 'node');
  let egress: Egress;
  let call: ScaigridCall;

  before(async () => {
    await scaigrid.start();
    egress = new Egress({ allow: [scaigrid.address] }, systemTimers, systemClock, silentMeter);
    call = new ScaigridCall({ url: scaigrid.url, egress, contract, meter: silentMeter });
    scaigrid.keys.set(SECRET, { tenantId: 'tnt_first' }).set('sgk_operator', { tenantId: 'tnt_operator', isPartner: true });
  });
  after(async () => {
    await egress.close();
    await scaigrid.stop();
  });
  beforeEach(() => {
    scaigrid.asked.splice(0);
    scaigrid.tokens.clear();
    scaigrid.misbehave = undefined;
  });

  const refusal = async (work: Promise<unknown>): Promise<GatewayError> => {
    const thrown: unknown = await work.then(() => new Error('it was answered'), (error: unknown) => error);
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  };

  describe('reads models', () => {
    const many = (count: number): { slug: string; display_name: string }[] => Array.from({ length: count }, (_, index) => ({ slug: `maker/model-${index}`, display_name: `Model ${index}` }));

    it('of all pages, in their order', async () => {
      scaigrid.models = many(LIMITS.scaigridPageItems * 2 + 1);
      const found = await new ScaigridModels(call).list(ours);
      expect(found.map(({ slug }) => slug)).to.deep.equal(scaigrid.models.map(({ slug }) => slug));
      expect(scaigrid.asked.map(({ key, query }) => [key, query.get('cursor')])).to.deep.equal([[SECRET, null], [SECRET, '100'], [SECRET, '200']]);
    });

    it('and refuses a list that does not end', async () => {
      scaigrid.misbehave = (response) => json(response, 200, { data: { items: [] }, pagination: { has_more: true, next_cursor: 'again' } });
      expect((await refusal(new ScaigridModels(call).list(ours))).code).to.equal('SW_AI_UNAVAILABLE');
      expect(scaigrid.asked).to.have.length(LIMITS.scaigridPagesMax);
    });
  });

  describe('reads the usage of a tenant', () => {
    const accounting = (): ScaigridAccounting => new ScaigridAccounting(call);

    it('by its own key, without naming it, from the first moment of the month', async () => {
      scaigrid.tokens.set('tnt_first', 1_234).set('tnt_other', 99);
      expect(await accounting().tokensSince(ours, 'tnt_first', SINCE_MS)).to.equal(1_234);
      expect(Object.fromEntries(scaigrid.asked[0]?.query ?? [])).to.deep.equal({ period: 'month', group_by: 'tenant', start: '2031-01-01T00:00:00.000Z' });
    });

    it("by the operator's key, naming it", async () => {
      scaigrid.tokens.set('tnt_first', 1_234).set('tnt_other', 99);
      expect(await accounting().tokensSince(operators, 'tnt_first', SINCE_MS)).to.equal(1_234);
      expect(scaigrid.asked[0]?.query.get('tenant_id')).to.equal('tnt_first');
    });

    it('that has used nothing yet', async () => {
      expect(await accounting().tokensSince(ours, 'tnt_first', SINCE_MS)).to.equal(0);
    });

    it("and never takes another tenant's number for it", async () => {
      scaigrid.misbehave = (response) => json(response, 200, { data: [{ group_key: 'tnt_other', total_tokens: 5 }] });
      expect((await refusal(accounting().tokensSince(operators, 'tnt_first', SINCE_MS))).code).to.equal('SW_AI_UNAVAILABLE');
      scaigrid.misbehave = (response) => json(response, 200, { data: [{ group_key: 'tnt_other', total_tokens: 5 }, { group_key: 'tnt_third', total_tokens: 6 }] });
      expect((await refusal(accounting().tokensSince(ours, 'tnt_first', SINCE_MS))).code).to.equal('SW_AI_UNAVAILABLE');
    });

    it('under whatever name ScaiGrid has for the owner of the key', async () => {
      scaigrid.misbehave = (response) => json(response, 200, { data: [{ group_key: 'tenant_acme', total_tokens: 5 }] });
      expect(await accounting().tokensSince(ours, 'tnt_first', SINCE_MS)).to.equal(5);
    });
  });

  describe('publishes a job', () => {
    const job: QueueJob = {
      type: 'sidekick.task', tenantId: parseTenantId('44444444-4444-4444-8444-444444444444'), idempotencyKey: 'task-1', correlationId: 'task-1', ttlSeconds: 300, payload: { task: 'Look it up' },
    };
    const queue = (): ScaigridQueue => new ScaigridQueue(call, operators, 'scope-1/queue-1');

    it('that names its tenant, whatever its payload says', async () => {
      await queue().submit({ ...job, payload: { ...job.payload, tenant_id: 'another' } });
      expect(scaigrid.asked[0]).to.include({ method: 'POST', path: '/v1/modules/scaiqueue/scopes/scope-1/queues/queue-1/messages', key: 'sgk_operator' });
      expect(scaigrid.asked[0]?.body).to.deep.equal({
        message_type: 'sidekick.task', content_type: 'application/json', idempotency_key: 'task-1', correlation_id: 'task-1', ttl_seconds: 300,
        labels: { tenant_id: job.tenantId }, body: { task: 'Look it up', tenant_id: job.tenantId },
      });
    });

    it('once, however often it is sent', async () => {
      const ids = [await queue().submit(job), await queue().submit(job)];
      expect(new Set(ids).size).to.equal(1);
    });
  });

  describe('when ScaiGrid', () => {
    for (const [what, { misbehave, code }] of Object.entries(MISBEHAVIOURS)) {
      it(`${what}, it refuses with ${code}`, async () => {
        scaigrid.misbehave = misbehave;
        expect((await refusal(new ScaigridAccounting(call).tokensSince(ours, 'tnt_first', SINCE_MS))).code).to.equal(code);
      });
    }

    it('asks for a wait, it is passed on within bounds', async () => {
      scaigrid.misbehave = (response) => json(response, 503, {}, { 'retry-after': '7' });
      expect((await refusal(new ScaigridModels(call).list(ours))).retryAfterSeconds).to.equal(7);
      scaigrid.misbehave = (response) => json(response, 503, {}, { 'retry-after': '999999999' });
      expect((await refusal(new ScaigridModels(call).list(ours))).retryAfterSeconds).to.equal(LIMITS.scaigridRetryAfterMaxMs / 1_000);
    });

    it('never answers, it gives up', async () => {
      scaigrid.misbehave = () => undefined;
      const error = await refusal(new ScaigridModels(call).list(ours));
      expect(error.code).to.equal('SW_AI_UNAVAILABLE');
    });
  });

  it('shows a key to nobody but ScaiGrid', async () => {
    scaigrid.misbehave = (response) => json(response, 401, { status: 'error', error: { code: 'AUTH_TOKEN_INVALID', message: `not ${SECRET}` } });
    const error = await refusal(new ScaigridModels(call).list(ours));
    for (const text of [inspect(ours, { depth: 9, showHidden: true }), JSON.stringify(ours), inspect(error, { depth: 9 }), error.publicDetail ?? '']) expect(text).not.to.include(SECRET);
  });
});
