import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { FlowsProcess } from '../../support/flows-process.js';
import { federatedPair, gateways, sharedRoom, type Gateway } from '../../support/gateway.js';
import { Person } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';
import { StreamClient } from '../../support/stream-client.js';

interface PlanSeen {
  readonly plan_id: string;
  readonly goal: string;
  readonly state: string;
  readonly revision: number;
  readonly ended_at: string | null;
  readonly steps: readonly { readonly id: string; readonly text: string; readonly status: string; readonly attempts: number }[];
}

const steps = (count: number, status = 'pending'): readonly { readonly text: string; readonly status: string }[] => Array.from({ length: count }, (_, index) => ({ text: `step ${index + 1}`, status }));

describe('the plan of a room', function () {
  this.timeout(60_000);
  let gateway: Gateway;
  let alice: Person;
  let bob: Person;
  let room: string;

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    [alice, bob] = await Promise.all([Person.of(gateway, 'alice'), Person.of(gateway, 'bob')]);
  });
  after(() => gateway.end());
  beforeEach(async () => {
    room = (await alice.room()).id;
  });

  const write = (body: object, by = alice): Promise<PlanSeen> => by.do<PlanSeen>('PUT', `/v1/rooms/${room}/plan`, body);
  const tryWrite = (body: object, by = alice): ReturnType<Person['try']> => by.try('PUT', `/v1/rooms/${room}/plan`, body);
  const act = (name: string, by = alice): ReturnType<Person['try']> => by.try('POST', `/v1/rooms/${room}/plan/${name}`);

  describe('is refused', () => {
    it('to those who are not in the room, in every way', async () => {
      await write({ goal: 'g', steps: steps(1) });
      expectRefusal(await tryWrite({ goal: 'mine', steps: steps(1), revision: 1 }, bob), 'SW_NOT_MEMBER');
      for (const name of ['pause', 'resume', 'cancel']) expectRefusal(await act(name, bob), 'SW_NOT_MEMBER');
      for (const path of ['plan', 'plans']) expectRefusal(await bob.try('GET', `/v1/rooms/${room}/${path}`), 'SW_NOT_MEMBER');
    });

    it('in a room that is not there, and does not tell of a restricted one', async () => {
      const nowhere = `room-${randomUUID()}`;
      expectRefusal(await alice.try('PUT', `/v1/rooms/${nowhere}/plan`, { goal: 'g', steps: steps(1) }), 'SW_ROOM_NOT_FOUND');
      const hidden = await alice.room({ room_type: 'group', visibility: 'restricted' });
      expectRefusal(await bob.try('GET', `/v1/rooms/${hidden.id}/plan`), 'SW_ROOM_NOT_FOUND');
    });

    it('with more steps than the limit, and without any', async () => {
      expectRefusal(await tryWrite({ goal: 'g', steps: steps(21) }), 'SW_PLAN_CAPACITY');
      expectRefusal(await tryWrite({ goal: 'g', steps: [] }), 'SW_BAD_SCHEMA');
      expectRefusal(await alice.try('GET', `/v1/rooms/${room}/plan`), 'SW_PLAN_NOT_FOUND');
    });

    it('in a form that is not documented', async () => {
      for (const body of [
        { goal: '', steps: steps(1) }, { goal: 'g' }, { goal: 'g', steps: [{ text: 's', id: 'toolong' }] }, { goal: 'g', steps: [{ text: 's', status: 'asleep' }] },
        { goal: 'g', steps: steps(1), mode: 'random' }, { goal: 'g', steps: steps(1), state: 'done' }, { goal: 'g', steps: [{ text: 'x'.repeat(2_001) }] }, { goal: 'g', steps: steps(1), owner: 'me' },
        { goal: 'g', steps: [{ text: 's', id: 'abcde' }, { text: 't', id: 'abcde' }] },
      ]) expectRefusal(await tryWrite(body), 'SW_BAD_SCHEMA');
    });

    it('as a new one while another is under way, and with a revision that is not the current one', async () => {
      expectRefusal(await tryWrite({ goal: 'g', steps: steps(1), revision: 1 }), 'SW_PLAN_NOT_FOUND');
      await write({ goal: 'g', steps: steps(1) });
      expectRefusal(await tryWrite({ goal: 'other', steps: steps(1) }), 'SW_PLAN_CONFLICT');
      expectRefusal(await tryWrite({ goal: 'g', steps: steps(2), revision: 2 }), 'SW_PLAN_CONFLICT');
      expect((await alice.do<PlanSeen>('GET', `/v1/rooms/${room}/plan`)).revision).to.equal(1);
    });

    it('when the room is archived, but for holding it up and ending it', async () => {
      await write({ goal: 'g', steps: steps(1) });
      await alice.do('POST', `/v1/rooms/${room}/archive`);
      expectRefusal(await tryWrite({ goal: 'g', steps: steps(1), revision: 1 }), 'SW_ROOM_FROZEN');
      expect((await act('pause')).status).to.equal(200);
      expectRefusal(await act('resume'), 'SW_ROOM_FROZEN');
      expect((await act('cancel')).status).to.equal(200);
    });
  });

  it('is written whole, with an id for every step, and seen by every member', async () => {
    await alice.brings(room, bob);
    const made = await write({ goal: 'Ship it', steps: [{ text: 'build', id: 'build' }, { text: 'test' }] });
    expect(made).to.deep.include({ goal: 'Ship it', state: 'running', revision: 1, ended_at: null });
    expect(made.steps.map(({ id, ...rest }) => [/^[a-z0-9]{5}$/.test(id), rest])).to.deep.equal([
      [true, { text: 'build', status: 'pending', result: null, attempts: 0 }],
      [true, { text: 'test', status: 'pending', result: null, attempts: 0 }],
    ]);
    expect(made.steps[0]?.id).to.equal('build');
    expect(await bob.do('GET', `/v1/rooms/${room}/plan`)).to.deep.equal(made);
    expect((await bob.do<{ plan: PlanSeen }>('GET', `/v1/rooms/${room}/state`)).plan).to.deep.equal(made);
  });

  it('goes on by being written again, and ends by itself with its last step', async () => {
    const made = await write({ goal: 'g', steps: steps(2) });
    const again = await write({ goal: 'g', steps: [{ ...made.steps[0], status: 'done' }, { ...made.steps[1], status: 'in_progress', attempts: 1 }], revision: 1 });
    expect(again).to.deep.include({ plan_id: made.plan_id, state: 'running', revision: 2 });
    const done = await write({ goal: 'g', steps: steps(2, 'done'), revision: 2 });
    expect([done.state, done.ended_at === null]).to.deep.equal(['done', false]);
    expectRefusal(await tryWrite({ goal: 'g', steps: steps(2), revision: 3 }), 'SW_PLAN_NOT_RUNNING');
    for (const name of ['resume', 'cancel']) expectRefusal(await act(name), 'SW_PLAN_NOT_RUNNING');
    expectRefusal(await act('pause'), 'SW_PLAN_NOT_PAUSABLE');
    expect((await write({ goal: 'next', steps: [...steps(1, 'skipped'), ...steps(1, 'failed')] })).state).to.equal('failed');
  });

  it('is held up, goes on and is ended by any member', async () => {
    await alice.brings(room, bob);
    await write({ goal: 'g', steps: steps(2), state: 'draft' });
    expectRefusal(await act('pause', bob), 'SW_PLAN_NOT_PAUSABLE');
    const states: unknown[] = [];
    for (const name of ['resume', 'pause']) states.push(((await act(name, bob)).body.data as PlanSeen).state);
    states.push((await write({ goal: 'g', steps: [...steps(1, 'done'), ...steps(1)], revision: 3, state: 'running' })).state);
    for (const name of ['resume', 'cancel']) states.push(((await act(name, bob)).body.data as PlanSeen).state);
    expect(states).to.deep.equal(['running', 'paused', 'paused', 'running', 'cancelled']);
    expectRefusal(await act('resume', bob), 'SW_PLAN_NOT_RUNNING');
  });

  it('passes by the WebSockets of the members, and of nobody else', async () => {
    const [member, stranger] = [await StreamClient.open(gateway, 'mock:first:alice'), await StreamClient.open(gateway, 'mock:first:bob')];
    try {
      const made = await write({ goal: 'g', steps: steps(1) });
      const frame = await member.next(({ type }) => type === 'swp.plan.updated', 20_000);
      expect(frame).to.deep.include({ room_id: room, plan_id: made.plan_id, state: 'running', revision: 1 });
      await act('cancel');
      await member.next(({ type, state }) => type === 'swp.plan.updated' && state === 'cancelled', 20_000);
      expect(stranger.frames.filter(({ type }) => type === 'swp.plan.updated')).to.deep.equal([]);
    } finally {
      member.close();
      stranger.close();
    }
  });

  it('is one of a hundred written at once, and one of a hundred rewritten with one revision', async () => {
    const first = await Promise.all(Array.from({ length: 100 }, (_, index) => tryWrite({ goal: `goal ${index}`, steps: steps(1) })));
    expect(tally(first)).to.deep.equal({ 200: 1, SW_PLAN_CONFLICT: 99 });
    const second = await Promise.all(Array.from({ length: 100 }, () => tryWrite({ goal: 'g', steps: steps(2), revision: 1 })));
    expect(tally(second)).to.deep.equal({ 200: 1, SW_PLAN_CONFLICT: 99 });
    expect((await alice.do<PlanSeen[]>('GET', `/v1/rooms/${room}/plans`)).length).to.equal(1);
  });

  it('has twenty steps and not one more, unless set otherwise, whoever writes at once', async () => {
    expect((await write({ goal: 'g', steps: steps(20) })).steps.length).to.equal(20);
    expectRefusal(await tryWrite({ goal: 'g', steps: steps(21), revision: 1 }), 'SW_PLAN_CAPACITY');
    room = (await alice.room()).id;
    const counts = Array.from({ length: 100 }, (_, index) => 20 + (index % 2));
    const answers = await Promise.all(counts.map((count) => tryWrite({ goal: 'g', steps: steps(count) })));
    expect(tally(answers.filter((_, index) => counts[index] === 21))).to.deep.equal({ SW_PLAN_CAPACITY: 50 });
    expect(tally(answers.filter((_, index) => counts[index] === 20))).to.deep.equal({ 200: 1, SW_PLAN_CONFLICT: 49 });
    expect((await alice.do<PlanSeen>('GET', `/v1/rooms/${room}/plan`)).steps.length).to.equal(20);
  });

  it('is listed with those before it, the newest first, and no more than are kept', async () => {
    for (let index = 1; index <= 103; index += 1) await write({ goal: `goal ${index}`, steps: steps(1, 'done') });
    const goals = async (query: string): Promise<readonly string[]> => (await alice.do<PlanSeen[]>('GET', `/v1/rooms/${room}/plans${query}`)).map(({ goal }) => goal);
    expect((await goals('')).length).to.equal(20);
    expect(await goals('?limit=2')).to.deep.equal(['goal 103', 'goal 102']);
    const all = await goals('?limit=100');
    expect([all.length, all.at(-1)]).to.deep.equal([100, 'goal 4']);
    expect((await gateway.database.asOwner('select 1 from plans where room_id = $1', [room])).length).to.equal(100);
  });

  it('obeys a limit that was raised or lowered at once, and a longer plan goes on', async () => {
    const process = await FlowsProcess.open(gateway.database);
    const limit = async (max: number): Promise<void> => {
      const ctx = await process.tenant();
      await process.store.transact(ctx, ({ tenants }) => tenants.setLimits(ctx, { max_plan_steps: max }));
    };
    try {
      await limit(30);
      await write({ goal: 'g', steps: steps(30) });
      await limit(3);
      expectRefusal(await tryWrite({ goal: 'g', steps: steps(31), revision: 1 }), 'SW_PLAN_CAPACITY');
      expect((await write({ goal: 'g', steps: steps(30, 'done'), revision: 1 })).state).to.equal('done');
      expectRefusal(await tryWrite({ goal: 'g', steps: steps(4) }), 'SW_PLAN_CAPACITY');
      expect((await write({ goal: 'g', steps: steps(3) })).steps.length).to.equal(3);
    } finally {
      await limit(20);
      await process.close();
    }
  });
});

describe('the plan of a federated room', function () {
  this.timeout(60_000);

  it('is of the side on which it was written', async () => {
    const [a, b] = await federatedPair();
    try {
      const shared = await sharedRoom(a, b);
      await a.ask('admin', 'PUT', `/v1/rooms/${shared.home}/plan`, { goal: 'ours', steps: steps(1) });
      expectRefusal(await b.call('bob', 'GET', `/v1/rooms/${shared.away}/plan`), 'SW_PLAN_NOT_FOUND');
      const theirs = await b.ask<PlanSeen>('bob', 'PUT', `/v1/rooms/${shared.away}/plan`, { goal: 'theirs', steps: steps(1) });
      expect(theirs.goal).to.equal('theirs');
      expect((await a.ask<PlanSeen[]>('admin', 'GET', `/v1/rooms/${shared.home}/plans`)).map(({ goal }) => goal)).to.deep.equal(['ours']);
    } finally {
      await Promise.all([a.end(), b.end()]);
    }
  });
});

function tally(answers: readonly Awaited<ReturnType<Person['try']>>[]): Record<string, number> {
  const words = answers.map(({ status, body }) => body.error?.code ?? String(status));
  return Object.fromEntries([...new Set(words)].sort().map((word) => [word, words.filter((other) => other === word).length]));
}
