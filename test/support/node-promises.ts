import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { bridgedCall, makeBridge, type MadeBridge } from './bridged-call.js';
import type { TestDatabase } from './database.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from './gateway.js';
import { counterFaults, faultsOf, isHealed, readLog } from './log-check.js';
import { deadlocks } from './log-promises.js';
import { raiseRates } from './raised-rates.js';
import { pause } from './siege.js';
import { putRaw, seen } from './uploads.js';
import { WebhookReceiver } from './webhook-receiver.js';

/** Refusals that a busy node may give; anything else is a fault. */
const FAIR: ReadonlySet<string> = new Set([
  'SW_NOT_MEMBER', 'SW_PARTICIPANT_NOT_FOUND', 'SW_EVENT_NOT_FOUND', 'SW_EDIT_FORBIDDEN', 'SW_PLAN_CONFLICT', 'SW_PLAN_NOT_FOUND', 'SW_PLAN_NOT_PAUSABLE', 'SW_SIDEKICK_NOT_FOUND', 'SW_SIDEKICK_CAPACITY',
]);
const ADMIN_PAUSE_MS = 200;
const OUR_OWN = { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' };

/**
 * All that two nodes do at the same time: they federate rooms both ways, relay from a bridge and to it, keep files, plans
 * and tasks, and are administered. Whoever takes locks in an order of their own is found. Answers with how often each was
 * done.
 */
export async function nodesHoldUnderLoad(seconds: number): Promise<Readonly<Record<string, number>>> {
  const [a, b] = await federatedPair({ env: OUR_OWN });
  const receiver = new WebhookReceiver();
  await receiver.start();
  try {
    for (const node of [a, b]) await raiseRates((sql) => node.database.asOwner(sql));
    const room = await sharedRoom(a, b);
    const acts = Object.entries(actsOf(a, b, room, await makeBridge(a, room.home, receiver.url)));
    const positions = followed(b.database);
    const untilMs = Date.now() + seconds * 1_000;
    const done = Object.fromEntries(await Promise.all(acts.map(async ([what, act]) => [what, await keepOn(untilMs, act)] as const)));

    const looked = [a, b].map(({ name, database }) => ({ name, rows: database.asOwner.bind(database) }));
    const [home, mirror] = looked;
    if (home === undefined || mirror === undefined) throw new Error('two nodes');
    const logs = await eventually(async () => {
      const both = [await readLog(home, room.home), await readLog(mirror, room.away)] as const;
      return isHealed(...both) && both;
    }, 60_000);
    expect([...faultsOf(...logs, [], new Set()), ...(await counterFaults(home)), ...(await counterFaults(mirror))]).to.deep.equal([]);
    const placed = await b.database.asOwner<{ p: number }>('select stream_position::float8 as p from entries order by 1');
    expect(await positions.end()).to.include.members(placed.map(({ p }) => p));
    for (const { database } of [a, b]) expect(await deadlocks(database)).to.equal(0);
    expect(receiver.posts).not.to.deep.equal([]);
    return done;
  } finally {
    await Promise.all([a.end(), b.end()]);
    await receiver.stop();
  }
}

/** A reader who goes on from the last position seen: what appears before it later is never seen. */
function followed(database: TestDatabase): { end(): Promise<readonly number[]> } {
  const seen: number[] = [];
  let ending = false;
  const over = (async () => {
    for (let rows = [0]; rows.length > 0 || !ending; await pause(5)) {
      rows = (await database.asOwner<{ p: number }>('select stream_position::float8 as p from entries where stream_position > $1 order by 1 limit 500', [seen.at(-1) ?? 0])).map(({ p }) => p);
      seen.push(...rows);
    }
  })();
  return {
    async end() {
      ending = true;
      await over;
      return seen;
    },
  };
}

type Act = (turn: number) => Promise<unknown>;

function actsOf(a: Gateway, b: Gateway, room: { readonly home: string; readonly away: string }, bridge: MadeBridge): Readonly<Record<string, Act>> {
  const [atHome, away] = [`/v1/rooms/${room.home}`, `/v1/rooms/${room.away}`];
  return {
    'said at the home': (turn) => fairly(a, 'admin', 'POST', `${atHome}/send`, words(turn)),
    'said from the mirror': (turn) => fairly(b, 'bob', 'POST', `${away}/send`, words(turn)),
    'judged on both sides': async (turn) => {
      const { id } = await fairly<{ id: string }>(a, 'admin', 'POST', `${atHome}/send`, words(turn));
      const event = `${atHome}/events/${id}`;
      await Promise.all([
        fairly(a, 'admin', 'POST', `${event}/edit`, { content: { body: 'said better' } }),
        fairly(a, 'admin', 'POST', `${event}/reactions`, { emoji: '+' }),
        fairly(a, 'admin', 'POST', `${event}/redact`, {}),
      ]);
    },
    'relayed in': async () => expect(await bridgedCall(bridge, randomUUID(), 'from elsewhere')).to.equal(200),
    'joined over federation': async () => {
      const other = await sharedRoom(asFairly(b), asFairly(a), 'ann');
      await fairly(a, 'ann', 'POST', `/v1/rooms/${other.away}/leave`);
      await fairly(b, 'admin', 'POST', `/v1/rooms/${other.home}/close`);
    },
    'came and was sent away': async () => {
      const { id } = await fairly<{ id: string }>(a, 'admin', 'POST', '/v1/rooms', { room_type: 'public', name: 'Open' });
      const { id: carol } = await fairly<{ id: string }>(a, 'carol', 'GET', '/v1/me');
      await fairly(a, 'carol', 'POST', `/v1/rooms/${id}/join`);
      await Promise.all([
        fairly(a, 'admin', 'POST', `/v1/rooms/${id}/kick`, { participant_id: carol }),
        fairly(a, 'carol', 'POST', `/v1/rooms/${id}/leave`),
      ]);
      await fairly(a, 'admin', 'POST', `/v1/rooms/${id}/close`);
    },
    'kept and deleted a file': async () => {
      const { media_id: media } = seen(await putRaw(a, 'ann', randomBytes(50_000)));
      await fairly(a, 'ann', 'DELETE', `/v1/media/${media}`);
    },
    'planned': async (turn) => {
      await fairly(a, 'admin', 'PUT', `${atHome}/plan`, { goal: `goal ${turn}`, steps: [{ text: 'one' }, { text: 'two' }] });
      await Promise.all([fairly(a, 'admin', 'POST', `${atHome}/plan/pause`), fairly(a, 'admin', 'POST', `${atHome}/plan/cancel`)]);
    },
    'gave a task and took it back': async () => {
      const { task_id: task } = await fairly<{ task_id: string }>(a, 'admin', 'POST', `${atHome}/sidekicks`, { task: 'Find out' });
      await fairly(a, 'admin', 'POST', `${atHome}/sidekicks/${task}/cancel`);
    },
    'administered': async (turn) => {
      await fairly(a, 'admin', 'PUT', '/v1/admin/federation/policy', { max_foreign_participants_per_room: 50 + (turn % 2) });
      await fairly(a, 'admin', 'GET', '/v1/admin/stats');
      // Everything that is judged while the rules change is judged again, so a person must be let finish.
      await pause(ADMIN_PAUSE_MS);
    },
  };
}

function words(turn: number): object {
  return { content: { msgtype: 'swp.text', body: `word ${turn}` }, event_uuid: randomUUID() };
}

async function keepOn(untilMs: number, act: Act): Promise<number> {
  let turn = 0;
  for (; Date.now() < untilMs; turn += 1) await act(turn);
  return turn;
}

function asFairly(node: Gateway): Pick<Gateway, 'name' | 'ask'> {
  return { name: node.name, ask: (who, method, path, body) => fairly(node, who, method, path, body) };
}

/** `data` of the answer; an empty object for a fair refusal. */
async function fairly<T = unknown>(node: Gateway, who: string, method: string, path: string, body?: unknown): Promise<T> {
  const { status, body: answer } = await node.call(who, method, path, body);
  const code = answer.error?.code ?? '';
  if (status >= 300 && !FAIR.has(code)) throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(answer)}`);
  return (answer.data ?? {}) as T;
}
