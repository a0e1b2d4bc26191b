import { expect } from 'chai';
import type { Caller } from '../../src/kernel/caller.js';
import { GatewayError } from '../../src/kernel/errors.js';
import { parseRoomId, type LogName, type RoomId } from '../../src/kernel/ids.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { foldRun, genesis } from '../../src/protocol/chain.js';
import type { TestDatabase } from './database.js';
import type { FlowsProcess } from './flows-process.js';

/** What the log of a tenant promises, held under load: a short while in every run, a minute in the soak. */

export interface Crowd {
  readonly database: TestDatabase;
  /** Two at least: what they know of rooms is each one's own. */
  readonly processes: readonly FlowsProcess[];
}

/** Refusals that a busy room may give; anything else is a fault. */
const FAIR: ReadonlySet<string> = new Set([
  'SW_NOT_MEMBER', 'SW_ROOM_FORBIDDEN', 'SW_INVITATION_DUPLICATE', 'SW_PARTICIPANT_NOT_FOUND', 'SW_EVENT_NOT_FOUND', 'SW_ROOM_FROZEN', 'SW_EDIT_FORBIDDEN',
]);

/** Repeats `act` until the time is over; counts how often it was done and not refused. */
export async function keepOn(seconds: number, act: (turn: number) => Promise<unknown>): Promise<number> {
  const untilMs = Date.now() + seconds * 1_000;
  let done = 0;
  for (let turn = 0; Date.now() < untilMs; turn += 1) {
    try {
      await act(turn);
      done += 1;
    } catch (error) {
      mustBeFair(error);
    }
  }
  return done;
}

function mustBeFair(error: unknown): void {
  if (!(error instanceof GatewayError) || !FAIR.has(error.code)) throw error;
}

export function say(process: FlowsProcess, by: Caller, room: string, body: string): Promise<unknown> {
  return process.flows.messages.send(by, parseRoomId(room), { content: { body }, eventUuid: null, asParticipantId: null });
}

/**
 * 8 writers, one of whom comes and goes and one of whom changes the topic; 4 readers that go on from the last position they saw. Had a smaller one appeared after a larger, a reader
 * would have missed it.
 */
export async function readersMissNothing({ database, processes: [one, two] }: Crowd, seconds: number): Promise<number> {
  if (one === undefined || two === undefined) throw new Error('two processes');
  const writers = await one.callers(Array.from({ length: 8 }, (_, index) => `writer-${index}`));
  const [founder] = writers;
  if (founder === undefined) throw new Error('a founder');
  const rooms = await Promise.all([0, 1, 2].map(() => one.group(founder)));
  for (const writer of writers.slice(1)) for (const room of rooms) await one.flows.members.join(writer, parseRoomId(room));
  const ctx = await one.tenant();
  const start = await one.store.read(ctx, ({ log }) => log.position(ctx));

  let writing = true;
  const read = async (process: FlowsProcess): Promise<number[]> => {
    const seen: number[] = [];
    for (let last = start, done = false; !done; ) {
      done = !writing;
      const { rows } = await process.store.read(ctx, ({ log }) => log.after(ctx, last, LIMITS.syncPageMax));
      seen.push(...rows.map((row) => row.stream_position));
      last = seen.at(-1) ?? last;
      done &&= rows.length === 0;
    }
    return seen;
  };
  const readers = [one, two, one, two].map(read);
  const at = (index: number): FlowsProcess => (index % 2 === 0 ? one : two);
  const [comings, topic] = [rooms[2] ?? '', parseRoomId(rooms[1] ?? '')];
  const acts = writers.map((writer, index): ((turn: number) => Promise<unknown>) => {
    if (index === 6) return (turn) => comeOrGo(at(turn), writer, parseRoomId(comings), turn);
    if (index === 7) return (turn) => at(turn).flows.rooms.setTopic(founder, topic, `topic ${turn}`);
    return (turn) => say(at(index), writer, rooms[turn % 3] ?? '', `${index}/${turn}`);
  });
  const written = await Promise.all(acts.map((act) => keepOn(seconds, act)));
  writing = false;
  const all = (await database.asOwner<{ p: number }>('select stream_position::float8 as p from entries where stream_position > $1 order by 1', [start])).map((row) => row.p);
  for (const seen of await Promise.all(readers)) expect(seen).to.deep.equal(all);
  expect(all).to.have.length(written.reduce((sum, count) => sum + count, 0));
  expect(Math.min(...written), 'every writer has written').to.be.greaterThan(0);
  return all.length;
}

function comeOrGo({ flows }: FlowsProcess, who: Caller, room: RoomId, turn: number): Promise<unknown> {
  return turn % 2 === 0 ? flows.members.leave(who, room, null) : flows.members.join(who, room);
}

/** Every room's numbers have no hole, and its chain is the one that `src/protocol/chain.ts` makes of them. */
export async function chainsHold({ database }: Pick<Crowd, 'database'>): Promise<void> {
  const rooms = await database.asOwner<{ room_id: RoomId; log_name: LogName; head_seq: number; head_hash: Buffer }>('select room_id, log_name, head_seq::float8 as head_seq, head_hash from rooms');
  for (const room of rooms) {
    const rows = await database.asOwner<{ seq: number; at: number; event_hash: Buffer; chain_hash: Buffer }>(
      'select seq::float8 as seq, at::float8 as at, event_hash, chain_hash from entries where room_id = $1 and seq is not null order by seq',
      [room.room_id],
    );
    const folded = foldRun({ room: room.log_name, firstSeq: 1, prevHash: genesis() }, rows.map(({ seq, at, event_hash: eventHash }) => ({ seq, at, eventHash })));
    expect(folded.hashes.map((hash) => hash.toString('hex'))).to.deep.equal(rows.map((row) => row.chain_hash.toString('hex')));
    expect([folded.lastSeq, folded.hash.toString('hex')]).to.deep.equal([room.head_seq, room.head_hash.toString('hex')]);
  }
}

/** Everything at once that takes locks in its own order; every act is done, also where most are refused. Throws what is no fair refusal. */
export async function mixedLoad({ processes }: Crowd, seconds: number): Promise<void> {
  const [one] = processes;
  if (one === undefined) throw new Error('a process');
  const people = await one.callers(Array.from({ length: 8 }, (_, index) => `mixer-${index}`));
  const [founder, ...others] = people;
  if (founder === undefined) throw new Error('a founder');
  const rooms = (await Promise.all([0, 1, 2].map(() => one.group(founder)))).map((room) => parseRoomId(room));
  const room = (turn: number): RoomId => rooms[turn % rooms.length] ?? parseRoomId('');
  const other = (turn: number): Caller => others[turn % others.length] ?? founder;
  const at = (turn: number): FlowsProcess => processes[turn % processes.length] ?? one;
  const acts: readonly ((turn: number) => Promise<unknown>)[] = [
    (turn) => at(turn).flows.members.join(other(turn), room(turn)),
    (turn) => at(turn + 1).flows.members.join(other(turn + 3), room(turn + 1)),
    (turn) => at(turn).flows.members.leave(other(turn), room(turn), null),
    (turn) => cameAnd(at(turn), other(turn), room(turn), () => at(turn + 1).flows.members.kick(founder, room(turn), { participantId: other(turn).participantId }, null)),
    (turn) => at(turn).flows.rooms.setTopic(founder, room(turn), `topic ${turn}`),
    (turn) => openedAndClosed(at(turn), at(turn + 1), other(turn)),
    (turn) => at(turn).flows.rooms.openDm(other(turn), other(turn + 1).participantId),
    (turn) => saidAndJudged(at(turn), at(turn + 1), founder, room(turn), turn),
    (turn) => cameAnd(at(turn), other(turn), room(turn), () => say(at(turn), other(turn), room(turn), `word ${turn}`)),
    (turn) => say(at(turn + 1), founder, room(turn), `word ${turn}`),
  ];
  const done = await Promise.all(acts.map((act) => keepOn(seconds, act)));
  expect(Math.min(...done), done.join()).to.be.greaterThan(0);
}

/** Closed again, so that a minute of it stays within `max_rooms`. */
async function openedAndClosed(one: FlowsProcess, two: FlowsProcess, by: Caller): Promise<void> {
  await two.flows.rooms.close(by, parseRoomId(await one.group(by)));
}

/** Others may put them out again before `then`. */
async function cameAnd({ flows }: FlowsProcess, who: Caller, room: RoomId, then: () => Promise<unknown>): Promise<void> {
  await flows.members.join(who, room).catch(mustBeFair);
  await then();
}

async function saidAndJudged(one: FlowsProcess, two: FlowsProcess, by: Caller, room: RoomId, turn: number): Promise<void> {
  const said = await one.flows.messages.send(by, room, { content: { body: `to be judged ${turn}` }, eventUuid: null, asParticipantId: null });
  const id = said.id as Parameters<FlowsProcess['flows']['messages']['react']>[2];
  await Promise.all([two.flows.messages.react(by, room, id, '+'), one.flows.messages.edit(by, room, id, { body: `edited ${turn}` })]);
  await Promise.all([two.flows.messages.redact(by, room, id, null), one.flows.messages.edit(by, room, id, { body: 'too late, perhaps' }).catch(mustBeFair)]);
}

/** Counted by PostgreSQL, which reports a little late. */
export async function deadlocks(database: TestDatabase): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const rows = await database.asOwner<{ n: number }>('select deadlocks::int as n from pg_stat_database where datname = current_database()');
  return rows[0]?.n ?? -1;
}
