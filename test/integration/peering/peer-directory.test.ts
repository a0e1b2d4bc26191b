import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Contract } from '../../../src/contract/contract.js';
import { actOf } from '../../../src/kernel/audit.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { policyOf } from '../../../src/kernel/federation-policy.js';
import { parseLogName, type LogName, type ServerName } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { CarriedKeys } from '../../../src/peering/carried-keys.js';
import { fingerprintOf } from '../../../src/peering/known-peer.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FakePeer } from '../../support/fake-peer.js';
import { contract, outcome } from '../../support/fixtures.js';
import { named, newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { silentLog } from '../../support/silent-ports.js';
import { TestClock } from '../../support/test-clock.js';

const DAY_MS = 86_400_000;

const PINNED = actOf('cli', 'federation.peer_pinned', 'b.example');

describe('the keys of peers', () => {
  let database: TestDatabase;
  let clock: TestClock;
  let node: PeerProcess;
  let ctx: TenantContext;
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
    ctx = await newTenant(node, `a${names}.example`);
  });

  function answered(server: string): Buffer {
    if (server !== peer.server) throw new GatewayError('SW_FED_PEER_UNREACHABLE', server);
    return peer.document();
  }

  const forRequest = (key = peer.current.keyId) =>
    outcome(() => node.directory.keyFor(ctx, peer.server, key, { kind: 'request', nowMs: clock.nowMs() }));
  const forStored = (atMs: number, key = peer.current.keyId) =>
    outcome(() => node.directory.keyFor(ctx, peer.server, key, { kind: 'stored', atMs }));
  const rows = () => database.asOwner<{ server_name: string; trust: string; candidate: object | null }>('select * from peers where tenant_id = $1', [ctx.tenantId]);

  it('gives no key of a server that was never met, and does not go out for one', async () => {
    expect(await forRequest()).to.equal('SW_FED_PEER_UNKNOWN');
    expect(await forStored(clock.nowMs())).to.equal('SW_FED_PEER_UNKNOWN');
    expect(peer.asked).to.equal(0);
  });

  it('pins at first sight', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    expect(await forRequest()).to.equal('ok');
    expect((await rows()).map(({ trust }) => trust)).to.deep.equal(['first-use']);
  });

  it('knows a peer of one tenant for that tenant only', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    const other = await newTenant(node, `other${names}.example`);
    expect(await node.directory.find(other, peer.server)).to.equal(undefined);
  });

  it('leaves a server that a stranger named out of the database', async () => {
    node.directory.admitInBackground(ctx, peer.server, '192.0.2.1');
    await node.directory.settled();
    expect(await forRequest()).to.equal('ok');
    expect(await rows()).to.deep.equal([]);
  });

  it('follows a chain of rotations', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    peer.rotate();
    peer.rotate();
    expect(await forRequest()).to.equal('SW_FED_KEY_UNKNOWN');
    await node.directory.refresh(ctx, peer.server);
    expect(await forRequest()).to.equal('ok');
  });

  it('asks once per cooldown when a key is not known', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    for (let call = 0; call < 50; call += 1) node.directory.refreshInBackground(ctx, peer.server);
    await node.directory.settled();
    expect(peer.asked).to.equal(2);
  });

  it('takes the old key for requests during the overlap only, whatever the peer says of it', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    peer.rotate();
    await node.directory.refresh(ctx, peer.server);
    const old = peer.first.keyId;
    expect(await forRequest(old)).to.equal('ok');
    clock.advance(31 * DAY_MS);
    await node.directory.refresh(ctx, peer.server);
    expect(await forRequest(old)).to.equal('SW_FED_KEY_REFUSED');
    expect(await forStored(clock.nowMs() - 2 * DAY_MS, old)).to.equal('ok');
  });

  it('takes a revoked key for what was placed before, and for nothing after', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    const old = peer.current.keyId;
    clock.advance(DAY_MS);
    const revokedMs = clock.nowMs();
    peer.rotate();
    peer.revoke(old, revokedMs);
    await node.directory.refresh(ctx, peer.server);
    expect(await forRequest(old)).to.equal('SW_FED_KEY_REFUSED');
    expect(await forStored(revokedMs - 1, old)).to.equal('ok');
    expect(await forStored(revokedMs, old)).to.equal('SW_FED_KEY_REFUSED');
  });

  it('has a revocation on every process within a minute', async () => {
    const second = peerProcess({ database, clock, source: async (server) => answered(server) });
    await node.directory.fetchNow(ctx, peer.server);
    const old = peer.current.keyId;
    const bySecond = () => outcome(() => second.directory.keyFor(ctx, peer.server, old, { kind: 'request', nowMs: clock.nowMs() }));
    expect(await bySecond()).to.equal('ok');
    peer.rotate();
    peer.revoke(old, clock.nowMs());
    await node.directory.refresh(ctx, peer.server);
    clock.advance(60_000);
    expect(await bySecond()).to.equal('SW_FED_KEY_REFUSED');
  });

  it('refuses a lower serial and keeps what it has', async () => {
    peer.serial = 7;
    await node.directory.fetchNow(ctx, peer.server);
    peer.serial = 6;
    expect(await outcome(() => node.directory.refresh(ctx, peer.server))).to.equal('SW_FED_DESCRIPTOR_INVALID');
    expect(await forRequest()).to.equal('ok');
  });

  it('freezes a peer that shows a key out of nowhere, and says so once', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    const old = peer.current.keyId;
    peer.beginAnew('unannounced');
    await node.directory.refresh(ctx, peer.server);
    await node.directory.refresh(ctx, peer.server);
    expect(await forRequest()).to.equal('SW_FED_PEER_FROZEN');
    expect(await forRequest(old)).to.equal('SW_FED_PEER_FROZEN');
    expect(await outcome(() => node.directory.fetchNow(ctx, peer.server))).to.equal('SW_FED_PEER_FROZEN');
    expect((await rows())[0]).to.include({ trust: 'frozen' });
    expect((await rows())[0]?.candidate).to.not.equal(null);
    expect(node.alarms).to.have.length(1);
    expect(node.meter.of('fed_alarms_total peer-frozen')).to.equal(1);
  });

  it('thaws by the right fingerprint only, and keeps the old key for what is stored', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    const old = peer.current;
    const beforeMs = clock.nowMs();
    clock.advance(DAY_MS);
    peer.beginAnew('unannounced');
    await node.directory.refresh(ctx, peer.server);
    expect(await outcome(() => node.directory.pin(ctx, peer.server, fingerprintOf(old.publicKey), PINNED))).to.equal('SW_FED_KEY_REFUSED');
    expect(await forRequest()).to.equal('SW_FED_PEER_FROZEN');
    await node.directory.pin(ctx, peer.server, fingerprintOf(peer.current.publicKey), PINNED);
    expect(await forRequest()).to.equal('ok');
    expect(await forRequest(old.keyId)).to.equal('SW_FED_KEY_UNKNOWN');
    expect(await forStored(beforeMs, old.keyId)).to.equal('ok');
    expect(await forStored(clock.nowMs(), old.keyId)).to.equal('SW_FED_KEY_REFUSED');
  });

  it('lets a peer that lost its keys begin anew with the announced one, and go on from there', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    clock.advance(DAY_MS);
    peer.beginAnew('announced');
    await node.directory.refresh(ctx, peer.server);
    expect(await forRequest()).to.equal('ok');
    peer.rotate();
    await node.directory.refresh(ctx, peer.server);
    expect(await forRequest()).to.equal('ok');
  });

  it('does not use a descriptor for requests beyond a day', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    clock.advance(LIMITS.descriptorCacheMs);
    expect(await forRequest()).to.equal('ok');
    clock.advance(1);
    expect(await forRequest()).to.equal('SW_FED_KEY_UNKNOWN');
    expect(await forStored(clock.nowMs())).to.equal('ok');
  });

  it('looks again by itself after half a day, when the peer has proved itself', async () => {
    const known = await node.directory.fetchNow(ctx, peer.server);
    clock.advance(LIMITS.descriptorRefreshMs + 1);
    await node.directory.proved(ctx, known);
    await node.directory.settled();
    expect(peer.asked).to.equal(2);
  });

  it('waits ten minutes after it failed for a stranger, then twice as long', async () => {
    const lost = named('lost.example');
    const failuresAfter = async (waitMs: number): Promise<number> => {
      clock.advance(waitMs);
      node.directory.admitInBackground(ctx, lost, '192.0.2.1');
      await node.directory.settled();
      return node.meter.of('fed_descriptor_fetches_total SW_FED_PEER_UNREACHABLE');
    };
    const counted: number[] = [];
    for (const waitMs of [0, 1, 599_998, 1, 600_000, 599_999, 1]) counted.push(await failuresAfter(waitMs));
    expect(counted).to.deep.equal([1, 1, 1, 2, 2, 2, 3]);
  });

  it('waits five seconds after it failed for a person here, who is told how long', async () => {
    const lost = named('lost.example');
    const asked = () => node.directory.fetchNow(ctx, lost).catch((error: unknown) => error as GatewayError);
    const failures = () => node.meter.of('fed_descriptor_fetches_total SW_FED_PEER_UNREACHABLE');
    await asked();
    clock.advance(4_000);
    expect(await asked()).to.include({ code: 'SW_FED_PEER_UNREACHABLE', retryAfterSeconds: 1 });
    expect(failures()).to.equal(1);
    clock.advance(1_000);
    await asked();
    expect(failures()).to.equal(2);
  });

  it('does not let a person here wait for what failed for a stranger, nor the other way round', async () => {
    const failures = () => node.meter.of('fed_descriptor_fetches_total SW_FED_PEER_UNREACHABLE');
    const forStranger = (server: ServerName) => (node.directory.admitInBackground(ctx, server, '192.0.2.1'), node.directory.settled());
    const forPerson = (server: ServerName) => outcome(() => node.directory.fetchNow(ctx, server));
    const [one, other] = [named('one.example'), named('other.example')];
    for (const ask of [forStranger, forPerson]) await ask(one);
    for (const ask of [forPerson, forStranger]) await ask(other);
    expect(failures()).to.equal(4);
  });

  it('fetches for strangers no more than five a minute and address, and sixty in all', async () => {
    for (let n = 0; n < 20; n += 1) node.directory.admitInBackground(ctx, named(`x${n}.example`), '192.0.2.1');
    await node.directory.settled();
    expect(node.meter.of('fed_descriptor_fetches_total')).to.equal(5);
    for (let n = 0; n < 1_000; n += 1) node.directory.admitInBackground(ctx, named(`y${n}.example`), `198.51.100.${n % 250}`);
    await node.directory.settled();
    expect(node.meter.of('fed_descriptor_fetches_total')).to.equal(60);
    expect(await rows()).to.deep.equal([]);
  });

  it('counts a whole /64 of IPv6 as one address', async () => {
    for (let n = 0; n < 20; n += 1) node.directory.admitInBackground(ctx, named(`x${n}.example`), `2001:db8::${n}`);
    await node.directory.settled();
    expect(node.meter.of('fed_descriptor_fetches_total')).to.equal(5);
  });

  it('fetches for a peer that has rotated, however many strangers knock', async () => {
    await node.directory.fetchNow(ctx, peer.server);
    peer.rotate();
    for (let n = 0; n < 1_000; n += 1) node.directory.admitInBackground(ctx, named(`y${n}.example`), `198.51.100.${n % 250}`);
    node.directory.refreshInBackground(ctx, peer.server);
    await node.directory.settled();
    expect(await forRequest()).to.equal('ok');
  });

  it('are kept of so many servers that are nobody\'s business: the one that was silent for longest is forgotten', async () => {
    const add = (name: string, seenMs: number, trust = 'first-use'): Promise<unknown> =>
      database.asOwner(`insert into peers (tenant_id, server_name, trust, serial, descriptor, first_seen, fetched_at, last_seen) values ($1, $2, $4, 1, '{}', 1, 1, $3)`, [ctx.tenantId, name, seenMs, trust]);
    await database.asOwner(
      `insert into peers (tenant_id, server_name, trust, serial, descriptor, first_seen, fetched_at, last_seen) select $1, 'u' || n || '.example', 'first-use', 1, '{}', 1, 1, 1000 + n from generate_series(1, $2) n`,
      [ctx.tenantId, LIMITS.unusedPeersMax - 2],
    );
    await add('pinned.example', 1, 'pinned');
    await add('frozen.example', 1, 'frozen');
    await add('named.example', 1);
    await add('served.example', 1);
    await add('silent.example', 2);
    await node.store.transact(ctx, async ({ tenants, consumers }) => {
      await tenants.setPolicy(ctx, policyOf({ default_mode: 'open', allowed_peers: [named('named.example')] }));
      await consumers.ensure(ctx, 'peer:served.example', 'peer');
    });
    node.directory.admitInBackground(ctx, peer.server, '192.0.2.1');
    await node.directory.settled();
    await node.directory.proved(ctx, (await node.directory.find(ctx, peer.server)) ?? expect.fail('not held'));
    const kept = (await rows()).map(({ server_name: name }) => name);
    expect(kept).to.include.members([peer.server, 'pinned.example', 'frozen.example', 'named.example', 'served.example', 'u1.example']).and.not.include('silent.example');
    expect(kept).to.have.length(LIMITS.unusedPeersMax + 3);
    expect(await forRequest()).to.equal('ok');
  });

  describe('carried by a home', () => {
    const log = parseLogName(`!room-${randomUUID()}:h.example`);
    const third = () => new FakePeer('c.example', () => clock.nowMs());
    const carriedKey = async (server: FakePeer, list: readonly string[], keyId = server.current.keyId) => {
      const carried = await node.carried.read(ctx, log, list);
      return outcome(() => node.carried.keyFor(ctx, server.server, keyId, clock.nowMs(), carried));
    };

    it('speak for stored events, and never for requests', async () => {
      const c = third();
      expect(await carriedKey(c, [c.descriptor().jws])).to.equal('ok');
      expect(await outcome(() => node.directory.keyFor(ctx, c.server, c.current.keyId, { kind: 'request', nowMs: clock.nowMs() }))).to.equal('SW_FED_PEER_UNKNOWN');
      expect(node.meter.of('fed_descriptor_fetches_total')).to.equal(0);
    });

    it('are left out when they come twice or do not hold', async () => {
      const c = third();
      const impostor = third();
      expect(await carriedKey(c, [])).to.equal('SW_FED_KEY_UNKNOWN');
      expect(await carriedKey(c, ['a.b.c'])).to.equal('SW_FED_KEY_UNKNOWN');
      expect(await carriedKey(c, [c.descriptor().jws, impostor.descriptor().jws])).to.equal('SW_FED_KEY_UNKNOWN');
    });

    it('are read once for all items of a batch, whatever comes of it', async () => {
      let reads = 0;
      const counting: Pick<Contract, 'validate'> = {
        validate: (schemaId, value, code) => {
          if (schemaId === 'federation/descriptor-payload') reads += 1;
          return contract.validate(schemaId, value, code);
        },
      };
      const carried = new CarriedKeys({ contract: counting as Contract, directory: node.directory, store: node.store, clock, log: silentLog, meter: node.meter });
      const c = third();
      const [head = '', said = ''] = c.descriptor().jws.split('.');
      const list = [`${head}.${said}.${'A'.repeat(86)}`];
      const inRoom = async (room: LogName) => outcome(async () => carried.keyFor(ctx, c.server, c.current.keyId, clock.nowMs(), await carried.read(ctx, room, list)));
      expect([await inRoom(log), await inRoom(parseLogName(`!room-${randomUUID()}:h.example`))]).to.deep.equal(['SW_FED_KEY_UNKNOWN', 'SW_FED_KEY_UNKNOWN']);
      expect(reads).to.equal(1);
    });

    it('are proved so many in a minute as a home may bring, whole lists at a time, and once', async () => {
      const lists = [manyKeys(LIMITS.carriedKeysPerMinute - 1, clock), manyKeys(2, clock)] as const;
      const room = (home: string): LogName => parseLogName(`!room-${randomUUID()}:${home}`);
      const held = async (home: string, list: readonly string[]) => (await node.carried.read(ctx, room(home), [...list])).size;
      expect(await held('h.example', lists[0])).to.equal(lists[0].length);
      expect(await outcome(() => held('h.example', lists[1]))).to.equal('SW_RATE_LIMIT_EXCEEDED');
      expect(await held('h.example', lists[0]), 'known by now').to.equal(lists[0].length);
      expect(await held('other.example', lists[1]), 'another home').to.equal(1);
      const long = [...manyKeys(LIMITS.carriedKeysPerMinute, clock), ...lists[0], ...manyKeys(1, clock)];
      expect(await outcome(() => held('h.example', long))).to.equal('SW_RATE_LIMIT_EXCEEDED');
      clock.advance(LIMITS.rateWindowMs + LIMITS.rateSlotMs);
      expect(await held('h.example', long)).to.equal(long.length);
    });

    it('are proved so many in a minute as a process has time for, however many homes bring them', async () => {
      const list = manyKeys(LIMITS.carriedKeysPerMinute, clock);
      const brought = async (home: number) => outcome(async () => node.carried.read(ctx, parseLogName(`!room-${randomUUID()}:h${home}.example`), list.map((jws) => signedBy(`h${home}.example`, jws))));
      const homes = LIMITS.carriedKeysOfAllPerMinute / LIMITS.carriedKeysPerMinute;
      for (let home = 0; home < homes; home += 1) expect(await brought(home)).to.equal('ok');
      expect(await brought(homes)).to.equal('SW_RATE_LIMIT_EXCEEDED');
      clock.advance(LIMITS.rateWindowMs + LIMITS.rateSlotMs);
      expect(await brought(homes)).to.equal('ok');
    });

    it('are proved beginning with who has few, and nobody is unknown for what was left for later', async () => {
      const good = third();
      const many = Array.from({ length: Math.ceil(LIMITS.carriedKeysPerMinute / LIMITS.keysPerServerMax) }, (_, n) => {
        const server = new FakePeer(`many-${n}.example`, () => clock.nowMs());
        for (let key = 1; key < LIMITS.keysPerServerMax; key += 1) server.rotate();
        return server;
      });
      const list = [...many, good].map((server) => server.descriptor().jws);
      const found = async (batch = [...list]): Promise<readonly string[]> => Promise.all([good, ...many].map((server) => carriedKey(server, batch)));
      expect(await found()).to.deep.equal(['ok', ...many.slice(1).map(() => 'ok'), 'SW_RATE_LIMIT_EXCEEDED']);
      clock.advance(LIMITS.rateWindowMs + LIMITS.rateSlotMs);
      expect(await found()).to.deep.equal(['ok', ...many.map(() => 'ok')]);
    });

    it('give way to our own pin, and a difference is an alarm', async () => {
      await node.directory.fetchNow(ctx, peer.server);
      const impostor = new FakePeer('b.example', () => clock.nowMs());
      expect(await carriedKey(impostor, [impostor.descriptor().jws])).to.equal('SW_FED_KEY_REFUSED');
      expect(node.meter.of('fed_alarms_total carried-key')).to.equal(1);
      expect(await carriedKey(peer, [])).to.equal('ok');
    });

    it('may be newer than our pin, where the chain leads there', async () => {
      await node.directory.fetchNow(ctx, peer.server);
      peer.rotate();
      expect(await carriedKey(peer, [peer.descriptor().jws])).to.equal('ok');
      expect(await forRequest()).to.equal('SW_FED_KEY_UNKNOWN');
    });
  });
});

/** Another text of the same, which does not hold: it costs as much, and is told apart quickly. */
function signedBy(server: string, jws: string): string {
  const [header = '', ...rest] = jws.split('.');
  const text = Buffer.from(header, 'base64url').toString('utf8').replace(/"kid":"[^#]+/, `"kid":"${server}`);
  return [Buffer.from(text).toString('base64url'), ...rest].join('.');
}

/** Descriptors with so many keys in all. */
function manyKeys(count: number, clock: TestClock): readonly string[] {
  const list: string[] = [];
  for (let left = count; left > 0; left -= LIMITS.keysPerServerMax) {
    const server = new FakePeer(`s${randomUUID()}.example`, () => clock.nowMs());
    for (let key = 1; key < Math.min(left, LIMITS.keysPerServerMax); key += 1) server.rotate();
    list.push(server.descriptor().jws);
  }
  return list;
}
