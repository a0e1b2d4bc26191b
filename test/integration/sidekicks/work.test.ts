import { expect } from 'chai';
import type { Caller } from '../../../src/kernel/caller.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseRoomId, parseTaskId, type RoomId } from '../../../src/kernel/ids.js';
import type { TaskQueue, WorkerTask } from '../../../src/kernel/ports.js';
import { systemClock, systemRandomness } from '../../../src/kernel/system-ports.js';
import type { TenantLimits } from '../../../src/kernel/tenant-limits.js';
import type { SidekickReport, SpawnedView } from '../../../src/flows/api/sidekicks.js';
import { HandOver } from '../../../src/flows/sidekicks/hand-over.js';
import { newSidekickToken } from '../../../src/flows/sidekicks/sidekick-token.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { outcome } from '../../support/fixtures.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { handed, REPORT, soon, spawnIn, tend, type Handed } from '../../support/sidekick-work.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';

interface Row {
  readonly status: string;
  readonly progress: string | null;
  readonly result: string | null;
  readonly error: string | null;
  readonly attempts: number;
  readonly handed_over_at: string | null;
  readonly sealed_token: Buffer | null;
  readonly token_hash: Buffer | null;
}

describe('the work of a sidekick', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let process: FlowsProcess;
  let ann: Caller;
  let room: RoomId;

  before(async () => {
    database = await freshDatabase();
    process = await FlowsProcess.open(database);
    ann = await process.caller('ann');
  });
  after(async () => {
    await process.close();
    await database.drop();
  });
  beforeEach(async () => {
    await database.asOwner('update sidekicks set deadline = 1');
    await tend(process, ann);
    handed(process);
    room = parseRoomId(await process.group(ann));
  });

  const rowOf = async ({ task_id }: Pick<SpawnedView, 'task_id'>): Promise<Row> => (await database.asOwner<Row>('select * from sidekicks where task_id = $1', [task_id]))[0] ?? expect.fail('no such task');
  const roomState = async (id: string): Promise<string | undefined> => (await database.asOwner<{ state: string }>('select state from rooms where room_id = $1', [id]))[0]?.state;
  const said = async (id: string): Promise<readonly string[]> =>
    (await database.asOwner<{ body: string }>("select content ->> 'body' as body from entries where room_id = $1 and event_type = 'swp.room.message' order by seq", [id])).map(({ body }) => body);
  const report = (task: Pick<Handed, 'task_id' | 'sidekick_token'>, change: Partial<SidekickReport>): ReturnType<FlowsProcess['sidekicks']['sidekickReports']['report']> =>
    process.sidekicks.sidekickReports.report(parseTaskId(task.task_id), task.sidekick_token, { ...REPORT, ...change });

  /** A task that a worker holds. */
  async function begun(timeoutSeconds = 300): Promise<{ readonly spawned: SpawnedView; readonly task: Handed }> {
    const spawned = await spawnIn(process, ann, room, timeoutSeconds);
    await tend(process, { ctx: await process.tenant() });
    const [task] = handed(process);
    return { spawned, task: task ?? expect.fail('nothing was handed over') };
  }

  it('is handed over once, naming its tenant, and the token is sealed no longer', async () => {
    const { spawned, task } = await begun();
    expect(task).to.deep.include({ tenant_id: ann.ctx.tenantId, task_id: spawned.task_id, task: 'Find out', room_id: room, sidekick_room_id: spawned.sidekick_room_id, context: [], report_path: `/v1/sidekicks/${spawned.task_id}/report` });
    const row = await rowOf(spawned);
    expect([row.status, row.handed_over_at === null, row.sealed_token]).to.deep.equal(['spawning', false, null]);
    await tend(process, ann);
    expect(handed(process)).to.deep.equal([]);
  });

  it('is nowhere to be read in the database by its token', async () => {
    const { task } = await begun();
    const dump = await database.asOwner<{ text: string }>('select string_agg(t::text, \' \') as text from sidekicks t');
    expect(dump[0]?.text).to.not.include(task.sidekick_token);
  });

  it('is told step by step in its room, and its end in the room and in the task; then the room is closed', async () => {
    const { spawned, task } = await begun();
    expect(await report(task, { progress: 'looking' })).to.deep.equal({ task_id: task.task_id, status: 'running', warning: null });
    expect(await report(task, { status: 'done', result: 'It is 42.' })).to.deep.equal({ task_id: task.task_id, status: 'done', warning: null });
    await tend(process, ann);
    expect(await said(spawned.sidekick_room_id)).to.deep.equal(['looking', 'It is 42.']);
    expect([await roomState(spawned.sidekick_room_id), await roomState(room)]).to.deep.equal(['closed', 'open']);
    expect(await rowOf(spawned)).to.deep.include({ status: 'done', progress: 'looking', result: 'It is 42.', token_hash: null });
    await tend(process, ann);
    expect(await said(spawned.sidekick_room_id)).to.deep.equal(['looking', 'It is 42.']);
  });

  it('is told once under one event_uuid, however often it is repeated', async () => {
    const { spawned, task } = await begun();
    const eventUuid = '5c1ffee0-0000-4000-8000-0000000000aa';
    await Promise.all([1, 2, 3].map(() => report(task, { progress: 'once', eventUuid })));
    expect(await said(spawned.sidekick_room_id)).to.deep.equal(['once']);
    expect(await outcome(() => report(task, { progress: 'other words', eventUuid }))).to.equal('SW_EVENT_CONFLICT');
  });

  describe('is held by what it has used', () => {
    const limits = async (own: Partial<TenantLimits>): Promise<void> => {
      await process.store.transact(ann.ctx, ({ tenants }) => tenants.setLimits(ann.ctx, own));
      await process.core.tenants.reload(ann.ctx);
    };
    const slots = async (): Promise<number | undefined> => (await database.asOwner<{ sidekicks: number }>('select sidekicks from tenant_usage'))[0]?.sidekicks;
    const used = async ({ task_id }: SpawnedView): Promise<unknown> => (await database.asOwner('select steps, tokens::int from sidekicks where task_id = $1', [task_id]))[0];
    afterEach(() => limits({}));

    it('which is told with the task, kept, and never falls', async () => {
      await limits({ max_sidekick_tokens: 1_000 });
      const { spawned, task } = await begun();
      expect(task).to.include({ max_steps: 25, max_tokens: 1_000 });
      await report(task, { steps: 3, tokens: 100 });
      await report(task, { steps: 2 });
      await report(task, { tokens: 700 });
      expect(await used(spawned)).to.deep.equal({ steps: 3, tokens: 700 });
      expect(await process.sidekicks.sidekicks.get(ann, room, parseTaskId(task.task_id))).to.include({ steps: 3, tokens: 700 });
      await report(task, { status: 'failed', error: 'no', steps: 4 });
      expect(await used(spawned)).to.deep.equal({ steps: 4, tokens: 700 });
    });

    it('and ends after its last step with what there is, once, its slot given back', async () => {
      const before = await slots();
      const { spawned, task } = await begun();
      expect(await report(task, { steps: 24, progress: 'Nearly there.' })).to.include({ status: 'running', warning: null });
      const answers = await Promise.all(Array.from({ length: 5 }, () => outcome(() => report(task, { steps: 25 }))));
      expect(answers.filter((one) => one === 'SW_SIDEKICK_SPENT')).to.have.length(1);
      expect(answers.filter((one) => one === 'SW_SIDEKICK_TOKEN')).to.have.length(4);
      expect(await rowOf(spawned)).to.include({ status: 'done', result: 'Nearly there.', error: 'Its 25 steps were used up.', token_hash: null });
      expect([await slots(), await outcome(() => report(task, { status: 'done' }))]).to.deep.equal([before, 'SW_SIDEKICK_TOKEN']);
      await tend(process, ann);
      expect(await roomState(spawned.sidekick_room_id)).to.equal('closed');
    });

    it('and goes on to its end where tasks at one time become fewer than there are', async () => {
      const { spawned, task } = await begun();
      await limits({ max_sidekicks: 0, max_sidekicks_per_user: 0 });
      expect(await outcome(() => spawnIn(process, ann, room))).to.equal('SW_SIDEKICK_CAPACITY');
      await report(task, { status: 'done', result: 'It is 42.' });
      expect(await rowOf(spawned)).to.include({ status: 'done', result: 'It is 42.' });
    });

    it('and is warned at four fifths of its tokens, and ended at all of them', async () => {
      await limits({ max_sidekick_tokens: 1_000 });
      const { spawned, task } = await begun();
      expect(await report(task, { tokens: 799 })).to.include({ warning: null });
      expect(await report(task, { tokens: 800 })).to.include({ status: 'running', warning: 'tokens' });
      expect(await outcome(() => report(task, { tokens: 1_000, progress: 'So far.' }))).to.equal('SW_SIDEKICK_SPENT');
      expect(await rowOf(spawned)).to.include({ status: 'done', result: 'So far.', error: 'Its 1000 tokens were used up.' });
    });

    it('and may say its own end whatever it has used', async () => {
      const { spawned, task } = await begun();
      expect(await report(task, { status: 'done', result: 'Found.', steps: 30 })).to.include({ status: 'done' });
      expect(await rowOf(spawned)).to.include({ result: 'Found.', error: null });
    });
  });

  describe('is refused under', () => {
    const tokens: readonly (readonly [string, (task: Handed) => Promise<string> | string])[] = [
      ['no token at all', () => 'nonsense'],
      ['an empty token', () => ''],
      ['a token of its tenant that nobody made', () => newSidekickToken(ann.ctx, systemRandomness)],
      ['a token of a tenant that is not there', () => newSidekickToken({ tenantId: systemRandomness.uuid() as typeof ann.ctx.tenantId }, systemRandomness)],
      ['its token with one character changed', ({ sidekick_token: token }) => `${token.slice(0, -2)}${token.at(-2) === 'A' ? 'B' : 'A'}${token.at(-1)}`],
      ['its token with something behind it', ({ sidekick_token: token }) => `${token}A`],
      ['the token of another task', async () => (await begun()).task.sidekick_token],
      ["a person's token", () => 'mock:first:ann'],
    ];
    for (const [title, tokenFor] of tokens) {
      it(title, async () => {
        const { spawned, task } = await begun();
        expect(await outcome(async () => report({ ...task, sidekick_token: await tokenFor(task) }, { status: 'done', result: 'mine' }))).to.equal('SW_SIDEKICK_TOKEN');
        expect((await rowOf(spawned)).status).to.equal('spawning');
      });
    }

    it('its own token once it has ended, in every way', async () => {
      const endings: readonly ((task: Handed) => Promise<unknown>)[] = [
        (task) => report(task, { status: 'done' }),
        (task) => report(task, { status: 'failed', error: 'no' }),
        (task) => process.sidekicks.sidekicks.cancel(ann, room, parseTaskId(task.task_id)),
        async (task) => {
          await database.asOwner('update sidekicks set deadline = 1 where task_id = $1', [task.task_id]);
          await tend(process, ann);
        },
      ];
      for (const end of endings) {
        const { task } = await begun();
        await end(task);
        for (const status of ['running', 'done', 'failed'] as const) expect(await outcome(() => report(task, { status }))).to.equal('SW_SIDEKICK_TOKEN');
      }
    });
  });

  it('goes on under its token when the cache has forgotten everything', async () => {
    const { task } = await begun();
    const other = await FlowsProcess.open(database);
    try {
      expect(await other.sidekicks.sidekickReports.report(parseTaskId(task.task_id), task.sidekick_token, { ...REPORT, status: 'done' })).to.deep.include({ status: 'done' });
    } finally {
      await other.close();
    }
  });

  it('is bounded in its reports', async () => {
    const { task } = await begun();
    const words = await Promise.all(Array.from({ length: 60 }, () => outcome(() => report(task, {}))));
    expect(words.filter((word) => word === 'SW_RATE_LIMIT_EXCEEDED').length).to.be.within(20, 40);
  });

  it('ends when its time is up, whether or not anybody works on it', async () => {
    const { spawned, task } = await begun(1);
    await report(task, { progress: 'slowly' });
    await soon(1_050);
    await tend(process, ann);
    expect(await rowOf(spawned)).to.deep.include({ status: 'timed_out', error: 'The time was up.' });
    expect(await roomState(spawned.sidekick_room_id)).to.equal('closed');
  });

  const departures: readonly (readonly [string, (spawned: SpawnedView, boss: Caller) => Promise<unknown>])[] = [
    ['whoever asked leaves the room', () => process.flows.members.leave(ann, room, null)],
    ['whoever asked is put out of the room', async (_spawned, boss) => process.flows.members.kick(boss, room, { participantId: ann.participantId }, null)],
    ['the room is archived', async (_spawned, boss) => process.flows.rooms.archive(boss, room)],
    ['the room is closed', async (_spawned, boss) => process.flows.rooms.close(boss, room)],
    ['its own room is closed', async ({ sidekick_room_id }) => process.flows.rooms.close(ann, parseRoomId(sidekick_room_id))],
  ];
  for (const [title, depart] of departures) {
    it(`is cancelled when ${title}`, async () => {
      const boss = await process.caller('boss');
      room = parseRoomId(await process.group(boss));
      await process.flows.members.join(ann, room);
      const { spawned } = await begun();
      await depart(spawned, boss);
      await tend(process, ann);
      expect((await rowOf(spawned)).status).to.equal('cancelled');
      expect(await roomState(spawned.sidekick_room_id)).to.equal('closed');
      expect((await database.asOwner('select 1 from sidekicks where not told')).length).to.equal(0);
    });
  }

  describe('with the room as its context', () => {
    const spawnFull = (by: Caller): Promise<SpawnedView> => process.sidekicks.sidekicks.spawn(by, room, { task: 'Sum up', contextMode: 'full', modelId: null, timeoutSeconds: 300, name: 'Summer' });
    const say = (by: Caller, body: string): Promise<{ readonly id: string }> => process.flows.messages.send(by, room, { content: { body }, eventUuid: null, asParticipantId: null });
    const bodies = (): readonly unknown[] => handed(process)[0]?.context.map(({ content }) => content['body']) ?? [];

    it('brings the words that the person who asked can read, oldest first, and nothing that was erased meanwhile', async () => {
      await say(ann, 'before');
      const bob = await process.caller('bob');
      await process.flows.members.join(bob, room);
      await say(ann, 'first');
      const gone = await say(bob, 'a slip');
      await say(bob, 'second');
      await spawnFull(bob);
      await process.flows.messages.redact(bob, room, gone.id as Parameters<typeof process.flows.messages.redact>[2], null);
      await tend(process, ann);
      expect(bodies()).to.deep.equal(['first', 'second']);
    });

    it('brings the newest that fit', async () => {
      for (const text of ['a', 'b', 'c']) await say(ann, text.repeat(50_000));
      await spawnFull(ann);
      await tend(process, ann);
      expect(bodies().map((body) => String(body).slice(0, 1))).to.deep.equal(['b', 'c']);
    });
  });

  it('is not given in rooms that keep things to themselves, nor by another sidekick’s room', async () => {
    const incognito = await process.flows.rooms.create(ann, { roomType: 'incognito', isPublic: false, name: null, topic: null, workspaceId: null, visibility: 'normal', history: 'invite', readRoleSlugs: [] });
    expect(await outcome(() => spawnIn(process, ann, incognito.id))).to.equal('SW_ROOM_TYPE_INVARIANT');
    const { spawned } = await begun();
    expect(await outcome(() => spawnIn(process, ann, spawned.sidekick_room_id))).to.equal('SW_ROOM_TYPE_INVARIANT');
  });

  describe('that cannot be handed over', () => {
    /** A queue that is away, or that dies after it has kept a task and before it can say so. */
    class Faulty implements TaskQueue {
      readonly kept: WorkerTask[] = [];

      constructor(private fault: 'away' | 'silent' | 'none') {}

      mend(): void {
        this.fault = 'none';
      }

      async submit(task: WorkerTask): Promise<void> {
        if (this.fault !== 'away') this.kept.push(task);
        if (this.fault !== 'none') throw new GatewayError('SW_UNAVAILABLE', 'away');
      }
    }
    const handOverTo = (queue: TaskQueue): HandOver =>
      new HandOver({ store: process.store, safe: { open: (_ctx, _task, sealed) => sealed.toString('hex') }, queue, clock: systemClock, randomness: systemRandomness, log: silentLog, meter: silentMeter });
    const again = async (handOver: HandOver): Promise<void> => {
      const [row] = await process.store.read(ann.ctx, ({ sidekicks }) => sidekicks.toHandOver(ann.ctx, Number.MAX_SAFE_INTEGER, 10));
      await handOver.run(ann.ctx, row ?? expect.fail('nothing is live'));
    };

    it('is tried again, and keeps its token until it was', async () => {
      const spawned = await spawnIn(process, ann, room);
      const queue = new Faulty('away');
      await again(handOverTo(queue));
      await again(handOverTo(queue));
      const row = await rowOf(spawned);
      expect([row.attempts, row.handed_over_at, row.sealed_token === null]).to.deep.equal([2, null, false]);
      queue.mend();
      await again(handOverTo(queue));
      expect(queue.kept.map(({ idempotencyKey }) => idempotencyKey)).to.deep.equal([spawned.task_id]);
      expect((await rowOf(spawned)).sealed_token).to.equal(null);
    });

    it('is repeated under one id when nobody knows whether it was kept, so that the queue has it once', async () => {
      const spawned = await spawnIn(process, ann, room);
      const queue = new Faulty('silent');
      await again(handOverTo(queue));
      queue.mend();
      await again(handOverTo(queue));
      expect(queue.kept.map(({ idempotencyKey }) => idempotencyKey)).to.deep.equal([spawned.task_id, spawned.task_id]);
      for (const task of queue.kept) await process.tasks.submit(task);
      expect(handed(process).length).to.equal(1);
    });

    it('ends with its time, and says so', async () => {
      const spawned = await spawnIn(process, ann, room);
      await again(handOverTo(new Faulty('away')));
      await database.asOwner('update sidekicks set deadline = 1 where task_id = $1', [spawned.task_id]);
      await tend(process, ann);
      expect(await rowOf(spawned)).to.deep.include({ status: 'timed_out', error: 'No worker could be reached in time.', sealed_token: null });
    });
  });

  it('is asked for within the budget of the month only', async () => {
    await process.store.transact(ann.ctx, ({ tenants }) => tenants.setLimits(ann.ctx, { ai_tokens_monthly_limit: 0 }));
    expect(await outcome(() => spawnIn(process, ann, room))).to.equal('SW_AI_BUDGET_EXCEEDED');
    await process.store.transact(ann.ctx, ({ tenants }) => tenants.setLimits(ann.ctx, {}));
    expect(await outcome(() => spawnIn(process, ann, room))).to.equal('ok');
  });

  it('of a suspended tenant waits, and its reports are refused', async () => {
    const { task } = await begun();
    const status = (word: 'active' | 'suspended'): Promise<unknown> => process.store.transact(ann.ctx, ({ tenants }) => tenants.setStatus(ann.ctx, word));
    await status('suspended');
    await process.core.tenants.reload(ann.ctx);
    expect(await outcome(() => report(task, {}))).to.equal('SW_TENANT_SUSPENDED');
    await status('active');
    await process.core.tenants.reload(ann.ctx);
    expect(await outcome(() => report(task, {}))).to.equal('ok');
  });
});
