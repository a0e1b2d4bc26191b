import { expect } from 'chai';
import { AiKeys } from '../../../src/flows/ai/ai-keys.js';
import { AiUsage } from '../../../src/flows/ai/ai-usage.js';
import { Egress } from '../../../src/egress/egress.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { ScaigridAccounting } from '../../../src/scaigrid/scaigrid-accounting.js';
import { ScaigridCall } from '../../../src/scaigrid/scaigrid-call.js';
import { ScaigridKey } from '../../../src/scaigrid/scaigrid-key.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { contract, outcome } from '../../support/fixtures.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { json, MISBEHAVIOURS, TestScaigrid, type Misbehaviour } from '../../support/scaigrid.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';
import { TestClock } from '../../support/test-clock.js';

const MONTH = 31 * 86_400_000;

describe('AI usage of a tenant', () => {
  let scaigrid: TestScaigrid;
  let egress: Egress;
  let database: TestDatabase;
  let process: FlowsProcess;
  let ctx: TenantContext;
  let clock: TestClock;

  beforeEach(async () => {
    scaigrid = await new TestScaigrid().start();
    scaigrid.keys.set('sgk_operator', { tenantId: 'tnt_operator', isPartner: true });
    egress = new Egress({ allow: [scaigrid.address] }, systemTimers, systemClock, silentMeter);
    database = await freshDatabase();
    process = await FlowsProcess.open(database);
    ctx = await process.tenant();
    clock = new TestClock(Date.UTC(2031, 0, 10));
  });
  afterEach(async () => {
    await process.close();
    await database.drop();
    await egress.close();
    await scaigrid.stop();
  });

  /** As a process of the node has it. */
  function usage({ withKey = true, withScaigrid = true } = {}): AiUsage {
    const nodeKey = withKey ? new ScaigridKey('sgk_operator', 'node') : undefined;
    const keys = new AiKeys(process.store, { open: () => 'not asked for here' }, nodeKey);
    const accounting = new ScaigridAccounting(new ScaigridCall({ url: scaigrid.url, egress, contract, meter: silentMeter }));
    return new AiUsage({ store: process.store, keys, accounting: withScaigrid ? accounting : undefined, clock, log: silentLog });
  }

  const limit = (tokens: number | null): Promise<void> => process.store.transact(ctx, ({ tenants }) => tenants.setLimits(ctx, { ai_tokens_monthly_limit: tokens }));

  it('is asked of ScaiGrid once and remembered with its age, for other processes and after a restart', async () => {
    scaigrid.tokens.set('tnt_first', 500);
    const asOfMs = clock.nowMs();
    expect(await usage().find(ctx)).to.deep.equal({ tokens: 500, limit: null, asOfMs, stale: false });
    scaigrid.tokens.set('tnt_first', 900);
    clock.advance(LIMITS.aiUsageFreshMs - 1);
    expect(await usage().find(ctx)).to.include({ tokens: 500, asOfMs });
    expect(scaigrid.asked).to.have.length(1);
    clock.advance(1);
    expect(await usage().find(ctx)).to.include({ tokens: 900, asOfMs: clock.nowMs() });
  });

  it('is asked for once by fifty callers in two processes', async () => {
    scaigrid.tokens.set('tnt_first', 500);
    const held: (() => void)[] = [];
    scaigrid.misbehave = (response) => held.push(() => json(response, 200, { data: [{ group_key: 'tnt_first', total_tokens: 500 }] }));
    const [one, two] = [usage(), usage()];
    const asked = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : two).find(ctx));
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const answer of held) answer();
    await Promise.all(asked);
    expect(scaigrid.asked).to.have.length(1);
    expect(await two.find(ctx)).to.include({ tokens: 500, stale: false });
  });

  for (const [what, misbehave] of Object.entries<Misbehaviour>({ ...Object.fromEntries(Object.entries(MISBEHAVIOURS).map(([name, one]) => [name, one.misbehave])) })) {
    it(`stays at its last known value, marked as stale, while ScaiGrid ${what}`, async () => {
      scaigrid.tokens.set('tnt_first', 500);
      const asOfMs = clock.nowMs();
      await usage().find(ctx);
      clock.advance(LIMITS.aiUsageFreshMs);
      scaigrid.misbehave = misbehave;
      expect(await usage().find(ctx)).to.deep.equal({ tokens: 500, limit: null, asOfMs, stale: true });
    });
  }

  it('is not asked for again until a while after a failure, and is current again with the next answer', async () => {
    scaigrid.tokens.set('tnt_first', 500);
    scaigrid.misbehave = (response) => void response.destroy();
    expect(await usage().find(ctx)).to.deep.equal({ tokens: null, limit: null, asOfMs: null, stale: true });
    clock.advance(LIMITS.aiUsageRetryMs - 1);
    await usage().find(ctx);
    expect(scaigrid.asked).to.have.length(1);
    scaigrid.misbehave = undefined;
    clock.advance(1);
    expect(await usage().find(ctx)).to.include({ tokens: 500, stale: false });
  });

  it('does not wait for a failure of a key that was changed meanwhile', async () => {
    scaigrid.tokens.set('tnt_first', 500);
    const held: (() => void)[] = [];
    scaigrid.misbehave = (response) => held.push(() => void response.destroy());
    const failing = usage().find(ctx);
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await process.store.transact(ctx, ({ ai }) => ai.hastenUsage(ctx));
    scaigrid.misbehave = undefined;
    for (const fail of held) fail();
    await failing;
    expect(await usage().find(ctx)).to.include({ tokens: 500, stale: false });
  });

  it('is unknown, and no failure, without ScaiGrid; unknown and stale without a key for it', async () => {
    expect(await usage({ withScaigrid: false }).find(ctx)).to.deep.equal({ tokens: null, limit: null, asOfMs: null, stale: false });
    expect(await usage({ withKey: false }).find(ctx)).to.include({ tokens: null, stale: true });
    expect(scaigrid.asked).to.deep.equal([]);
  });

  it('of the month before says nothing of this one', async () => {
    scaigrid.tokens.set('tnt_first', 500);
    await usage().find(ctx);
    clock.advance(MONTH);
    scaigrid.misbehave = (response) => void response.destroy();
    expect(await usage().find(ctx)).to.deep.equal({ tokens: null, limit: null, asOfMs: null, stale: true });
    expect(scaigrid.asked.map(({ query }) => query.get('start'))).to.deep.equal(['2031-01-01T00:00:00.000Z', '2031-02-01T00:00:00.000Z']);
  });

  it('begins anew at midnight UTC, not at midnight elsewhere', async () => {
    clock.advance(21 * 86_400_000 + 86_399_999);
    await usage().find(ctx);
    clock.advance(1);
    await usage().find(ctx);
    expect(scaigrid.asked.map(({ query }) => query.get('start'))).to.deep.equal(['2031-01-01T00:00:00.000Z', '2031-02-01T00:00:00.000Z']);
  });

  it('is the tenant’s own, whoever else asks', async () => {
    const other = await process.core.tenantMaker.create({ slug: 'second', name: 'Second', scaikeyTenantId: 'tnt_second', serverName: 'second.example', partnerId: null }, 'cli');
    scaigrid.tokens.set('tnt_first', 500).set('tnt_second', 7);
    const both = usage();
    expect([(await both.find(ctx)).tokens, (await both.find(other)).tokens]).to.deep.equal([500, 7]);
  });

  describe('against ai_tokens_monthly_limit', () => {
    const budget = (): Promise<string> => outcome(() => usage().requireBudget(ctx));

    it('lets work begin below the limit, and not at it', async () => {
      await limit(500);
      scaigrid.tokens.set('tnt_first', 499);
      expect(await budget()).to.equal('ok');
      clock.advance(LIMITS.aiUsageFreshMs);
      scaigrid.tokens.set('tnt_first', 500);
      expect(await budget()).to.equal('SW_AI_BUDGET_EXCEEDED');
    });

    it('says when the next month begins', async () => {
      await limit(0);
      const thrown: unknown = await usage().requireBudget(ctx).catch((error: unknown) => error);
      expect(thrown).to.include({ code: 'SW_AI_BUDGET_EXCEEDED', retryAfterSeconds: 22 * 86_400 });
    });

    it('asks nobody where there is no limit', async () => {
      expect(await budget()).to.equal('ok');
      expect(scaigrid.asked).to.deep.equal([]);
    });

    it('holds a changed limit at once, in every process', async () => {
      scaigrid.tokens.set('tnt_first', 500);
      await limit(501);
      expect(await budget()).to.equal('ok');
      await limit(500);
      expect(await budget()).to.equal('SW_AI_BUDGET_EXCEEDED');
      await limit(null);
      expect(await budget()).to.equal('ok');
    });

    it('holds with the last known value while ScaiGrid is away, and stops nobody for what is unknown', async () => {
      scaigrid.tokens.set('tnt_first', 500);
      await limit(500);
      expect(await budget()).to.equal('SW_AI_BUDGET_EXCEEDED');
      await scaigrid.stop();
      clock.advance(LIMITS.aiUsageFreshMs);
      expect(await budget()).to.equal('SW_AI_BUDGET_EXCEEDED');
      clock.advance(MONTH);
      expect(await budget()).to.equal('ok');
      await scaigrid.start();
    });
  });
});
