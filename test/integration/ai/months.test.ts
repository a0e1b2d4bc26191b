import { expect } from 'chai';
import { Egress } from '../../../src/egress/egress.js';
import { AiKeys } from '../../../src/flows/ai/ai-keys.js';
import { AiMonths } from '../../../src/flows/ai/ai-months.js';
import { AiUsage } from '../../../src/flows/ai/ai-usage.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { tenantDuties, type Duty } from '../../../src/lanes/duties.js';
import { ScaigridAccounting } from '../../../src/scaigrid/scaigrid-accounting.js';
import { ScaigridCall } from '../../../src/scaigrid/scaigrid-call.js';
import { ScaigridKey } from '../../../src/scaigrid/scaigrid-key.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { contract } from '../../support/fixtures.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { MISBEHAVIOURS, TestScaigrid } from '../../support/scaigrid.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';
import { TestClock } from '../../support/test-clock.js';

const [MINUTE, HOUR] = [60_000, 3_600_000];
const FEBRUARY = Date.UTC(2031, 1, 1);

describe('AI tokens of a month that is over', () => {
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
    // The database has a clock of its own, by which the tenant was made.
    await database.asOwner('delete from usage_months');
    clock = new TestClock(FEBRUARY - 30 * MINUTE);
  });
  afterEach(async () => {
    await process.close();
    await database.drop();
    await egress.close();
    await scaigrid.stop();
  });

  /** The hourly duty; as often as it says that there is more. */
  async function turn({ withScaigrid = true } = {}): Promise<void> {
    const { store } = process;
    const keys = new AiKeys(store, { open: () => 'not asked for here' }, new ScaigridKey('sgk_operator', 'node'));
    const accounting = withScaigrid ? new ScaigridAccounting(new ScaigridCall({ url: scaigrid.url, egress, contract, meter: silentMeter })) : undefined;
    const parts = { store, keys, accounting, clock, log: silentLog };
    const nobody = { rotateIfDue: () => Promise.reject(new Error('another duty')), run: () => Promise.reject(new Error('another duty')) };
    const duty: Duty | undefined = tenantDuties({ ...parts, keys: nobody, aiUsage: new AiUsage(parts), aiMonths: new AiMonths(parts), mediaSweep: nobody, syncScaikey: undefined, sidekicks: nobody }).get('duty:usage');
    while ((await duty?.(ctx, new AbortController().signal)) === true);
  }
  const at = (ms: number): void => clock.advance(ms - clock.nowMs());
  const spend = (atMs: number, tokens: number): unknown => scaigrid.spent.push({ tenant: 'tnt_first', atMs, tokens });
  const months = async (): Promise<Record<string, number | null>> =>
    Object.fromEntries((await database.asOwner<{ month: string; tokens: number | null }>('select month, ai_tokens::integer as tokens from usage_months order by 1')).map(({ month, tokens }) => [month, tokens]));
  const starts = (): (string | undefined)[] => scaigrid.asked.splice(0).map(({ query }) => query.get('start')?.slice(0, 'yyyy-mm'.length));

  it('are those to its last millisecond, and none of the next', async () => {
    spend(clock.nowMs() - 1, 500);
    await turn();
    expect(await months()).to.deep.equal({ '2031-01': 500 });
    spend(FEBRUARY - 1, 70);
    spend(FEBRUARY, 5);
    at(FEBRUARY + 30 * MINUTE);
    await turn();
    expect(await months()).to.deep.equal({ '2031-01': 570, '2031-02': 5 });
  });

  it('are asked for once', async () => {
    await turn();
    at(FEBRUARY + 30 * MINUTE);
    starts();
    await turn();
    expect(starts()).to.deep.equal(['2031-02', '2031-01', '2031-02']);
    clock.advance(HOUR);
    await turn();
    expect(starts()).to.deep.equal(['2031-02']);
  });

  it('are not asked for before ScaiGrid has had a moment for the last of them', async () => {
    await turn();
    at(FEBRUARY + LIMITS.aiMonthSettlesMs - 1);
    starts();
    await turn();
    expect(starts()).to.deep.equal(['2031-02']);
    spend(FEBRUARY - 1, 70);
    clock.advance(1);
    await turn();
    expect(await months()).to.include({ '2031-01': 70 });
  });

  it('are all there of a tenant that stood still over the ends of two months', async () => {
    spend(clock.nowMs() - 1, 500);
    await turn();
    spend(FEBRUARY - 1, 70);
    spend(FEBRUARY, 8);
    const march = Date.UTC(2031, 2, 1);
    spend(march - 1, 9);
    spend(march, 6);
    at(march + 4 * 86_400_000);
    await turn();
    expect(await months()).to.deep.equal({ '2031-01': 570, '2031-02': 17, '2031-03': 6 });
  });

  it('are looked for no more than a year back', async () => {
    await turn();
    at(Date.UTC(2033, 5, 10));
    starts();
    await turn();
    expect(starts().filter((_, index) => index % 2 === 1)).to.deep.equal([...Array.from({ length: 7 }, (_, n) => `2032-${String(n + 6).padStart(2, '0')}`), ...Array.from({ length: 5 }, (_, n) => `2033-0${n + 1}`)]);
  });

  it('stay as they were told last while ScaiGrid is away, and are made up for when it is back', async () => {
    spend(clock.nowMs() - 1, 500);
    await turn();
    spend(FEBRUARY - 1, 70);
    at(FEBRUARY + 30 * MINUTE);
    scaigrid.misbehave = MISBEHAVIOURS['hangs up']?.misbehave;
    await turn();
    expect(await months()).to.include({ '2031-01': 500 });
    scaigrid.misbehave = undefined;
    clock.advance(HOUR);
    await turn();
    expect(await months()).to.include({ '2031-01': 570 });
  });

  it('are never fewer than what was told before', async () => {
    spend(clock.nowMs() - 1, 500);
    await turn();
    scaigrid.spent.splice(0);
    at(FEBRUARY + 30 * MINUTE);
    await turn();
    expect(await months()).to.include({ '2031-01': 500 });
  });

  it('are asked of nobody without ScaiGrid', async () => {
    await turn({ withScaigrid: false });
    at(FEBRUARY + 30 * MINUTE);
    await turn({ withScaigrid: false });
    expect(scaigrid.asked).to.deep.equal([]);
    expect(await months()).to.deep.equal({ '2031-01': null, '2031-02': null });
  });
});
