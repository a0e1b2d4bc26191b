import { expect } from 'chai';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAuditExport } from '../../../src/app.js';
import type { AuditLineView } from '../../../src/flows/api/audit.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { AUDIT_GENESIS } from '../../../src/protocol/audit.js';
import { AuditedGateway, SECOND_ADMIN } from '../../support/audited-gateway.js';
import { contract } from '../../support/fixtures.js';
import { tokenOf } from '../../support/http-caller.js';

describe('GET /v1/admin/audit/export', function () {
  this.timeout(90_000);
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-audit-'));
  const path = join(folder, 'audit.ndjson');
  let node: AuditedGateway;
  let bridge: string;

  before(async () => {
    node = await AuditedGateway.open();
    bridge = await node.bridge(await node.room());
    for (const step of ['pause', 'resume', 'pause']) await node.gateway.ask('admin', 'POST', `/v1/admin/bridges/${bridge}/${step}`);
  });
  after(async () => {
    await node.gateway.end();
    rmSync(folder, { recursive: true });
  });

  const asked = (query = '', who = 'admin', method = 'GET'): Promise<Response> => fetch(`${node.gateway.url}/v1/admin/audit/export?${query}`, { method, headers: { authorization: `Bearer ${tokenOf(who)}` } });
  const exported = async (query = '', who = 'admin'): Promise<string> => {
    const response = await asked(query, who);
    expect(response.status).to.equal(200);
    return response.text();
  };
  const linesOf = (text: string): AuditLineView[] => text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as AuditLineView);
  const badIn = async (text: string): Promise<string> => {
    writeFileSync(path, text);
    const { bad } = await checkAuditExport(path);
    return bad === null ? 'holds' : `${bad.line}: ${bad.why}`;
  };

  it('has what the pages have, oldest first, and ends with the head', async () => {
    const response = await asked();
    expect(response.headers.get('content-type')).to.equal('application/x-ndjson');
    expect(response.headers.get('cache-control')).to.equal('no-store');
    const lines = linesOf(await response.text());
    for (const line of lines) contract.validate('api/audit-line', line);
    const records = [...(await node.pages())].reverse();
    const last = records.at(-1);
    expect(lines.slice(0, -1)).to.deep.equal(records);
    expect(lines.at(-1)).to.deep.equal({ head: { seq: last?.seq, hash: last?.hash }, records: records.length, whole: true });
  });

  it('says of a filtered one that it is no whole chain, and still what the head is', async () => {
    const head = (await node.pages())[0];
    const records = [...(await node.pages('act=bridge.resumed'))].reverse();
    expect(linesOf(await exported('act=bridge.resumed'))).to.deep.equal([...records, { head: { seq: head?.seq, hash: head?.hash }, records: 1, whole: false }]);
    expect(linesOf(await exported('act=bridge.ended'))).to.deep.equal([{ head: { seq: head?.seq, hash: head?.hash }, records: 0, whole: false }]);
  });

  it('is followed without the node', async () => {
    const [head] = await node.pages();
    writeFileSync(path, await exported());
    expect(await checkAuditExport(path)).to.deep.equal({ records: head?.seq, head: { seq: head?.seq, hash: head?.hash }, whole: true, bad: null });
    writeFileSync(path, await exported('act=bridge.*'));
    expect(await checkAuditExport(path)).to.deep.equal({ records: 4, head: { seq: head?.seq, hash: head?.hash }, whole: false, bad: null });
  });

  it('shows where it was changed or cut', async () => {
    const text = await exported();
    const lines = text.split('\n');
    const end = lines.length - 1;
    const without = (line: number): string => lines.filter((_, index) => index !== line - 1).join('\n');
    expect(await badIn(text)).to.equal('holds');
    expect(await badIn(text.replace('"here"', '"now"'))).to.match(/^\d+: its content does not have its hash$/);
    expect(await badIn(without(3))).to.equal('3: record 3 is missing before it');
    expect(await badIn(without(1))).to.equal('1: record 1 is missing before it');
    expect(await badIn(without(end - 1))).to.match(new RegExp(`^${end - 1}: it says ${end - 1} records`));
    expect(await badIn(without(end))).to.equal(`${end}: the end is missing: something was cut off`);
    expect(await badIn(text.slice(0, -40))).to.equal(`${end}: it is not JSON`);
    expect(await badIn('')).to.equal('1: the end is missing: something was cut off');
    expect(await badIn(text + text)).to.equal(`${end + 1}: it comes after the end`);
    expect(await badIn([lines[1], lines[0], ...lines.slice(2)].join('\n'))).to.equal('1: record 1 is missing before it');
    expect(await badIn(text.replace(/"head":\{"seq":\d+/, '"head":{"seq":1000'))).to.match(new RegExp(`^${end}: its head 1000`));
    expect(await badIn(text.replace(/("head":\{"seq":\d+,"hash":")[0-9a-f]{64}/, `$1${AUDIT_GENESIS}`))).to.match(new RegExp(`^${end}: its head`));
    expect(await badIn(text.replace('"seq":2,', '"seq":2,"seq":2,'))).to.equal('2: it is not JSON');
    expect(await badIn(text.replace('"seq":2,', '"seq":2,"more":1,'))).to.match(/^2: At /);
  });

  it('shows a changed record in a filtered one', async () => {
    expect(await badIn((await exported('act=bridge.resumed')).replace('"here"', '"now"'))).to.equal('1: its content does not have its hash');
  });

  const BAD = ['act=nothing', 'actor=admin', 'since=yesterday', 'since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z'];
  for (const query of BAD) {
    it(`refuses ${query}`, async () => {
      const response = await asked(query);
      expect([response.status, await response.json()]).to.have.nested.property('[1].error.code', 'SW_BAD_REQUEST');
    });
  }

  it('refuses members', async () => {
    const response = await asked('', 'bob');
    expect([response.status, await response.json()]).to.have.nested.property('[1].error.code', 'SW_AUTH_INSUFFICIENT_PERMISSION');
  });

  it('holds nothing of another tenant', async () => {
    const mine = linesOf(await exported());
    const theirs = linesOf(await exported('', SECOND_ADMIN));
    const tenants = (lines: readonly AuditLineView[]): ReadonlySet<string> => new Set(lines.flatMap((line) => ('records' in line ? [] : [line.tenant_id])));
    expect([tenants(mine).size, tenants(theirs).size]).to.deep.equal([1, 1]);
    expect(tenants(mine)).not.to.deep.equal(tenants(theirs));
    expect(await exported('actor=cli')).not.to.include('tenant.created');
  });

  describe('of a long audit', () => {
    const rows = 4 * LIMITS.auditReadMax;

    before(async () => {
      const [head] = await node.pages('', 1);
      await node.gateway.database.asOwner(
        `insert into audit (tenant_id, actor, act, detail) select '${head?.tenant_id}', '{"name": "cli"}', 'bridge.paused', jsonb_build_object('reason', repeat('x', 1000)) from generate_series(1, ${rows})`,
      );
    });

    it('is whole', async () => {
      const text = await exported();
      expect(await badIn(text)).to.equal('holds');
      expect(linesOf(text).at(-1)).to.include({ records: linesOf(text).length - 1, whole: true });
    });

    it('stops where it was when it began, though acts are added while it is read', async () => {
      const response = await asked();
      await node.gateway.ask('admin', 'POST', `/v1/admin/bridges/${bridge}/resume`);
      const text = await response.text();
      expect(await badIn(text)).to.equal('holds');
      expect(linesOf(text).length).to.equal(linesOf(await exported()).length - 1);
    });

    it('is let go when its reader hangs up', async () => {
      const { gateway } = node;
      await new Promise<void>((resolve) => {
        const call = request(`${gateway.url}/v1/admin/audit/export`, { headers: { authorization: `Bearer ${tokenOf('admin')}` } }, (response) => {
          response.once('data', () => call.destroy());
        });
        call.on('error', () => undefined).on('close', resolve).end();
      });
      expect(await badIn(await exported())).to.equal('holds');
    });

    it('answers HEAD without reading it', async () => {
      const response = await asked('', 'admin', 'HEAD');
      expect([response.status, response.headers.get('content-type'), await response.text()]).to.deep.equal([200, 'application/x-ndjson', '']);
    });
  });
});
