import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { policyOf, type FederationPolicy } from '../../../src/kernel/federation-policy.js';
import type { ServerName } from '../../../src/kernel/ids.js';
import type { RateStanding } from '../../../src/kernel/rates.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS } from '../../../src/kernel/tenant-limits.js';
import { LocalCache } from '../../../src/store/cache/local-cache.js';
import type { PeerCallWhole } from '../../../src/verify/peer-head.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FakePeer, type CallOptions } from '../../support/fake-peer.js';
import { outcome } from '../../support/fixtures.js';
import { named, newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { TestClock } from '../../support/test-clock.js';

describe('a request of another server', () => {
  let database: TestDatabase;
  let clock: TestClock;
  let node: PeerProcess;
  let ctx: TenantContext;
  let home: ServerName;
  let peer: FakePeer;
  let names = 0;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    names += 1;
    clock = new TestClock();
    peer = new FakePeer('b.example', () => clock.nowMs());
    node = peerProcess({ database, clock, source: async (server) => answered(server) });
    ctx = await newTenant(node, `v${names}.example`);
    home = ctx.serverName;
  });

  function answered(server: string): Buffer {
    if (server !== peer.server) throw new GatewayError('SW_FED_PEER_UNREACHABLE', server);
    return peer.document();
  }

  const screened = (call: PeerCallWhole) => outcome(() => node.verifier.screen(call));
  const verified = (call: PeerCallWhole) => outcome(() => node.verifier.verify(call));
  const meet = () => node.directory.fetchNow(ctx, peer.server);
  const setPolicy = async (policy: Partial<FederationPolicy>) => {
    await node.store.transact(ctx, ({ tenants }) => tenants.setPolicy(ctx, policyOf(policy)));
    clock.advance(LIMITS.tenantCacheMs);
  };
  const allow = async (perMinute: number) => {
    await node.store.transact(ctx, ({ tenants }) => tenants.setLimits(ctx, { peer_requests_per_minute: perMinute }));
    clock.advance(LIMITS.tenantCacheMs);
  };
  const rows = (table: string) => database.asOwner<{ code: string; server_name: string }>(`select * from ${table} where tenant_id = $1`, [ctx.tenantId]);
  const fetches = () => node.meter.of('fed_descriptor_fetches_total');
  const without = (call: PeerCallWhole, name: string): PeerCallWhole => ({
    ...call,
    headers: Object.fromEntries(Object.entries(call.headers).filter(([header]) => header !== name)),
  });
  const changed = (call: PeerCallWhole, headers: Record<string, string>): PeerCallWhole => ({ ...call, headers: { ...call.headers, ...headers } });

  it('is proved by a signature under a pinned key', async () => {
    await meet();
    const call = peer.call(home, { body: '{"a":1}' });
    expect(await screened(call)).to.equal('ok');
    const proven = await node.verifier.verify(call);
    expect(proven.origin).to.equal(peer.server);
    expect(proven.ctx.tenantId).to.equal(ctx.tenantId);
    expect(proven.policy.default_mode).to.equal('open');
    expect(await verified(peer.call(home, { method: 'GET', target: '/_scaiwave/federation/v1/profile/alice?x=1' }))).to.equal('ok');
  });

  describe('is refused with any part of it changed:', () => {
    const cases: readonly (readonly [string, string, (call: PeerCallWhole) => PeerCallWhole])[] = [
      ['method', 'SW_FED_SIGNATURE_MISSING', (call) => ({ ...call, method: 'GET' })],
      ['path', 'SW_FED_SIGNATURE_MISMATCH', (call) => ({ ...call, target: '/_scaiwave/federation/v1/sent' })],
      ['query', 'SW_FED_SIGNATURE_MISMATCH', (call) => ({ ...call, target: `${call.target}?` + 'a=1' })],
      ['body', 'SW_FED_DIGEST_MISMATCH', (call) => ({ ...call, body: Buffer.from('{"a":2}') })],
      ['body taken away', 'SW_FED_DIGEST_MISMATCH', (call) => ({ ...call, body: undefined })],
      ['body with its digest', 'SW_FED_SIGNATURE_MISMATCH', (call) => ({ ...changed(call, { 'content-digest': digestOf('{"a":2}') }), body: Buffer.from('{"a":2}') })],
      ['content type', 'SW_FED_SIGNATURE_MISMATCH', (call) => changed(call, { 'content-type': 'application/json; charset=utf-8' })],
      ['origin', 'SW_FED_SIGNATURE_MISMATCH', (call) => changed(call, { 'x-scaiwave-origin': 'c.example' })],
      ['created', 'SW_FED_SIGNATURE_MISMATCH', (call) => withParameter(call, /created=(\d+)/, (value) => `created=${Number(value) + 1}`)],
      ['expires', 'SW_FED_SIGNATURE_MISMATCH', (call) => withParameter(call, /expires=(\d+)/, (value) => `expires=${Number(value) - 1}`)],
      ['nonce', 'SW_FED_SIGNATURE_MISMATCH', (call) => withParameter(call, /nonce="(.)/, (value) => `nonce="${value === 'x' ? 'y' : 'x'}`)],
      ['algorithm', 'SW_FED_SIGNATURE_MISSING', (call) => withParameter(call, /alg="(.*?)"/, () => 'alg="hmac-sha256"')],
      ['tag', 'SW_FED_SIGNATURE_MISSING', (call) => withParameter(call, /tag="(.*?)"/, () => 'tag="other"')],
      ['label', 'SW_FED_SIGNATURE_MISSING', (call) => changed(call, { 'signature-input': `x${call.headers['signature-input'] ?? ''}` })],
      ['a covered part left out', 'SW_FED_SIGNATURE_MISSING', (call) => withParameter(call, /( "content-digest")/, () => '')],
      ['signature', 'SW_FED_SIGNATURE_MISMATCH', (call) => changed(call, { signature: `sw=:${Buffer.alloc(64).toString('base64')}:` })],
    ];
    for (const [part, code, change] of cases) {
      it(part, async () => {
        await meet();
        expect(await verified(change(peer.call(home, { body: '{"a":1}' })))).to.equal(code);
        expect(await rows('rejections')).to.deep.equal([]);
      });
    }
    for (const header of ['signature', 'signature-input', 'x-scaiwave-origin', 'x-scaiwave-destination', 'content-digest', 'content-type']) {
      it(`${header} left out`, async () => {
        await meet();
        expect(await verified(without(peer.call(home), header))).to.equal('SW_FED_SIGNATURE_MISSING');
      });
    }
  });

  it('is refused at another destination than the one it was signed for', async () => {
    await meet();
    const other = await newTenant(node, `elsewhere${names}.example`);
    await node.directory.fetchNow(other, peer.server);
    expect(await verified(changed(peer.call(home), { 'x-scaiwave-destination': other.serverName }))).to.equal('SW_FED_SIGNATURE_MISMATCH');
    expect(await verified(peer.call(named('nobody.example')))).to.equal('SW_FED_DESTINATION_UNKNOWN');
  });

  it('is refused a minute and a second off our clock, either way', async () => {
    await meet();
    const at = (offsetMs: number) => verified(peer.call(home, { nowMs: clock.nowMs() + offsetMs }));
    expect(await at(-60_000)).to.equal('ok');
    expect(await at(60_000)).to.equal('ok');
    expect(await at(-61_000)).to.equal('SW_FED_SIGNATURE_EXPIRED');
    expect(await at(61_000)).to.equal('SW_FED_SIGNATURE_EXPIRED');
  });

  it('is accepted once, and its repeat is shown to administrators', async () => {
    await meet();
    const call = peer.call(home);
    expect(await verified(call)).to.equal('ok');
    expect(await verified(call)).to.equal('SW_FED_REPLAY');
    expect((await rows('rejections')).map(({ code, server_name: server }) => ({ code, server }))).to.deep.equal([{ code: 'SW_FED_REPLAY', server: peer.server }]);
  });

  it('is accepted, and its repeat too, where nobody can say whether it was here before; a metric counts both', async () => {
    const full = new LocalCache(clock, 0);
    const amnesiac = peerProcess({ database, clock, source: async (server) => answered(server), cache: full });
    await amnesiac.directory.fetchNow(ctx, peer.server);
    expect(await full.setIfAbsent(ctx, 'nonce', 'any', 1_000)).to.equal('unknown');
    const call = peer.call(home);
    expect((await amnesiac.verifier.verify(call)).origin).to.equal(peer.server);
    expect(amnesiac.meter.of('fed_nonce_unknown_total')).to.equal(1);
    expect((await amnesiac.verifier.verify(call)).origin).to.equal(peer.server);
    expect(amnesiac.meter.of('fed_nonce_unknown_total')).to.equal(2);
    expect(amnesiac.meter.of('fed_requests_refused_total')).to.equal(0);
    expect(await rows('rejections')).to.deep.equal([]);
  });

  it('of a server with the longest name there is has its rejections like any other', async () => {
    peer = new FakePeer(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`, () => clock.nowMs());
    expect(peer.server).to.have.length(253);
    await meet();
    const call = peer.call(home);
    expect([await verified(call), await verified(call)]).to.deep.equal(['ok', 'SW_FED_REPLAY']);
    expect((await rows('rejections')).map(({ server_name: server }) => server)).to.deep.equal([peer.server]);
  });

  it('repeated without end leaves a bounded number of rejections', async () => {
    await meet();
    const call = peer.call(home);
    for (let n = 0; n < 40; n += 1) await verified(call);
    expect(await rows('rejections')).to.have.length(20);
  });

  it('is refused under a key of another server', async () => {
    await meet();
    const other = new FakePeer('c.example', () => clock.nowMs());
    const stolen = other.call(home);
    expect(await verified(changed(stolen, { 'x-scaiwave-origin': peer.server }))).to.equal('SW_FED_SIGNATURE_MISMATCH');
  });

  it('by a new key is refused once, and taken when the key has been fetched', async () => {
    await meet();
    peer.rotate();
    expect(await verified(peer.call(home))).to.equal('SW_FED_KEY_UNKNOWN');
    await node.directory.settled();
    expect(await verified(peer.call(home))).to.equal('ok');
  });

  it('by a frozen peer is refused before its body is read', async () => {
    await meet();
    peer.beginAnew('unannounced');
    await node.directory.refresh(ctx, peer.server);
    expect(await screened(peer.call(home))).to.equal('SW_FED_PEER_FROZEN');
    expect(await verified(peer.call(home))).to.equal('SW_FED_PEER_FROZEN');
  });

  it('to a suspended tenant is refused', async () => {
    await meet();
    await node.store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'suspended'));
    clock.advance(LIMITS.tenantCacheMs);
    expect(await screened(peer.call(home))).to.equal('SW_TENANT_SUSPENDED');
    expect(await verified(peer.call(home))).to.equal('SW_TENANT_SUSPENDED');
  });

  it('by a stranger to an open tenant is verified from the second time on, and pinned then', async () => {
    const refusal = await node.verifier.screen(peer.call(home)).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(GatewayError).that.includes({ code: 'SW_FED_PEER_UNKNOWN', retryAfterSeconds: 5 });
    await node.directory.settled();
    expect(await rows('peers')).to.deep.equal([]);
    expect(await screened(peer.call(home))).to.equal('ok');
    expect(await verified(peer.call(home))).to.equal('ok');
    expect(await rows('peers')).to.have.length(1);
  });

  it('in the name of a stranger, with a signature that does not hold, pins nothing', async () => {
    await screened(peer.call(home));
    await node.directory.settled();
    const impostor = new FakePeer('b.example', () => clock.nowMs());
    expect(await verified(impostor.call(home))).to.equal('SW_FED_KEY_UNKNOWN');
    expect(await rows('peers')).to.deep.equal([]);
  });

  it('by somebody not invited makes nothing go out', async () => {
    for (const [policy, code] of [
      [{ default_mode: 'invite_only' }, 'SW_FED_PEER_UNKNOWN'],
      [{ default_mode: 'closed' }, 'SW_FED_PEER_DENIED'],
      [{ default_mode: 'open', denied_peers: [peer.server] }, 'SW_FED_PEER_DENIED'],
      [{ default_mode: 'invite_only', allowed_peers: [peer.server], denied_peers: [peer.server] }, 'SW_FED_PEER_DENIED'],
    ] as const) {
      await setPolicy(policy);
      expect(await screened(peer.call(home)), JSON.stringify(policy)).to.equal(code);
      expect(await verified(peer.call(home)), JSON.stringify(policy)).to.equal(code);
    }
    await node.directory.settled();
    expect(fetches()).to.equal(0);
  });

  it('is refused from the second that its server is denied', async () => {
    await meet();
    expect(await verified(peer.call(home))).to.equal('ok');
    await setPolicy({ default_mode: 'open', denied_peers: [peer.server] });
    expect(await verified(peer.call(home))).to.equal('SW_FED_PEER_DENIED');
  });

  it('by three thousand made-up servers leaves no rows, and sixty fetches', async () => {
    const template = peer.call(home);
    const codes = new Set<string>();
    for (let n = 0; n < 3_000; n += 1) {
      const call = { ...changed(template, { 'x-scaiwave-origin': `flood${n}.example` }), remoteAddress: `198.51.100.${n % 250}` };
      codes.add(await screened(call));
    }
    await node.directory.settled();
    expect([...codes]).to.deep.equal(['SW_FED_PEER_UNKNOWN']);
    expect(fetches()).to.equal(60);
    expect(await rows('peers')).to.deep.equal([]);
    expect(await rows('rejections')).to.deep.equal([]);
  }).timeout(60_000);

  it('is screened by what its head says of the body', async () => {
    await meet();
    const call = peer.call(home);
    expect(await screened(changed(call, { 'content-type': 'text/plain' }))).to.equal('SW_UNSUPPORTED_MEDIA_TYPE');
    expect(await screened(without(call, 'content-type'))).to.equal('SW_UNSUPPORTED_MEDIA_TYPE');
    expect(await screened(changed(call, { 'content-encoding': 'gzip' }))).to.equal('SW_UNSUPPORTED_MEDIA_TYPE');
    expect(await screened(changed(call, { 'content-length': String(LIMITS.federationBytesMax + 1) }))).to.equal('SW_BODY_TOO_LARGE');
    expect(await screened(changed(call, { 'x-padding': 'x'.repeat(LIMITS.headerBytesMax) }))).to.equal('SW_HEADERS_TOO_LARGE');
  });

  it('is refused with a time to wait when there were too many of its peer, wherever it sends from', async () => {
    await meet();
    await allow(3);
    for (let n = 0; n < 3; n += 1) expect(await verified(peer.call(home, { remoteAddress: `203.0.113.${n}` }))).to.equal('ok');
    const told: RateStanding[] = [];
    const refusal = await node.verifier.verify({ ...peer.call(home), counted: (standing) => told.push(standing) }).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(GatewayError).that.includes({ code: 'SW_RATE_LIMIT_EXCEEDED', retryAfterSeconds: 65 });
    expect(told).to.deep.equal([{ scope: 'peer', limit: 3, left: 0, resetSeconds: 65 }]);
    clock.advance(65_000);
    expect(await verified(peer.call(home))).to.equal('ok');
  });

  it('that was refused for the rate leaves no nonce behind, and a repeat uses up nothing of the rate', async () => {
    await meet();
    await allow(3);
    const first = peer.call(home);
    expect(await verified(first)).to.equal('ok');
    for (let n = 0; n < 5; n += 1) expect(await verified(first)).to.equal('SW_FED_REPLAY');
    for (let n = 0; n < 2; n += 1) expect(await verified(peer.call(home))).to.equal('ok');
    const tooMuch = peer.call(home);
    for (let n = 0; n < 2; n += 1) expect(await verified(tooMuch)).to.equal('SW_RATE_LIMIT_EXCEEDED');
  });

  it('is refused for the first thing that is wrong: its names, its destination, its origin', async () => {
    await meet();
    const itself = changed(peer.call(home), { 'x-scaiwave-origin': home });
    const nobody = { 'x-scaiwave-destination': 'nobody.example' };
    expect(await screened(without(changed(itself, nobody), 'x-scaiwave-origin'))).to.equal('SW_FED_SIGNATURE_MISSING');
    expect(await screened(without(peer.call(home), 'x-scaiwave-destination'))).to.equal('SW_FED_SIGNATURE_MISSING');
    expect(await screened(changed(itself, nobody))).to.equal('SW_FED_DESTINATION_UNKNOWN');
    expect(await screened(itself)).to.equal('SW_FED_PEER_DENIED');
    await node.store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'suspended'));
    clock.advance(LIMITS.tenantCacheMs);
    expect(await screened(itself)).to.equal('SW_TENANT_SUSPENDED');
  });

  it('in the name of a peer, from elsewhere, uses up nothing of the peer’s rate', async () => {
    await meet();
    const options: CallOptions = { remoteAddress: '203.0.113.9' };
    await allow(3);
    for (let n = 0; n < 10; n += 1) {
      expect(await screened(peer.call(home, options))).to.equal('ok');
      const impostor = new FakePeer('b.example', () => clock.nowMs());
      expect(await verified(impostor.call(home, options))).to.equal('SW_FED_KEY_UNKNOWN');
    }
    expect(await verified(peer.call(home))).to.equal('ok');
  });

  it('in the name of a peer, that failed too often, is refused at its head until they are long ago, and costs nobody elsewhere', async () => {
    await meet();
    const options: CallOptions = { remoteAddress: '203.0.113.9' };
    for (let n = 0; n < LIMITS.unprovenRequestsPerMinute; n += 1) {
      expect(await screened(peer.call(home, options))).to.equal('ok');
      expect(await verified(without(peer.call(home, options), 'signature'))).to.equal('SW_FED_SIGNATURE_MISSING');
    }
    const refusal = await node.verifier.screen(peer.call(home, options)).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(GatewayError).that.includes({ code: 'SW_RATE_LIMIT_EXCEEDED', retryAfterSeconds: 65 });
    const told: RateStanding[] = [];
    expect(await screened(peer.call(home))).to.equal('ok');
    expect(await verified({ ...peer.call(home), counted: (standing) => told.push(standing) })).to.equal('ok');
    expect(told[0]?.left).to.equal(TENANT_LIMIT_DEFAULTS.peer_requests_per_minute - 1);
    clock.advance(65_000);
    expect(await screened(peer.call(home, options))).to.equal('ok');
  });

  it('that is proved never counts as one that failed, however many there are', async () => {
    await meet();
    for (let n = 0; n <= LIMITS.unprovenRequestsPerMinute; n += 1) await node.verifier.verify(peer.call(home));
    expect(await screened(peer.call(home))).to.equal('ok');
  });
});

function digestOf(body: string): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}

function withParameter(call: PeerCallWhole, pattern: RegExp, change: (value: string) => string): PeerCallWhole {
  const input = (call.headers['signature-input'] ?? '').replace(pattern, (_whole, value: string) => change(value));
  return { ...call, headers: { ...call.headers, 'signature-input': input } };
}
