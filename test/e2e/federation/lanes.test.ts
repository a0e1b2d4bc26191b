import { expect } from 'chai';
import { openAdmin } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { bring, equalHeads, federatedRoom, heard, PATIENCE_MS } from '../../support/federated.js';
import { eventually, federatedPair, gateways, twinOf, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);

describe('what is said while a server is away', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;
  let alice: Person;
  let bob: Person;
  let room: RoomSeen;
  let there: string;

  before(async () => {
    [a, b] = await federatedPair();
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
    room = await federatedRoom(alice);
    there = await bring(alice, room, bob);
  });
  after(() => Promise.all([a.end(), b.end()]));

  it('reaches a mirror that comes back, all of it and in order', async () => {
    await b.stop();
    for (const body of numbered('away', 30)) await alice.says(room.id, body);
    await b.start();
    await heard(bob, there, 'away30');
    expect((await bob.hears(there)).filter((body) => body.startsWith('away'))).to.deep.equal(numbered('away', 30));
    await equalHeads(room.room_alias, a, b);
  });

  it('reaches a home that comes back, and is pending until then', async () => {
    await a.stop();
    for (const body of numbered('waiting', 12)) await bob.says(there, body);
    const states = await b.database.asOwner("select distinct state from entries where room_id = $1 and content ->> 'body' like 'waiting%'", [there]);
    expect(states).to.deep.equal([{ state: 'pending' }]);
    await a.start();
    await heard(alice, room.id, 'waiting12');
    expect((await alice.hears(room.id)).filter((body) => body.startsWith('waiting'))).to.deep.equal(numbered('waiting', 12));
    await equalHeads(room.room_alias, a, b);
    expect((await bob.hears(there)).filter((body) => body.startsWith('waiting'))).to.deep.equal(numbered('waiting', 12));
  });

  it('goes at once when the server is heard again, however long its lane would still wait', async () => {
    await b.stop();
    await alice.says(room.id, 'after an hour');
    await eventually(async () => (await a.database.asOwner("select 1 from consumers where consumer_id = 'peer:b.example' and attempts > 0")).length === 1, PATIENCE_MS);
    await a.database.asOwner("update consumers set attempts = 20, due_at = now() + interval '1 hour' where consumer_id = 'peer:b.example'");
    await a.stop();
    await a.start();
    await b.start();
    await bob.says(there, 'I am back');
    await heard(bob, there, 'after an hour');
    await equalHeads(room.room_alias, a, b);
  });
});

describe('two processes of one node', function () {
  this.timeout(90_000);

  it('share the work of its lanes, with no word between them: every event is carried once and in order', async () => {
    const [a, b] = await federatedPair();
    const second = await twinOf(a, [b]);
    const alice = await Person.of(a, 'alice');
    const aliceThere = await Person.of(second, 'alice');
    const bob = await Person.of(b, 'bob');
    const rooms: { room: RoomSeen; there: string }[] = [];
    for (let count = 0; count < 3; count += 1) {
      const room = await federatedRoom(alice);
      rooms.push({ room, there: await bring(alice, room, bob) });
    }
    await Promise.all(rooms.map(async ({ room }) => {
      for (const body of numbered('shared', 20)) await (body.endsWith('3') || body.endsWith('7') ? aliceThere : alice).says(room.id, body);
    }));
    for (const { room, there } of rooms) {
      await heard(bob, there, 'shared20');
      expect(await bob.hears(there)).to.deep.equal(numbered('shared', 20));
      await equalHeads(room.room_alias, a, b);
    }
    await a.stop();
    for (const { room, there } of rooms) {
      await aliceThere.says(room.id, 'one is enough');
      await heard(bob, there, 'one is enough');
    }
    await second.stop();
    await Promise.all([a.end(), b.end()]);
  });
});

describe('two tenants of one node', function () {
  this.timeout(90_000);
  let a: Gateway;

  before(async () => {
    [a] = (await gateways(['a.example'])) as [Gateway];
    const admin = await openAdmin(loadConfig({ SCAIWAVE_DB_URL: a.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: a.name, SCAIWAVE_LOG_LEVEL: 'error' }));
    await admin.createTenant({ slug: 'second', name: 'Second', scaikeyTenantId: 'second', serverName: 'second.example', partnerId: undefined });
    await admin.close();
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['second.example'] });
    await a.ask('mock:second:admin:tenant_admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['a.example'] });
  });
  after(() => a.end());

  it('share a room by the same signatures, and neither sees the other’s ids', async () => {
    const alice = await Person.of(a, 'alice');
    const sam: Gateway = { ...a, name: 'second.example', call: (who, ...rest) => a.call(`mock:second:${who}`, ...rest), ask: (who, ...rest) => a.ask(`mock:second:${who}`, ...rest) };
    const other = await Person.of(sam, 'sam');
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, other);
    expect(there).not.to.equal(room.id);
    await alice.says(room.id, 'next door');
    await heard(other, there, 'next door');
    await other.says(there, 'through the wall');
    await heard(alice, room.id, 'through the wall');
    expect((await alice.try('GET', `/v1/rooms/${there}`)).status).to.equal(404);
    expect((await other.try('GET', `/v1/rooms/${room.id}`)).status).to.equal(404);
    await eventually(async () => {
      const rows = await a.database.asOwner<{ heads: string; copies: string }>("select count(distinct encode(head_hash, 'hex')) as heads, count(*) as copies from rooms where log_name = $1", [room.room_alias]);
      return rows[0]?.heads === '1' && rows[0].copies === '2';
    }, PATIENCE_MS);
  });
});

describe('a lane to which something is owed again', function () {
  this.timeout(60_000);

  it('is found by the poll, though nobody hinted, and goes on', async () => {
    const [a, b] = await federatedPair();
    const alice = await Person.of(a, 'alice');
    const bob = await Person.of(b, 'bob');
    const room = await federatedRoom(alice);
    const there = await bring(alice, room, bob);
    await equalHeads(room.room_alias, a, b);
    // Owed again, by a hand that says nothing to any process.
    await a.database.asOwner("update lanes set cursor = cursor - 1, generation = generation + 1 where room_id = $1", [room.id]);
    await a.database.asOwner("update consumers set due_at = now() where kind = 'peer'");
    await eventually(async () => (await a.database.asOwner('select 1 from lanes l join rooms r using (tenant_id, room_id) where l.room_id = $1 and l.cursor = r.head_seq', [room.id])).length === 1, PATIENCE_MS);
    await alice.says(room.id, 'and on');
    await heard(bob, there, 'and on');
    await Promise.all([a.end(), b.end()]);
  });
});
