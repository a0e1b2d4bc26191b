import { expect } from 'chai';
import type { AuditRecord } from '../../../src/protocol/audit.js';
import { AuditedGateway, SECOND_ADMIN } from '../../support/audited-gateway.js';

const ADMIN = '@admin:first.example';

describe('GET /v1/admin/audit', function () {
  this.timeout(60_000);
  let node: AuditedGateway;
  let bridge: string;
  let theirBridge: string;
  let all: readonly AuditRecord[];

  before(async () => {
    node = await AuditedGateway.open();
    const { gateway } = node;
    bridge = await node.bridge(await node.room());
    await gateway.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['b.example'] });
    await gateway.ask('admin', 'POST', `/v1/admin/bridges/${bridge}/pause`);
    await gateway.ask('admin', 'POST', `/v1/admin/bridges/${bridge}/resume`);
    theirBridge = await node.bridge(await node.room(SECOND_ADMIN), SECOND_ADMIN, 'Theirs');
    all = await node.pages();
  });
  after(() => node.gateway.end());

  const seqs = (records: readonly AuditRecord[]): readonly number[] => records.map(({ seq }) => seq);
  const fitting = (fits: (record: AuditRecord) => boolean): readonly number[] => seqs(all.filter(fits));

  it('shows every act, newest first', () => {
    expect(seqs(all)).to.deep.equal(Array.from(all, (_, index) => all.length - index));
    expect(all.slice(0, 4).map(({ act }) => act)).to.deep.equal(['bridge.resumed', 'bridge.paused', 'federation.policy_changed', 'bridge.created']);
    expect(all[0]).to.deep.include({ target: bridge, detail: { from: 'here' } });
    expect(all[0]?.actor).to.include({ name: ADMIN, role: 'tenant_admin' });
  });

  const FILTERS: readonly (readonly [query: string, fits: (record: AuditRecord) => boolean])[] = [
    [`actor=${encodeURIComponent(ADMIN)}`, ({ actor }) => actor['name'] === ADMIN],
    ['actor=system', ({ actor }) => actor['name'] === 'system'],
    ['act=bridge.paused', ({ act }) => act === 'bridge.paused'],
    ['act=bridge.*', ({ act }) => act.startsWith('bridge.')],
    ['act=signing_key.*', ({ act }) => act.startsWith('signing_key.')],
    [`act=bridge.*&actor=${encodeURIComponent(ADMIN)}`, ({ act }) => act.startsWith('bridge.')],
  ];
  for (const [query, fits] of FILTERS) {
    it(`filters by ${decodeURIComponent(query)}`, async () => {
      const expected = fitting(fits);
      expect(expected.length).to.be.within(1, all.length - 1);
      expect(seqs(await node.pages(query))).to.deep.equal(expected);
      expect(seqs(await node.pages(query, 1))).to.deep.equal(expected);
    });
  }

  it('filters by what was acted upon', async () => {
    expect(seqs(await node.pages(`target=${bridge}`))).to.deep.equal(fitting(({ target }) => target === bridge));
    expect(await node.pages(`target=${bridge.toUpperCase()}`)).to.deep.equal([]);
  });

  it('filters by time: since is included, until is not', async () => {
    const at = all.find(({ act }) => act === 'bridge.created')?.at ?? '';
    expect(seqs(await node.pages(`since=${at}`))).to.deep.equal(fitting((record) => record.at >= at));
    expect(seqs(await node.pages(`until=${at}`))).to.deep.equal(fitting((record) => record.at < at));
    const next = new Date(Date.parse(at) + 1).toISOString();
    expect(seqs(await node.pages(`since=${at}&until=${next}`))).to.deep.equal(fitting((record) => record.at === at));
  });

  it('pages without a gap or a repetition while acts are added', async () => {
    const before = await node.pages();
    const paged = await node.pages('', 2, () => node.gateway.ask('admin', 'POST', `/v1/admin/bridges/${bridge}/pause`));
    expect(paged).to.deep.equal(before);
    expect((await node.pages()).length).to.be.greaterThan(before.length);
  });

  it('ends with no cursor where nothing is found', async () => {
    expect(await node.page('from=0')).to.deep.equal({ items: [], hasMore: false, cursor: null });
    expect(await node.page('act=bridge.ended')).to.deep.equal({ items: [], hasMore: false, cursor: null });
  });

  const BAD = [
    'actor=', 'actor=admin', 'actor=SYSTEM', 'actor=@admin', 'act=', 'act=bridge', 'act=bridge.', 'act=*', 'act=.*', 'act=b*', 'act=nothing.*', 'act=bridge.painted', 'act=bridge.%25',
    'since=yesterday', 'since=2026-01-31', 'since=2026-02-30T00:00:00Z', 'since=2026-01-31T25:00:00Z', 'since=2026-01-31T00:00:00', 'until=1700000000000',
    'since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z', 'since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z',
    'target=%00', `target=${'a'.repeat(321)}`, 'limit=0', 'limit=201', 'from=-1', 'from=1e3', 'from=9007199254740992', 'act=bridge.paused&act=bridge.resumed',
  ];
  for (const query of BAD) {
    it(`refuses ${query.slice(0, 60)}`, async () => {
      const { status, body } = await node.gateway.call('admin', 'GET', `/v1/admin/audit?${query}`);
      expect({ status, code: body.error?.code }).to.deep.equal({ status: 400, code: 'SW_BAD_REQUEST' });
    });
  }

  it('refuses members', async () => {
    const { status, body } = await node.gateway.call('bob', 'GET', '/v1/admin/audit');
    expect({ status, code: body.error?.code }).to.deep.equal({ status: 403, code: 'SW_AUTH_INSUFFICIENT_PERMISSION' });
  });

  it('shows nothing of another tenant, whatever is asked', async () => {
    const [mine] = all;
    expect(new Set((await node.pages()).map(({ tenant_id: tenant }) => tenant))).to.deep.equal(new Set([mine?.tenant_id]));
    for (const query of [`target=${theirBridge}`, 'actor=@admin:second.example', 'actor=cli']) expect(await node.pages(query), query).to.deep.equal([]);
    const theirs = await node.page('', SECOND_ADMIN);
    expect(theirs.items.map(({ act }) => act)).to.include.members(['tenant.created', 'bridge.created']);
    expect(theirs.items.filter(({ tenant_id: tenant }) => tenant === mine?.tenant_id)).to.deep.equal([]);
  });
});
