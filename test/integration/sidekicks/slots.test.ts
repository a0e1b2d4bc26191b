import { expect } from 'chai';
import fc from 'fast-check';
import type { Caller } from '../../../src/kernel/caller.js';
import type { ErrorCode } from '../../../src/kernel/errors.js';
import { parseRoomId, parseTaskId } from '../../../src/kernel/ids.js';
import type { TenantLimits } from '../../../src/kernel/tenant-limits.js';
import { monthOf } from '../../../src/kernel/utc-month.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { outcome } from '../../support/fixtures.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { eventually } from '../../support/gateway.js';
import { handed, REPORT, soon, spawnIn, tend } from '../../support/sidekick-work.js';

describe('the slots of sidekicks', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let processes: readonly FlowsProcess[] = [];
  let people: readonly Caller[] = [];
  let room: string;

  const at = (index: number): FlowsProcess => processes[index % processes.length] ?? expect.fail('a process');
  const person = (index: number): Caller => people[index % people.length] ?? expect.fail('a person');

  beforeEach(async () => {
    database = await freshDatabase();
    const first = await FlowsProcess.open(database);
    processes = [first, await FlowsProcess.open(database)];
    people = await first.callers(Array.from({ length: 20 }, (_, index) => `person-${index}`));
    room = await first.group(person(0));
    for (const other of people.slice(1)) await first.flows.members.join(other, parseRoomId(room));
  });
  afterEach(async () => {
    for (const process of processes) await process.close();
    await database.drop();
  });

  async function change(limits: Partial<TenantLimits>, features: object = {}): Promise<void> {
    const ctx = await at(0).tenant();
    await at(0).store.transact(ctx, ({ tenants }) => tenants.setLimits(ctx, limits));
    await database.asOwner('update tenants set features = $1', [JSON.stringify(features)]);
  }
  const counter = async (): Promise<number> => (await database.asOwner<{ sidekicks: number }>('select sidekicks from tenant_usage'))[0]?.sidekicks ?? -1;
  const atWork = async (): Promise<number> => (await database.asOwner("select 1 from sidekicks where status in ('spawning', 'running')")).length;
  const spawns = (count: number, by: (index: number) => Caller): Promise<readonly (ErrorCode | 'ok')[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => outcome(() => spawnIn(at(index), by(index), room))));
  const tally = (words: readonly string[]): Record<string, number> => Object.fromEntries([...new Set(words)].sort().map((one) => [one, words.filter((other) => other === one).length]));

  it('are three for a person, exactly, under a hundred calls at once', async () => {
    expect(tally(await spawns(100, () => person(0)))).to.deep.equal({ SW_SIDEKICK_CAPACITY: 97, ok: 3 });
    expect([await counter(), await atWork()]).to.deep.equal([3, 3]);
    expect((await database.asOwner("select 1 from rooms where room_type = 'sidekick'")).length).to.equal(3);
    expect((await database.asOwner("select 1 from participants where participant_type = 'agent'")).length).to.equal(3);
  });

  it('are ten for a tenant, exactly, under a hundred calls at once', async () => {
    expect(tally(await spawns(100, person))).to.deep.equal({ SW_SIDEKICK_CAPACITY: 90, ok: 10 });
    expect([await counter(), await atWork()]).to.deep.equal([10, 10]);
  });

  it('are as many as the flag says, more or fewer, and an override of the limits counts at once', async () => {
    await change({}, { sidekick_limits: { max_concurrent: 2 } });
    expect(tally(await spawns(10, person))).to.deep.equal({ SW_SIDEKICK_CAPACITY: 8, ok: 2 });
    await change({ max_sidekicks_per_user: 6, max_sidekicks: 8 });
    expect(tally(await spawns(20, () => person(7)))).to.deep.equal({ SW_SIDEKICK_CAPACITY: 14, ok: 6 });
    await change({ max_sidekicks_per_user: 1 }, { sidekick_limits: { max_concurrent: 11 } });
    expect(tally(await spawns(10, (index) => person(8 + index)))).to.deep.equal({ SW_SIDEKICK_CAPACITY: 7, ok: 3 });
    expect(await counter()).to.equal(11);
  });

  it('lowered below what is in use break nothing, and are given back one by one', async () => {
    const tasks = await Promise.all([0, 1, 2].map((index) => spawnIn(at(0), person(index), room)));
    await change({ max_sidekicks: 1 });
    expect(await outcome(() => spawnIn(at(0), person(5), room))).to.equal('SW_SIDEKICK_CAPACITY');
    for (const [index, { task_id }] of tasks.entries()) {
      await at(1).sidekicks.sidekicks.cancel(person(index), parseRoomId(room), parseTaskId(task_id));
      expect(await counter()).to.equal(2 - index);
    }
    expect(await outcome(() => spawnIn(at(0), person(5), room))).to.equal('ok');
  });

  it('of one person, lowered below what is in use, break nothing, and hold for that person alone', async () => {
    const tasks = await Promise.all([0, 1, 2].map((index) => spawnIn(at(index), person(0), room)));
    await change({ max_sidekicks_per_user: 1 });
    expect([await counter(), await atWork()]).to.deep.equal([3, 3]);
    for (const { task_id } of tasks) {
      for (const index of [0, 1]) expect(await outcome(() => spawnIn(at(index), person(0), room))).to.equal('SW_SIDEKICK_CAPACITY');
      await at(1).sidekicks.sidekicks.cancel(person(0), parseRoomId(room), parseTaskId(task_id));
    }
    expect(await outcome(() => spawnIn(at(0), person(5), room))).to.equal('ok');
    expect(tally(await spawns(10, () => person(0)))).to.deep.equal({ SW_SIDEKICK_CAPACITY: 9, ok: 1 });
    expect([await counter(), await atWork()]).to.deep.equal([2, 2]);
  });

  const standing = (): Promise<unknown> => database.asOwner('select (select count(*) from rooms) as rooms, (select count(*) from participants) as people, (select count(*) from sidekicks) as tasks, u.* from tenant_usage u');

  it('refused leave nothing behind: no room, no agent, no task', async () => {
    await change({ max_sidekicks: 0 });
    const before = await standing();
    expect(await outcome(() => spawnIn(at(0), person(0), room))).to.equal('SW_SIDEKICK_CAPACITY');
    expect(await standing()).to.deep.equal(before);
    expect((await database.asOwner('select 1 from sidekicks')).length).to.equal(0);
  });

  it('are taken by none of a hundred at once when the tokens of the month are used up, and who is at work goes on', async () => {
    await spawnIn(at(0), person(0), room);
    await tend(at(0), person(0));
    const [task] = handed(at(0));
    const report = (status: 'running' | 'done', words: object): Promise<unknown> => at(1).sidekicks.sidekickReports.report(parseTaskId(task?.task_id), task?.sidekick_token ?? '', { ...REPORT, status, ...words });
    await report('running', { progress: 'looking' });
    const { tenantId } = await at(0).tenant();
    const nowMs = Date.now();
    await database.asOwner('insert into ai_usage (tenant_id, month, tokens, as_of) values ($1, $2, 500, $3)', [tenantId, monthOf(nowMs), nowMs]);
    for (const limit of [0, 499, 500]) {
      await change({ ai_tokens_monthly_limit: limit });
      const before = await standing();
      expect(tally(await spawns(100, person)), `${limit}`).to.deep.equal({ SW_AI_BUDGET_EXCEEDED: 100 });
      expect(await standing()).to.deep.equal(before);
    }
    expect([await counter(), await atWork()]).to.deep.equal([1, 1]);
    expect(await outcome(() => report('running', { progress: 'still looking' }))).to.equal('ok');
    expect(await outcome(() => report('done', { result: 'found' }))).to.equal('ok');
    expect([await counter(), await atWork()]).to.deep.equal([0, 0]);
    await change({ ai_tokens_monthly_limit: 501 });
    expect(await outcome(() => spawnIn(at(1), person(0), room))).to.equal('ok');
  });

  it('of which the room counts as one of the tenant, while it is open, and the agent as nobody', async () => {
    const used = async (): Promise<unknown> => (await database.asOwner('select rooms, participants from tenant_usage'))[0];
    expect(await used()).to.deep.equal({ rooms: 1, participants: 20 });
    const { task_id } = await spawnIn(at(0), person(0), room);
    expect(await used()).to.deep.equal({ rooms: 2, participants: 20 });
    await at(0).sidekicks.sidekicks.cancel(person(0), parseRoomId(room), parseTaskId(task_id));
    await tend(at(0), person(0));
    expect(await used()).to.deep.equal({ rooms: 1, participants: 20 });
    await change({ max_rooms: 1 });
    expect(await outcome(() => spawnIn(at(0), person(0), room))).to.equal('SW_TENANT_CAPACITY');
    expect(await counter()).to.equal(0);
  });

  it('of which the room holds a place of whoever asked until they leave it, closed or not', async () => {
    const used = async (): Promise<unknown> => (await database.asOwner('select participants from tenant_usage'))[0];
    const { task_id, sidekick_room_id } = await spawnIn(at(0), person(3), room);
    await at(0).sidekicks.sidekicks.cancel(person(3), parseRoomId(room), parseTaskId(task_id));
    await tend(at(0), person(3));
    await at(0).flows.members.leave(person(3), parseRoomId(room), null);
    expect(await used()).to.deep.equal({ participants: 20 });
    await at(0).flows.members.leave(person(3), parseRoomId(sidekick_room_id), null);
    expect(await used()).to.deep.equal({ participants: 19 });
  });

  it('are free once, whoever ends a task, when all of them do it at once', async () => {
    const { task_id } = await spawnIn(at(0), person(0), room, 1);
    await tend(at(0), person(0));
    const [task] = handed(at(0));
    await spawnIn(at(0), person(1), room);
    await soon(1_100);
    const acts = Array.from({ length: 30 }, (_, index) => {
      const process = at(index);
      if (index % 3 === 0) return () => process.sidekicks.sidekicks.cancel(person(0), parseRoomId(room), parseTaskId(task_id));
      if (index % 3 === 1) return () => process.sidekicks.sidekickReports.report(parseTaskId(task_id), task?.sidekick_token ?? '', { ...REPORT, status: 'done', result: 'r' });
      return () => tend(process, person(0));
    });
    await Promise.all(acts.map((act) => outcome(act)));
    expect([await counter(), await atWork()]).to.deep.equal([1, 1]);
    expect((await database.asOwner("select 1 from sidekicks where status in ('done', 'cancelled', 'timed_out')")).length).to.equal(1);
  });

  it('are what the rows say, after any mixture of acts at once, with connections cut in between', async () => {
    await change({ max_sidekicks_per_user: 4 });
    const kinds = ['spawn', 'spawn', 'spawn', 'brief', 'cancel', 'done', 'failed', 'tend', 'tend', 'cut'] as const;
    const act = fc.record({ does: fc.constantFrom(...kinds), which: fc.nat(99), who: fc.nat(99), at: fc.nat(99) });
    type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;
    const tokens = new Map<string, string>();
    const run = async ({ does, which, who, at: where }: Act): Promise<void> => {
      const process = at(where);
      if (does === 'cut') return void (await database.asOwner('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename <> current_user'));
      if (does === 'tend') return void (await tend(process, person(0)));
      const live = await database.asOwner<{ task_id: string; spawner_id: string }>("select task_id, spawner_id from sidekicks where status in ('spawning', 'running') order by created_at, task_id");
      const one = live[which % Math.max(live.length, 1)];
      if (one === undefined || does === 'spawn' || does === 'brief') return void (await spawnIn(process, person(who), room, does === 'brief' ? 1 : 300));
      const task = parseTaskId(one.task_id);
      if (does === 'cancel') await process.sidekicks.sidekicks.cancel(people.find(({ participantId }) => participantId === one.spawner_id) ?? person(0), parseRoomId(room), task);
      else await process.sidekicks.sidekickReports.report(task, tokens.get(one.task_id) ?? '', { ...REPORT, status: does });
    };
    const answers = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 10 }), async (acts) => {
        await Promise.all(acts.map(async (each) => {
          const answer = `${each.does} ${await outcome(() => run(each))}`;
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }));
        for (const task of processes.flatMap(handed)) tokens.set(task.task_id, task.sidekick_token);
        const [slots] = await database.asOwner<{ counter: number; rows: number }>("select sidekicks as counter, (select count(*)::integer from sidekicks where status in ('spawning', 'running')) as rows from tenant_usage");
        expect(slots?.counter).to.equal(slots?.rows).and.to.be.at.most(10);
        const most = await database.asOwner<{ n: number }>("select count(*)::integer as n from sidekicks where status in ('spawning', 'running') group by spawner_id order by 1 desc limit 1");
        expect(most[0]?.n ?? 0).to.be.at.most(4);
      }),
      { numRuns: 20, endOnFailure: true },
    );
    expect([...answers.keys()]).to.include.members(['spawn ok', 'cut ok']);
    await database.asOwner("update sidekicks set deadline = 1 where status in ('spawning', 'running')");
    await eventually(async () => (await outcome(() => tend(at(0), person(0))), (await atWork()) === 0));
    expect(await counter()).to.equal(0);
  });

  it('are seen to be wrong when a task ends without giving its slot back', async () => {
    const { task_id } = await spawnIn(at(0), person(0), room);
    const { ctx } = person(0);
    await at(0).store.transact(ctx, ({ sidekicks }) => sidekicks.end(ctx, parseTaskId(task_id), { status: 'failed', result: null, error: null }, 1));
    expect(await counter()).not.to.equal(await atWork());
  });
});
