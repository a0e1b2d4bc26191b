import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Egress } from '../../../src/egress/egress.js';
import type { PeerExchange } from '../../../src/kernel/ports.js';
import { systemRandomness, systemTimers } from '../../../src/kernel/system-ports.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { httpExchange } from '../../../src/peering/http-exchange.js';
import { PeerUrls } from '../../../src/peering/peer-urls.js';
import { PeerClient } from '../../../src/peering/signed-call.js';
import { readDescriptor, signDescriptor, type WireDescriptor } from '../../../src/protocol/descriptor.js';
import { keyIdOf, publicKeyText } from '../../../src/protocol/keys.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { contract, outcome } from '../../support/fixtures.js';
import { CountingMeter, descriptorServer, named, newTenant, peerProcess, socketSource, type DescriptorServer, type PeerProcess } from '../../support/peer-world.js';
import { TestClock } from '../../support/test-clock.js';

const DAY_MS = 86_400_000;

describe('own keys', () => {
  let database: TestDatabase;
  let clock: TestClock;
  let node: PeerProcess;
  let ctx: TenantContext;
  let names = 0;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    names += 1;
    clock = new TestClock();
    node = peerProcess({ database, clock, source: () => Promise.reject(new Error('nothing is fetched here')) });
    ctx = await newTenant(node, `o${names}.example`);
  });

  const described = async (process = node) => process.descriptor.of(ctx);
  const asPeersRead = async (descriptor: WireDescriptor) => readDescriptor(contract, Buffer.from(JSON.stringify(descriptor)), ctx.serverName);

  it('are there from the first, one current and the next announced by hash', async () => {
    const descriptor = await asPeersRead(await described());
    expect(descriptor.keys).to.have.length(1);
    expect(descriptor.keys[0]?.keyId).to.equal((await node.keys.current(ctx)).keyId);
    expect(descriptor.promises).to.deep.equal({ holds_days: 30, backfill_max: 1000, max_batch_bytes: 1_048_576, max_items: 100 });
  });

  it('are sealed: no row holds a private key', async () => {
    const exported = (await node.keys.current(ctx)).privateKey.export({ format: 'jwk' }).d ?? '';
    const seed = Buffer.from(exported, 'base64url');
    const rows = await database.asOwner<{ sealed_private_key: Buffer }>('select * from signing_keys where tenant_id = $1', [ctx.tenantId]);
    expect(rows).to.have.length(2);
    expect(rows.some(({ sealed_private_key: sealed }) => sealed.includes(seed))).to.equal(false);
  });

  it('are not made twice', async () => {
    expect(await outcome(() => node.store.transact(ctx, (repositories) => node.keys.create(ctx, repositories, 'cli')))).to.equal('SW_BAD_REQUEST');
  });

  it('rotate to the announced key, under a higher serial, with thirty days of overlap', async () => {
    const before = await asPeersRead(await described());
    clock.advance(DAY_MS);
    await node.keys.rotate(ctx, 'cli');
    const after = await asPeersRead(await described());
    expect(after.serial).to.equal(before.serial + 1);
    expect(after.keys.map(({ keyId }) => keyId)).to.deep.equal([before.keys[0]?.keyId, (await node.keys.current(ctx)).keyId]);
    expect(createHash('sha256').update(after.keys[1]?.publicKey ?? '').digest('hex')).to.equal(before.nextKeySha256);
    expect(after.nextKeySha256).to.not.equal(before.nextKeySha256);
    expect(after.keys[0]?.notAfterMs).to.equal(clock.nowMs() + 30 * DAY_MS);
  });

  it('rotated by another process are followed within half a minute', async () => {
    const command = peerProcess({ database, clock, source: () => Promise.reject(new Error('nothing is fetched here')) });
    const old = (await node.keys.current(ctx)).keyId;
    await command.keys.rotate(ctx, 'cli');
    clock.advance(30_000);
    expect((await node.keys.current(ctx)).keyId).to.not.equal(old);
    expect(await described()).to.deep.equal(await described(command));
  });

  it('rotated twice at once are rotated twice, one after the other', async () => {
    await Promise.all([node.keys.rotate(ctx, 'cli'), node.keys.rotate(ctx, 'cli')]);
    const descriptor = await asPeersRead(await described());
    expect(descriptor.keys).to.have.length(3);
    expect(descriptor.serial).to.equal(3);
  });

  it('are rotated in time before they end', async () => {
    expect(await node.keys.rotateIfDue(ctx)).to.equal(false);
    clock.advance(336 * DAY_MS);
    expect(await node.keys.rotateIfDue(ctx)).to.equal(true);
    expect(await node.keys.rotateIfDue(ctx)).to.equal(false);
  });

  it('speak for what the tenant signed while they were in force', async () => {
    const old = (await node.keys.current(ctx)).keyId;
    const thenMs = clock.nowMs();
    await node.keys.rotate(ctx, 'cli');
    expect(await node.keys.keyAt(ctx, old, thenMs)).to.not.equal(undefined);
    expect(await node.keys.keyAt(ctx, old, thenMs + 31 * DAY_MS)).to.equal(undefined);
  });

  describe('over sockets', () => {
    let away: TestDatabase;
    let far: PeerProcess;
    let farCtx: TenantContext;
    let server: DescriptorServer;
    let egress: Egress;
    let document: () => Promise<string | Buffer>;

    before(async () => {
      away = await freshDatabase();
    });
    after(() => away.drop());

    beforeEach(async () => {
      far = peerProcess({ database: away, clock, source: () => Promise.reject(new Error('nothing is fetched here')) });
      farCtx = await newTenant(far, `far${names}.example`);
      document = async () => JSON.stringify(await far.descriptor.of(farCtx));
      server = await descriptorServer(() => document());
      const reached = socketSource({ [farCtx.serverName]: server.url }, clock, new CountingMeter());
      egress = reached.egress;
      node = peerProcess({ database, clock, source: reached.source });
    });
    afterEach(async () => {
      await egress.close();
      await server.close();
    });

    it('are pinned by the other server, and followed through a rotation', async () => {
      await node.directory.fetchNow(ctx, farCtx.serverName);
      await far.keys.rotate(farCtx, 'cli');
      await node.directory.refresh(ctx, farCtx.serverName);
      const { keyId } = await far.keys.current(farCtx);
      expect(await outcome(() => node.directory.keyFor(ctx, farCtx.serverName, keyId, { kind: 'request', nowMs: clock.nowMs() }))).to.equal('ok');
      expect(server.asked()).to.equal(2);
    });

    it('found anew for an answer under a key that the peer has just begun to use', async () => {
      await node.directory.fetchNow(ctx, farCtx.serverName);
      await far.keys.rotate(farCtx, 'cli');
      const { keyId } = await far.keys.current(farCtx);
      expect(await outcome(() => node.directory.keyFor(ctx, farCtx.serverName, keyId, { kind: 'answer', nowMs: clock.nowMs() }))).to.equal('ok');
    });

    const faults: readonly (readonly [string, string, (descriptor: WireDescriptor) => string])[] = [
      ['not JSON', 'SW_FED_DESCRIPTOR_INVALID', () => '<html>'],
      ['another serial than was signed', 'SW_FED_DESCRIPTOR_INVALID', (descriptor) => JSON.stringify({ ...descriptor, serial: 9 })],
      ['another server', 'SW_FED_DESCRIPTOR_INVALID', (descriptor) => JSON.stringify({ ...descriptor, server_name: 'x.example' })],
      ['more than it may', 'SW_FED_ANSWER_INVALID', (descriptor) => JSON.stringify({ ...descriptor, more: 'x'.repeat(70_000) })],
    ];
    for (const [what, code, change] of faults) {
      it(`are not taken out of a descriptor with ${what}`, async () => {
        const real = await far.descriptor.of(farCtx);
        document = async () => change(real);
        expect(await outcome(() => node.directory.fetchNow(ctx, farCtx.serverName))).to.equal(code);
        expect(await node.directory.find(ctx, farCtx.serverName)).to.equal(undefined);
      });
    }

    it('are not taken where a listed key is of small order, however well the list is signed', async () => {
      const weak = Buffer.alloc(32).fill(1, 0, 1);
      const listed = { id: keyIdOf(weak), public_key: publicKeyText(weak), not_before: 0, not_after: clock.nowMs() + DAY_MS };
      const signing = await far.keys.current(farCtx);
      document = async () => JSON.stringify(signDescriptor(signing, { serial: 1, keys: [listed], nextKeySha256: null }));
      expect(await outcome(() => node.directory.fetchNow(ctx, farCtx.serverName))).to.equal('SW_FED_KEY_REFUSED');
      expect(await node.directory.find(ctx, farCtx.serverName)).to.equal(undefined);
    });

    it('of a name without a dot are not looked for unless it is configured', async () => {
      expect(await outcome(() => node.directory.fetchNow(ctx, named('intranet')))).to.equal('SW_FED_PEER_UNREACHABLE');
    });
  });

  describe('in calls', () => {
    const clientOf = (exchange: PeerExchange) => new PeerClient({ keys: node.keys, exchange, clock, randomness: systemRandomness });
    const answer = (status: number, body: string, headers: Record<string, string> = {}) => ({ status, headers, body: Buffer.from(body) });
    const expired = answer(401, '{"error":{"code":"SW_FED_SIGNATURE_EXPIRED","message":""}}');
    const other = named('b.example');

    it('sign each attempt anew', async () => {
      const nonces = new Set<string>();
      const client = clientOf(async ({ headers }) => {
        nonces.add(headers['signature-input'] ?? '');
        return answer(200, '{}');
      });
      await client.call(ctx, other, 'POST', '/x', {});
      await client.call(ctx, other, 'POST', '/x', {});
      expect(nonces.size).to.equal(2);
    });

    it('follow the clock of a peer that says its own, once', async () => {
      const created: number[] = [];
      const date = new Date(clock.nowMs() + 600_000).toUTCString();
      const client = clientOf(async ({ headers }) => {
        created.push(Number(/created=(\d+)/.exec(headers['signature-input'] ?? '')?.[1]));
        return { ...expired, headers: { date } };
      });
      expect(await client.call(ctx, other, 'GET', '/x')).to.include({ status: 401, code: 'SW_FED_SIGNATURE_EXPIRED' });
      expect(created).to.have.length(2);
      expect((created[1] ?? 0) - (created[0] ?? 0)).to.equal(600);
    });

    it('read an answer strictly', async () => {
      const call = (status: number, body: string, headers = {}) => clientOf(async () => answer(status, body, headers)).call(ctx, other, 'GET', '/x');
      expect(await outcome(() => call(200, '{"a":1,"a":2}'))).to.equal('SW_FED_ANSWER_INVALID');
      expect(await outcome(() => call(200, '[]'))).to.equal('SW_FED_ANSWER_INVALID');
      expect(await outcome(() => call(200, ''))).to.equal('SW_FED_ANSWER_INVALID');
      expect(await call(502, '<html>')).to.deep.equal({ status: 502, body: {} });
      expect(await call(429, '{"error":{"code":"SW_RATE_LIMIT_EXCEEDED"}}', { 'retry-after': '7' })).to.include({ code: 'SW_RATE_LIMIT_EXCEEDED', retryAfterMs: 7_000 });
      expect(await call(403, '{"error":{"code":"constructor"}}')).to.not.have.property('code');
    });

    it('fail as unreachable when nobody listens', async () => {
      const server: Server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      const egress = new Egress({ allow: [`127.0.0.1:${port}`] }, systemTimers, clock, new CountingMeter());
      const client = clientOf(httpExchange(egress, new PeerUrls({ [other]: `http://127.0.0.1:${port}` })));
      expect(await outcome(() => client.call(ctx, other, 'GET', '/x'))).to.equal('SW_FED_PEER_UNREACHABLE');
      await egress.close();
    });
  });
});
