import { expect } from 'chai';
import type { Caller } from '../../../src/kernel/caller.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseRoomId } from '../../../src/kernel/ids.js';
import { systemTimers } from '../../../src/kernel/system-ports.js';
import type { TenantLimits } from '../../../src/kernel/tenant-limits.js';
import { Database } from '../../../src/store/database.js';
import { Store } from '../../../src/store/store.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { outcome } from '../../support/fixtures.js';
import { eventually, federatedPair, sharedRoom } from '../../support/gateway.js';

describe('quotas under a hundred calls at once', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let processes: readonly FlowsProcess[] = [];

  beforeEach(async () => {
    database = await freshDatabase();
    const first = await FlowsProcess.open(database);
    processes = [first, await FlowsProcess.open(database)];
  });
  afterEach(async () => {
    for (const process of processes) await process.close();
    await database.drop();
  });

  const at = (index: number): FlowsProcess => {
    const process = processes[index % processes.length];
    if (process === undefined) throw new Error('a process');
    return process;
  };
  const limit = async (limits: Partial<TenantLimits>): Promise<void> => {
    const ctx = await at(0).tenant();
    await at(0).store.transact(ctx, ({ tenants }) => tenants.setLimits(ctx, limits));
    for (const process of processes) await process.core.tenants.reload(ctx);
  };
  const used = async (what: 'rooms' | 'participants'): Promise<number> => (await database.asOwner<{ n: number }>(`select ${what} as n from tenant_usage`))[0]?.n ?? -1;
  const tally = (outcomes: readonly string[]): Record<string, number> => Object.fromEntries([...new Set(outcomes)].sort().map((one) => [one, outcomes.filter((other) => other === one).length]));

  it('max_rooms: exactly the limit is made, and closing one makes place for one', async () => {
    await limit({ max_rooms: 30 });
    const [founder] = await at(0).callers(['founder']);
    if (founder === undefined) throw new Error('a founder');
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, index) => outcome(() => at(index).group(founder))));
    expect(tally(outcomes)).to.deep.equal({ SW_TENANT_CAPACITY: 70, ok: 30 });
    expect([await used('rooms'), (await database.asOwner('select 1 from rooms')).length]).to.deep.equal([30, 30]);
    const { items } = await at(0).flows.rooms.list(founder, { limit: 1, offset: 0 });
    await at(0).flows.rooms.close(founder, parseRoomId(items[0]?.id));
    expect(tally(await Promise.all([0, 1, 2].map((index) => outcome(() => at(index).group(founder)))))).to.deep.equal({ SW_TENANT_CAPACITY: 2, ok: 1 });
  });

  it('max_participants: exactly the limit joins, each counted once, and leaving the last room makes place', async () => {
    const people = await at(0).callers(Array.from({ length: 101 }, (_, index) => `person-${index}`));
    const [founder, ...others] = people as [Caller, ...Caller[]];
    const [one, two] = [parseRoomId(await at(0).group(founder)), parseRoomId(await at(0).group(founder))];
    await limit({ max_participants: 40 });
    const first = await Promise.all(others.map((person, index) => outcome(() => at(index).flows.members.join(person, one))));
    expect(tally(first)).to.deep.equal({ SW_ROOM_CAPACITY: 61, ok: 39 });
    const second = await Promise.all(others.map((person, index) => outcome(() => at(index).flows.members.join(person, two))));
    expect(second.map((word, index) => word === first[index])).to.not.include(false);
    expect(await used('participants')).to.equal(40);

    const inside = others.filter((_, index) => first[index] === 'ok').slice(0, 5);
    await Promise.all(inside.map((person, index) => at(index).flows.members.leave(person, one, null)));
    expect(await used('participants')).to.equal(40);
    await Promise.all(inside.map((person, index) => at(index).flows.members.leave(person, two, null)));
    expect(await used('participants')).to.equal(35);
    const outside = others.filter((_, index) => first[index] !== 'ok');
    expect(tally(await Promise.all(outside.map((person, index) => outcome(() => at(index).flows.members.join(person, one)))))).to.deep.equal({ SW_ROOM_CAPACITY: 56, ok: 5 });
  });

  it('max_participants: lowered below what is in use it takes nobody away, who is counted goes on everywhere, and nobody new comes in', async () => {
    const [founder, ann, stranger] = (await at(0).callers(['founder', 'ann', 'stranger'])) as [Caller, Caller, Caller];
    const [one, two] = [parseRoomId(await at(0).group(founder)), parseRoomId(await at(0).group(founder))];
    await at(0).flows.members.join(ann, one);
    await limit({ max_participants: 1 });
    for (const index of [0, 1]) {
      expect(await outcome(() => at(index).flows.messages.send(ann, one, { content: { body: `still here, ${index}` }, eventUuid: null, asParticipantId: null }))).to.equal('ok');
      expect(await outcome(() => at(index).flows.members.join(stranger, one))).to.equal('SW_ROOM_CAPACITY');
    }
    expect(await outcome(() => at(1).flows.members.join(ann, two))).to.equal('ok');
    expect(await outcome(() => at(0).flows.members.join(stranger, two))).to.equal('SW_ROOM_CAPACITY');
    expect(await used('participants')).to.equal(2);
  });
});

describe('a counter that is lower than what it counts', () => {
  it('stays as it is, fails nobody, and is counted and logged once the act has been committed', async () => {
    const test = await freshDatabase();
    const process = await FlowsProcess.open(test);
    const told: unknown[] = [];
    const { appUrl: url, roles } = test;
    const database = new Database({ url, roles, log: { warn: (fields) => told.push(fields) }, meter: { count: (name, labels) => told.push([name, labels]) }, timers: systemTimers });
    try {
      const ctx = await process.tenant();
      await test.asOwner('update tenant_usage set participants = 1');
      const lower = async (count: number, isUndone = false): Promise<unknown> =>
        outcome(() => new Store(database).transact(ctx, async ({ usage }) => {
          await usage.release(ctx, 'participants', count);
          if (isUndone) throw new GatewayError('SW_UNAVAILABLE', 'undone');
        }));
      expect([await lower(2, true), told]).to.deep.equal(['SW_UNAVAILABLE', []]);
      expect([await lower(1), told]).to.deep.equal(['ok', []]);
      expect(await lower(1)).to.equal('ok');
      expect(told).to.deep.equal([['usage_drifts_total', { counter: 'participants' }], { kind: 'participants' }]);
      expect(await test.asOwner('select participants from tenant_usage')).to.deep.equal([{ participants: 0 }]);
    } finally {
      await database.close();
      await process.close();
      await test.drop();
    }
  });
});

describe('the place of a foreign person', function () {
  this.timeout(60_000);

  it('is counted once however many hosted rooms they are in, and given back with the last', async () => {
    const [a, b] = await federatedPair();
    const participants = async (): Promise<number> => (await a.database.asOwner<{ n: number }>('select participants as n from tenant_usage'))[0]?.n ?? -1;
    try {
      const rooms = [await sharedRoom(a, b), await sharedRoom(a, b)];
      expect(await participants()).to.equal(2);
      await b.ask('bob', 'POST', `/v1/rooms/${rooms[0]?.away}/leave`);
      await b.ask('bob', 'POST', `/v1/rooms/${rooms[1]?.away}/leave`);
      await eventually(async () => (await participants()) === 1);
    } finally {
      await Promise.all([a.end(), b.end()]);
    }
  });
});
