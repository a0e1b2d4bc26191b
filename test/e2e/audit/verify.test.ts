import { expect } from 'chai';
import * as app from '../../../src/app.js';
import { scaiwave } from '../../../src/cli/scaiwave.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import { loadConfig } from '../../../src/config/config.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { AuditedGateway } from '../../support/audited-gateway.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

describe('scaiwave audit verify', function () {
  this.timeout(60_000);
  let node: AuditedGateway;

  before(async () => {
    node = await AuditedGateway.open();
    const bridge = await node.bridge(await node.room());
    await node.gateway.ask('admin', 'POST', `/v1/admin/bridges/${bridge}/pause`);
  });
  after(() => node.gateway.end());

  /** Exit code, and what was said. */
  async function verify(...words: string[]): Promise<{ readonly code: number; readonly out: readonly string[]; readonly err: readonly string[] }> {
    const [out, err]: [string[], string[]] = [[], []];
    const terminal: Terminal = { out: (line) => void out.push(line), err: (line) => void err.push(line), onSignal: () => undefined, exit: () => undefined, clock: systemClock, timers: systemTimers };
    const { database, name } = node.gateway;
    const config = loadConfig({ SCAIWAVE_DB_URL: database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: name, SCAIWAVE_LOG_LEVEL: 'error' });
    return { code: await scaiwave(app, ['audit', 'verify', ...words], terminal, () => config), out, err };
  }
  const tamper = (statement: string): Promise<unknown> => node.gateway.database.asOwner(`set session_replication_role = replica; ${statement}; set session_replication_role = default`);

  it('holds for every tenant of a node that was left alone, and says where each ends', async () => {
    const [head] = await node.pages('', 1);
    const { code, out } = await verify();
    expect(code).to.equal(0);
    expect(out).to.have.length(2);
    expect(out).to.include(`first: ${head?.seq} rows hold, head ${head?.seq} ${head?.hash}`);
  });

  it('fails at the first row that was changed, and for that tenant alone', async () => {
    const [paused] = await node.pages('act=bridge.paused');
    await tamper(`update audit set target = 'another' where act = 'bridge.paused'`);
    const { code, out, err } = await verify();
    expect(code).to.equal(1);
    expect(out.join('\n')).to.include(`row ${paused?.seq} is bad: its content does not have its hash`);
    expect(err).to.deep.equal(['The audit does not hold: first.']);
    expect(await verify('--tenant', 'second')).to.include({ code: 0 });
    await tamper(`update audit set target = '${paused?.target}' where act = 'bridge.paused'`);
    expect(await verify()).to.include({ code: 0 });
  });

  it('fails where a row was taken out', async () => {
    const [created] = await node.pages('act=bridge.created');
    await tamper(`delete from audit where act = 'bridge.created'`);
    const { code, out } = await verify('--tenant', 'first');
    expect(code).to.equal(1);
    expect(out.join()).to.include(`row ${(created?.seq ?? 0) + 1} is bad: row ${created?.seq} is missing before it`);
  });

  it('says so of a tenant that is not there', async () => {
    const { code, err } = await verify('--tenant', 'nobody');
    expect(code).to.equal(1);
    expect(err.join()).to.include('SW_TENANT_NOT_FOUND');
  });
});
