import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../../support/gateway.js';

interface Placed {
  readonly event_type: string;
  readonly state: string;
  readonly reason: string | null;
}

describe('words that wait for the home of their room', () => {
  let a: Gateway;
  let b: Gateway;
  let room: { home: string; away: string };

  before(async function () {
    this.timeout(60_000);
    [a, b] = await federatedPair();
    room = await sharedRoom(a, b);
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
  });

  interface Said {
    readonly id: string;
    readonly delivery?: { readonly state: string; readonly code?: string };
  }
  const say = (body: string): Promise<Said> => b.ask<Said>('bob', 'POST', `/v1/rooms/${room.away}/send`, { content: { msgtype: 'swp.text', body } });
  /** Of the last words that bob said, as he would hear of them, oldest first. */
  const deliveries = async (count: number): Promise<Said['delivery'][]> =>
    (await b.ask<Said[]>('bob', 'GET', `/v1/rooms/${room.away}/messages?limit=${count}`)).map(({ delivery }) => delivery).reverse();
  const toldWithin = async (ms: number): Promise<unknown> => eventually(async () => (await deliveries(1))[0]?.code, ms);
  const UNREACHABLE = { state: 'pending', code: 'SW_FED_PEER_UNREACHABLE' };

  it('say so within ten seconds of a home that is down, and at once while that is known', async function () {
    this.timeout(60_000);
    await a.stop();
    const since = await b.ask<{ next_cursor: string }>('bob', 'GET', '/v1/sync?timeout=0').then(({ next_cursor: cursor }) => cursor);
    expect((await say('one')).delivery?.state).to.equal('pending');
    expect(await toldWithin(10_000)).to.equal(UNREACHABLE.code);
    await say('two');
    expect(await deliveries(2)).to.deep.equal([UNREACHABLE, UNREACHABLE]);
    const { events } = await b.ask<{ events: Said[] }>('bob', 'GET', `/v1/sync?timeout=0&since=${since}`);
    expect(events.map(({ delivery }) => delivery)).to.deep.equal([UNREACHABLE, UNREACHABLE]);
    await a.start();
    await eventually(async () => (await deliveries(2)).every((delivery) => delivery?.state === 'placed'));
    expect(await deliveries(2)).to.deep.equal([{ state: 'placed' }, { state: 'placed' }]);
  });

  it('keep their order, told or not, while many are said at once', async function () {
    this.timeout(60_000);
    await a.stop();
    const turns = Array.from({ length: 12 }, (_, turn) => turn);
    const speak = async (voice: number): Promise<void> => {
      for (const turn of turns) await say(`${voice}:${turn}`);
    };
    await Promise.all([0, 1, 2, 3].map(speak));
    await a.start();
    const spoken = async (): Promise<string[]> => {
      const rows = await a.database.asOwner<{ body: string }>("select content ->> 'body' as body from entries where room_id = $1 and seq is not null order by seq", [room.home]);
      return rows.map(({ body }) => body).filter((body) => /^\d:\d+$/.test(body));
    };
    await eventually(async () => (await spoken()).length === 4 * turns.length, 40_000);
    const all = await spoken();
    for (const voice of [0, 1, 2, 3]) expect(all.filter((body) => body.startsWith(`${voice}:`))).to.deep.equal(turns.map((turn) => `${voice}:${turn}`));
  });

  it('say so within ten seconds of a home that takes the call and says nothing', async function () {
    this.timeout(60_000);
    await a.stop();
    const mute = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(Number(new URL(a.url).port), '127.0.0.1', resolve));
    const held: Socket[] = [];
    mute.on('connection', (socket) => held.push(socket));
    try {
      await say('into silence');
      expect(await toldWithin(10_000)).to.equal(UNREACHABLE.code);
    } finally {
      for (const socket of held) socket.destroy();
      await new Promise((resolve) => mute.close(resolve));
      await a.start();
    }
    await eventually(async () => (await deliveries(1))[0]?.state === 'placed', 40_000);
  });

  it('are placed in their order, though one is about another that came in the same batch', async function () {
    this.timeout(30_000);
    await a.stop();
    const path = `/v1/rooms/${room.away}`;
    const { id } = await b.ask<{ id: string }>('bob', 'POST', `${path}/send`, { content: { msgtype: 'swp.text', body: 'frist' } });
    await b.ask('bob', 'POST', `${path}/events/${id}/edit`, { content: { msgtype: 'swp.text', body: 'first' } });
    await b.ask('bob', 'POST', `${path}/events/${id}/reactions`, { emoji: '👍' });
    await b.ask('bob', 'POST', `${path}/send`, { content: { msgtype: 'swp.text', body: 'second' } });
    await a.start();
    const last = 'select event_type, state, reason from entries where room_id = $1 order by stream_position desc limit 4';
    await eventually(async () => (await b.database.asOwner<Placed>(last, [room.away])).every(({ state }) => state !== 'pending'));
    const rows = await a.database.asOwner<Placed>(last, [room.home]);
    expect(rows.reverse().map(({ event_type: type, state }) => [type, state])).to.deep.equal([
      ['swp.room.message', 'placed'],
      ['swp.room.message.edit', 'placed'],
      ['swp.room.reaction', 'placed'],
      ['swp.room.message', 'placed'],
    ]);
  });

  it('are refused beyond so many of a room, and taken again when one has gone', async function () {
    this.timeout(60_000);
    await a.stop();
    const trySaying = async (): Promise<string> => {
      const { status, body } = await b.call('bob', 'POST', `/v1/rooms/${room.away}/send`, { content: { msgtype: 'swp.text', body: 'one more' } });
      return status < 300 ? 'kept' : String(body.error?.code);
    };
    const { id } = await say('the first of many');
    await b.database.asOwner(
      `insert into entries select (jsonb_populate_record(e, jsonb_build_object('stream_position', -n, 'event_id', 'made-' || n))).* from entries e, generate_series(1, $1) n where e.event_id = $2`,
      [LIMITS.submissionsPerRoomMax - 2, id],
    );
    try {
      expect(await trySaying()).to.equal('kept');
      expect(await Promise.all([trySaying(), trySaying(), trySaying()])).to.deep.equal(new Array(3).fill('SW_FED_SUBMISSIONS_FULL'));
      await b.database.asOwner("delete from entries where event_id = 'made-1'");
      expect((await Promise.all([trySaying(), trySaying()])).sort()).to.deep.equal(['SW_FED_SUBMISSIONS_FULL', 'kept']);
    } finally {
      await b.database.asOwner("delete from entries where event_id like 'made-%'");
    }
  });
});
