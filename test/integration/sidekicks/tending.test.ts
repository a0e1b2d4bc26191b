import { expect } from 'chai';
import type { Caller } from '../../../src/kernel/caller.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseParticipantId, parseRoomId, parseTaskId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemClock } from '../../../src/kernel/system-ports.js';
import type { SidekickReport, SpawnedView } from '../../../src/flows/api/sidekicks.js';
import { TendSidekicks } from '../../../src/flows/sidekicks/tend-sidekicks.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { outcome } from '../../support/fixtures.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { handed, REPORT, spawnIn, tend, type Handed } from '../../support/sidekick-work.js';
import { silentLog } from '../../support/silent-ports.js';

interface Row {
  readonly status: string;
  readonly result: string | null;
  readonly error: string | null;
  readonly told: boolean;
}

describe('what the tasks of a tenant need besides their workers', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let process: FlowsProcess;
  let ann: Caller;
  let room: string;

  before(async () => {
    database = await freshDatabase();
    process = await FlowsProcess.open(database);
    ann = await process.caller('ann');
    room = await process.group(ann);
  });
  after(async () => {
    await process.close();
    await database.drop();
  });

  const rowOf = async ({ task_id }: Pick<SpawnedView, 'task_id'>): Promise<Row> => (await database.asOwner<Row>('select * from sidekicks where task_id = $1', [task_id]))[0] ?? expect.fail('no such task');
  const roomState = async ({ sidekick_room_id: id }: SpawnedView): Promise<string | undefined> => (await database.asOwner<{ state: string }>('select state from rooms where room_id = $1', [id]))[0]?.state;
  const counted = async (): Promise<unknown> => (await database.asOwner('select rooms, sidekicks from tenant_usage'))[0];
  const report = (task: Handed, change: Partial<SidekickReport>): ReturnType<FlowsProcess['sidekicks']['sidekickReports']['report']> =>
    process.sidekicks.sidekickReports.report(parseTaskId(task.task_id), task.sidekick_token, { ...REPORT, ...change });
  const putOut = (verb: 'kick' | 'ban', { sidekick_room_id: id, agent_participant_id: agent }: SpawnedView): Promise<unknown> =>
    process.flows.members[verb](ann, parseRoomId(id), { participantId: parseParticipantId(agent) }, null);

  /** A task that a worker holds. */
  async function begun(): Promise<{ readonly spawned: SpawnedView; readonly task: Handed }> {
    const spawned = await spawnIn(process, ann, room);
    await tend(process, ann);
    const [task] = handed(process);
    return { spawned, task: task ?? expect.fail('nothing was handed over') };
  }

  describe('is that its room is closed in the end,', () => {
    for (const verb of ['kick', 'ban'] as const) {
      it(`after a ${verb} of its agent, just before the worker says what it found`, async () => {
        const before = await counted();
        const { spawned, task } = await begun();
        await putOut(verb, spawned);
        expect(await report(task, { status: 'done', result: 'It is 42.' })).to.include({ status: 'done' });
        await tend(process, ann);
        expect([await roomState(spawned), await counted()]).to.deep.equal(['closed', before]);
        expect(await rowOf(spawned)).to.deep.include({ status: 'done', result: 'It is 42.', told: true });
      });
    }

    it('after a kick of its agent while the worker is at it, by which it is cancelled', async () => {
      const { spawned, task } = await begun();
      await putOut('kick', spawned);
      expect(await report(task, { progress: 'looking' })).to.include({ status: 'running' });
      await tend(process, ann);
      expect(await rowOf(spawned)).to.include({ status: 'cancelled', error: 'Its agent was put out of its own room.' });
      expect(await roomState(spawned)).to.equal('closed');
    });

    it('and one that cannot be told now goes behind those that can', async () => {
      const both = [await begun(), await begun()];
      for (const [at, { task }] of both.entries()) {
        await report(task, { status: 'done', result: 'So far.' });
        await database.asOwner('update sidekicks set next_attempt_at = $2 where task_id = $1', [task.task_id, at]);
      }
      const [stuck, behind] = both.map(({ task }) => task.task_id);
      const first = async (): Promise<string | undefined> => (await process.store.read(ann.ctx, ({ sidekicks }) => sidekicks.untold(ann.ctx, 1)))[0]?.task_id;
      expect(await first()).to.equal(stuck);
      const said: string[] = [];
      const failing = new TendSidekicks({
        ...{ store: process.store, clock: systemClock, log: silentLog, endSidekick: { run: async () => undefined }, handOver: { run: async () => undefined } },
        farewell: {
          async run(_ctx, row) {
            if (row.task_id === stuck) throw new GatewayError('SW_UNAVAILABLE', 'not now');
            said.push(row.task_id);
          },
        },
      });
      await failing.run(ann.ctx, new AbortController().signal);
      expect([said, await first()]).to.deep.equal([[behind], behind]);
      await tend(process, ann);
      expect(await first()).to.equal(undefined);
    });
  });

  describe('is done though more than a turn looks at are under way before it:', () => {
    beforeEach(async () => {
      const bob = await process.caller('bob');
      await outcome(() => process.flows.members.join(bob, parseRoomId(room)));
      const { task_id } = await spawnIn(process, bob, room);
      await tend(process, bob);
      handed(process);
      const copies = `insert into sidekicks select (jsonb_populate_record(s, jsonb_build_object('task_id', 'task-' || gen_random_uuid(), 'codename', 'crowd'))).*
        from sidekicks s, generate_series(1, $2::int) where task_id = $1`;
      await database.asOwner(copies, [task_id, LIMITS.sidekicksPerTurnMax]);
    });
    afterEach(() => database.asOwner("delete from sidekicks where codename = 'crowd'"));

    it('a later one is handed over', async () => {
      const { task_id } = await spawnIn(process, ann, room);
      await tend(process, ann);
      expect(handed(process).map((task) => task.task_id)).to.deep.equal([task_id]);
    });

    it('a later one ends with the room it was asked for in', async () => {
      const other = await process.group(ann);
      const spawned = await spawnIn(process, ann, other);
      await process.flows.rooms.archive(ann, parseRoomId(other));
      await tend(process, ann);
      expect((await rowOf(spawned)).status).to.equal('cancelled');
    });
  });
});
