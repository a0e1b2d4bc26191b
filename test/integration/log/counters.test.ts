import { expect } from 'chai';
import fc from 'fast-check';
import { isErrorCode, GatewayError } from '../../../src/kernel/errors.js';
import type { Caller } from '../../../src/kernel/caller.js';
import { parseRoomId } from '../../../src/kernel/ids.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';

const PEOPLE = 12;
const LIMITED = { max_rooms: 6, max_participants: 8 };
const AT_ONCE = 10;

/** The counters, and the same counted again from the rows they stand for. */
const COUNTED = `
  select u.rooms, (select count(*)::integer from rooms where phase in ('hosted', 'joining', 'mirrored') and state <> 'closed') as rooms_by_rows,
    u.participants, (select count(distinct participant_id)::integer from members where membership = 'join') as participants_by_rows,
    (select count(*)::integer from participants p
      where p.counted_joins <> (select count(*) from members m where m.participant_id = p.participant_id and m.membership = 'join')) as people_miscounted
  from tenant_usage u`;

interface Counted {
  readonly rooms: number;
  readonly rooms_by_rows: number;
  readonly participants: number;
  readonly participants_by_rows: number;
  readonly people_miscounted: number;
}

describe('the counters of rooms and people', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let processes: readonly FlowsProcess[] = [];
  let people: readonly Caller[] = [];

  before(async () => {
    database = await freshDatabase();
    const first = await FlowsProcess.open(database);
    processes = [first, await FlowsProcess.open(database)];
    people = await first.callers(Array.from({ length: PEOPLE }, (_, index) => `person-${index}`));
    const ctx = await first.tenant();
    await first.store.transact(ctx, ({ tenants }) => tenants.setLimits(ctx, LIMITED));
    for (const process of processes) await process.core.tenants.reload(ctx);
  });
  after(async () => {
    for (const process of processes) await process.close();
    await database.drop();
  });

  const one = <T>(all: readonly T[], index: number): T => {
    const found = all[index % all.length];
    if (found === undefined) throw new Error('one of none');
    return found;
  };
  const counted = async (): Promise<Counted> => {
    const [row] = await database.asOwner<Counted & Record<string, unknown>>(COUNTED);
    if (row === undefined) throw new Error('a tenant');
    return row;
  };

  const kinds = ['found', 'close', 'join', 'join', 'join', 'leave', 'kick', 'ban', 'unban', 'crash'] as const;
  const act = fc.record({ does: fc.constantFrom(...kinds), who: fc.nat(99), whom: fc.nat(99), where: fc.nat(99), at: fc.nat(99) });
  type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

  async function run({ does, who, whom, where, at }: Act): Promise<void> {
    const [process, caller] = [one(processes, at), one(people, who)];
    const { flows } = process;
    const rooms = await database.asOwner<{ room_id: string }>('select room_id from rooms order by room_id');
    if (does === 'crash') return void (await database.asOwner('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename <> current_user'));
    if (does === 'found' || rooms.length === 0) return void (await process.group(caller));
    const room = parseRoomId(one(rooms, where).room_id);
    if (does === 'close') await flows.rooms.close(caller, room);
    else if (does === 'join') await flows.members.join(caller, room);
    else if (does === 'leave') await flows.members.leave(caller, room, null);
    else await flows.members[does](caller, room, { participantId: one(people, whom).participantId }, null);
  }

  it('are what the rows say after anything done at once, with connections cut in between, and never above the limits', async () => {
    const answers = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (acts) => {
        await Promise.all(
          acts.map(async (each) => {
            const answer = await run(each).then(() => `${each.does} ok`, refusalOf);
            answers.set(answer, (answers.get(answer) ?? 0) + 1);
          }),
        );
        const { rooms, rooms_by_rows, participants, participants_by_rows, people_miscounted } = await counted();
        expect({ rooms, participants, people_miscounted }).to.deep.equal({ rooms: rooms_by_rows, participants: participants_by_rows, people_miscounted: 0 });
        expect(rooms).to.be.at.most(LIMITED.max_rooms);
        expect(participants).to.be.at.most(LIMITED.max_participants);
      }),
      { numRuns: 40, endOnFailure: true },
    );
    expect([...answers.keys()]).to.include.members(['join ok', 'crash ok', 'SW_TENANT_CAPACITY', 'SW_UNAVAILABLE']);
  });
});

/** A refusal has a code; a fault of the code under test has none, and is thrown on. */
function refusalOf(error: unknown): string {
  if (error instanceof GatewayError && isErrorCode(error.code)) return error.code;
  throw error;
}
