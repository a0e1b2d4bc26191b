import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { gateways, type Gateway } from '../../support/gateway.js';
import { Person, type EventSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';
import { byTheWallClock } from '../../support/wall-clock.js';

interface Synced {
  readonly events: readonly EventSeen[];
  readonly next_cursor: string;
  readonly has_more: boolean;
}

describe('sync', () => {
  let gateway: Gateway;
  let alice: Person;
  let bob: Person;
  let carol: Person;
  let room: string;

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    [alice, bob, carol] = await Promise.all([Person.of(gateway, 'alice'), Person.of(gateway, 'bob'), Person.of(gateway, 'carol')]);
  });
  after(() => gateway.end());
  beforeEach(async () => {
    room = (await alice.room({ room_type: 'public' })).id;
    await bob.do('POST', `/v1/rooms/${room}/join`);
  });

  const sync = (who: Person, since: string | number, more = '&timeout=0'): Promise<Synced> => who.do<Synced>('GET', `/v1/sync?since=${since}${more}`);
  const texts = ({ events }: Synced): unknown[] => events.filter((event) => event.event_type === 'swp.room.message').map((event) => event.content['body']);

  async function caughtUp(who: Person): Promise<string> {
    let { next_cursor: cursor, has_more: more } = await sync(who, 0, '&timeout=0&limit=500');
    while (more) ({ next_cursor: cursor, has_more: more } = await sync(who, cursor, '&timeout=0&limit=500'));
    return cursor;
  }

  it('answers at once with what is behind, in order, and with nothing twice', async () => {
    const since = await caughtUp(bob);
    for (const text of ['one', 'two', 'three']) await alice.says(room, text);
    const first = await sync(bob, since, '&timeout=0&limit=2');
    expect([texts(first), first.has_more]).to.deep.equal([['one', 'two'], true]);
    const second = await sync(bob, first.next_cursor);
    expect([texts(second), second.has_more]).to.deep.equal([['three'], false]);
    expect((await sync(bob, second.next_cursor)).events).to.deep.equal([]);
  });

  it('is cut where it grows too long, and goes on from there; so is a page of a room', async function () {
    this.timeout(60_000);
    const since = await caughtUp(bob);
    // Of one letter: what is stored of it is small, what is answered is not.
    const long = 'x'.repeat(60_000);
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    for (const n of numbers) await alice.says(room, `${n} ${long}`);
    const said = (events: readonly EventSeen[]): number[] => events.map(({ content }) => Number(String(content['body']).split(' ')[0]));
    const fits = (events: readonly EventSeen[]): void => {
      expect(events.length).to.be.above(1);
      expect(events.length * 60_000).to.be.below(LIMITS.eventPageBytesMax);
    };

    const first = await sync(bob, since, '&timeout=0&limit=500');
    fits(first.events);
    expect(first.has_more).to.equal(true);
    const second = await sync(bob, first.next_cursor, '&timeout=0&limit=500');
    expect(second.has_more).to.equal(false);
    expect(said([...first.events, ...second.events])).to.deep.equal(numbers);

    for (const [direction, expected] of [['forward', numbers], ['back', [...numbers].reverse()]] as const) {
      const pages: EventSeen[][] = [];
      for (let from: unknown = '', more: unknown = true; more === true; ) {
        const { data, meta } = (await bob.try('GET', `/v1/rooms/${room}/messages?direction=${direction}&limit=200${String(from)}`)).body;
        pages.push(data as EventSeen[]);
        more = meta?.['has_more'];
        from = `&from=${String(meta?.['next_cursor'])}`;
      }
      expect(pages).to.have.length(2);
      pages.forEach(fits);
      expect(said(pages.flat().filter(({ event_type: type }) => type === 'swp.room.message'))).to.deep.equal(expected);
    }
  });

  it('wakes within a second of a message', async function () {
    byTheWallClock(this);
    const since = await caughtUp(bob);
    const waiting = sync(bob, since, '&timeout=20000');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const sentMs = Date.now();
    await alice.says(room, 'wake up');
    expect(texts(await waiting)).to.deep.equal(['wake up']);
    expect(Date.now() - sentMs).to.be.lessThan(1_000);
  });

  it('wakes a person who joins elsewhere while they wait', async () => {
    const since = await caughtUp(carol);
    const waiting = sync(carol, since, '&timeout=20000');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await carol.do('POST', `/v1/rooms/${room}/join`);
    expect((await waiting).events.map((event) => event.event_type)).to.deep.equal(['swp.room.member']);
  });

  it('lets a quiet member sleep to the end of the time while others talk elsewhere', async () => {
    const since = await caughtUp(carol);
    const startedMs = Date.now();
    const waiting = sync(carol, since, '&timeout=1000');
    for (let n = 0; n < 10; n += 1) await alice.says(room, `not for carol ${n}`);
    const synced = await waiting;
    expect(synced.events).to.deep.equal([]);
    expect(Date.now() - startedMs).to.be.greaterThan(900);
    expect(Number(synced.next_cursor)).to.be.greaterThan(Number(since));
  });

  it('reads both stretches of a person who left and came back, and nothing between', async () => {
    const since = await caughtUp(bob);
    await alice.says(room, 'first');
    await bob.do('POST', `/v1/rooms/${room}/leave`);
    await alice.says(room, 'unheard');
    await bob.do('POST', `/v1/rooms/${room}/rejoin`);
    await alice.says(room, 'second');
    expect(texts(await sync(bob, since))).to.deep.equal(['first', 'second']);
  });

  it('shows the entry that put a person out, and nothing after it', async () => {
    const since = await caughtUp(bob);
    await alice.do('POST', `/v1/rooms/${room}/ban`, { participant_id: bob.id });
    await alice.says(room, 'gone');
    const { events } = await sync(bob, since);
    expect(events.map((event) => [event.event_type, event.content['membership']])).to.deep.equal([['swp.room.member', 'ban']]);
  });

  it('refuses limits, cursors and times outside their bounds', async () => {
    for (const query of ['since=-1', 'since=x', 'limit=0', 'limit=501', 'timeout=-1']) expectRefusal(await bob.try('GET', `/v1/sync?${query}`), 'SW_BAD_REQUEST');
  });
});
