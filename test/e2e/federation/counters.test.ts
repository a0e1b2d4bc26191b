import { expect } from 'chai';
import fc from 'fast-check';
import { eventually, federatedPair, type Gateway } from '../../support/gateway.js';
import { counterFaults } from '../../support/log-check.js';

const AT_ONCE = 4;
const KINDS = ['found', 'invite', 'invite', 'invite', 'accept', 'accept', 'accept', 'decline', 'leave', 'kick', 'kick', 'ban', 'unban', 'close', 'say', 'spawn', 'cancel', 'cancel'] as const;
const PEOPLE = ['ann', 'ben', 'cleo'] as const;

const act = fc.record({ does: fc.constantFrom(...KINDS), on: fc.nat(1), who: fc.nat(99), whom: fc.nat(99), where: fc.nat(99) });
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

describe('the counters of two servers that share rooms', function () {
  this.timeout(180_000);
  let pair: readonly [Gateway, Gateway];

  before(async () => {
    pair = await federatedPair();
    for (const gateway of pair) for (const who of ['admin', ...PEOPLE]) await gateway.ask(who, 'GET', '/v1/me');
  });
  after(() => Promise.all(pair.map((gateway) => gateway.end())));

  const one = <T>(all: readonly T[], index: number): T | undefined => all[index % Math.max(all.length, 1)];

  /** Does it, if there is something to do it with; the code of a refusal, or `ok`. */
  async function run({ does, on, who, whom, where }: Act): Promise<string> {
    const [here, there] = on === 0 ? pair : [pair[1], pair[0]];
    const [caller, other] = [one(PEOPLE, who) ?? 'ann', one(PEOPLE, whom) ?? 'ann'];
    const answer = async (by: string, method: string, path: string, body?: object): Promise<string> => (await here.call(by, method, path, body)).body.error?.code ?? 'ok';
    if (does === 'found') {
      const { id } = await here.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'public', is_public: true, name: 'Of two' });
      await answer(caller, 'POST', `/v1/rooms/${id}/join`);
      return answer('admin', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
    }
    if (does === 'accept' || does === 'decline') {
      const invitation = one(await here.ask<{ id: string }[]>(caller, 'GET', '/v1/invitations?limit=200'), where);
      return invitation === undefined ? 'nothing' : answer(caller, 'POST', `/v1/invitations/${invitation.id}/${does}`);
    }
    if (does === 'cancel') {
      const tasks = await here.ask<{ task_id: string; room_id: string; status: string }[]>(caller, 'GET', '/v1/sidekicks');
      const task = one(tasks.filter(({ status }) => status === 'spawning'), whom);
      return task === undefined ? 'nothing' : answer(caller, 'POST', `/v1/rooms/${task.room_id}/sidekicks/${task.task_id}/cancel`);
    }
    const isOfMembers = does === 'leave' || does === 'say' || does === 'spawn';
    const room = one(await here.ask<{ id: string }[]>(isOfMembers ? caller : 'admin', 'GET', '/v1/rooms?limit=200'), where)?.id;
    if (room === undefined) return 'nothing';
    if (does === 'invite') return answer('admin', 'POST', `/v1/rooms/${room}/invitations`, { fqid: `@${other}:${there.name}` });
    if (does === 'leave' || does === 'close') return answer(isOfMembers ? caller : 'admin', 'POST', `/v1/rooms/${room}/${does}`);
    if (does === 'say') return answer(caller, 'POST', `/v1/rooms/${room}/send`, { content: { body: 'words' } });
    if (does === 'spawn') return answer(caller, 'POST', `/v1/rooms/${room}/sidekicks`, { task: 'Find out' });
    return answer('admin', 'POST', `/v1/rooms/${room}/${does}`, { fqid: `@${other}:${whom % 2 === 0 ? there.name : here.name}` });
  }

  const faults = async (): Promise<readonly string[]> =>
    (await Promise.all(pair.map(({ name, database }) => counterFaults({ name, rows: database.asOwner.bind(database) })))).flat();

  it('are what the rows say after anything done on both sides', async () => {
    const answers = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 24, maxLength: 24 }), async (acts) => {
        for (let from = 0; from < acts.length; from += AT_ONCE) {
          await Promise.all(acts.slice(from, from + AT_ONCE).map(async (each) => {
            const answer = `${each.does} ${await run(each)}`;
            answers.set(answer, (answers.get(answer) ?? 0) + 1);
          }));
        }
        expect(await faults()).to.deep.equal([]);
      }),
      { numRuns: 8, endOnFailure: true, examples: [[beginning()]] },
    );
    expect([...answers.keys()]).to.include.members(['found ok', 'invite ok', 'accept ok', 'leave ok', 'kick ok', 'ban ok', 'close ok', 'spawn ok', 'cancel ok']);
    // And once more when all of it has come over.
    await eventually(async () => (await Promise.all(pair.map(({ database }) => database.asOwner("select 1 from consumers where kind = 'peer' and (leased or due_at <= now())")))).flat().length === 0);
    expect(await faults()).to.deep.equal([]);
  });

  it('are seen to be wrong when one of them is', async () => {
    await pair[0].database.asOwner('update tenant_usage set participants = participants + 1');
    expect(await faults()).to.have.length(1);
  });
});

/** Rooms on both sides with people of both, so that there is something to do. */
function beginning(): Act[] {
  const each = (does: Act['does'], count: number, on: number): Act[] => Array.from({ length: count }, (_, index) => ({ does, on, who: index, whom: index * 2, where: index }));
  return [0, 1].flatMap((on) => [...each('found', 4, on), ...each('invite', 8, on), ...each('spawn', 4, on), ...each('cancel', 4, on)]);
}
