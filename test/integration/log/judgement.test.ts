import { expect } from 'chai';
import pg from 'pg';
import type { Caller } from '../../../src/kernel/caller.js';
import { EVENT_TYPES } from '../../../src/kernel/events.js';
import { parseRoomId, type RoomId } from '../../../src/kernel/ids.js';
import type { ProvenEvent } from '../../../src/verify/proven-event.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';
import { outcome } from '../../support/fixtures.js';
import { eventually } from '../../support/gateway.js';
import { say } from '../../support/log-promises.js';
import { spawnIn } from '../../support/sidekick-work.js';

const ROUNDS = 12;
const SENDS = 200;

describe('judging on snapshots in two processes', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let here: FlowsProcess;
  let there: FlowsProcess;
  let founder: Caller;

  before(async () => {
    database = await freshDatabase();
    here = await FlowsProcess.open(database);
    there = await FlowsProcess.open(database);
    founder = await here.caller('founder');
  });
  after(async () => {
    await there.close();
    await here.close();
    await database.drop();
  });

  const roomWith = async (...people: readonly Caller[]): Promise<RoomId> => {
    const room = parseRoomId(await here.group(founder));
    for (const person of people) await here.flows.members.join(person, room);
    return room;
  };

  it('numbers nothing of a person after their ban, however many of their words are on the way', async () => {
    let refusals = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const person = await here.caller(`banned-${round}`);
      const room = await roomWith(person);
      await say(there, person, room, 'both processes know the room');
      const sends = Array.from({ length: SENDS }, (_, index) => outcome(() => say(index % 2 === 0 ? here : there, person, room, `word ${index}`)));
      const ban = new Promise((resolve) => setTimeout(resolve, round * 8)).then(() => here.flows.members.ban(founder, room, { participantId: person.participantId }, null));
      const outcomes = await Promise.all(sends);
      await ban;
      refusals += outcomes.filter((one) => one === 'SW_NOT_MEMBER').length;
      expect(outcomes.filter((one) => one !== 'ok' && one !== 'SW_NOT_MEMBER')).to.deep.equal([]);
      const [log] = await database.asOwner<{ after_ban: number; words: number }>(
        `select count(*) filter (where sender = $2 and seq > (select seq from entries where room_id = $1 and content ->> 'membership' = 'ban'))::int as after_ban,
           count(*) filter (where sender = $2 and event_type = 'swp.room.message')::int as words from entries where room_id = $1`,
        [room, person.fqid],
      );
      expect(log).to.deep.equal({ after_ban: 0, words: outcomes.filter((one) => one === 'ok').length + 1 });
      expect(await outcome(() => say(there, person, room, 'afterwards'))).to.equal('SW_NOT_MEMBER');
    }
    expect(refusals, 'the race was never close').to.be.greaterThan(0);
  });

  it('judges again what was judged before a change made elsewhere', async () => {
    const person = await here.caller('judged-again');
    const room = await roomWith(person);
    await say(there, person, room, 'the snapshot is kept there');
    await here.flows.rooms.setName(founder, room, 'Another epoch');
    await say(there, person, room, 'under the new epoch');
    const words = await database.asOwner("select 1 from entries where room_id = $1 and event_type = 'swp.room.message'", [room]);
    expect(words).to.have.length(2);
  });

  it('lets a person speak who was just let in elsewhere, although the snapshot here refuses them', async () => {
    const person = await here.caller('let-in');
    const room = await roomWith();
    expect(await outcome(() => say(there, person, room, 'not yet'))).to.equal('SW_NOT_MEMBER');
    await here.flows.members.join(person, room);
    expect(await outcome(() => say(there, person, room, 'now'))).to.equal('ok');
  });

  it('keeps writing while the facts change under every attempt', async () => {
    const person = await here.caller('persistent');
    const room = await roomWith(person);
    let changing = true;
    const changes = (async () => {
      for (let turn = 0; changing; turn += 1) await here.flows.rooms.setTopic(founder, room, `topic ${turn}`);
    })();
    const outcomes = await Promise.all(Array.from({ length: 60 }, (_, index) => outcome(() => say(there, person, room, `word ${index}`))));
    changing = false;
    await changes;
    expect(outcomes.filter((one) => one !== 'ok')).to.deep.equal([]);
  });

  it('does again what a change of the tenant overtakes: a new room, a task, a name, somebody who comes', async () => {
    const person = await here.caller('overtaken');
    const room = await roomWith();
    const rules = new pg.Client({ connectionString: database.ownerUrl });
    await rules.connect();
    try {
      await rules.query('begin');
      await rules.query('update tenant_heads set epoch = epoch + 1');
      const acts = [() => here.group(founder), () => spawnIn(here, founder, room), () => there.flows.rooms.setName(founder, room, 'Better'), () => there.flows.members.join(person, room)].map(outcome);
      await eventually(async () => (await waitingForHead()) >= acts.length);
      await rules.query('commit');
      expect(await Promise.all(acts)).to.deep.equal(acts.map(() => 'ok'));
    } finally {
      await rules.end();
    }
  });

  /** How many of the test's transactions stand before the tenant's head. Two of one room stand one behind the other. */
  async function waitingForHead(): Promise<number> {
    const [row] = await database.asOwner<{ waiting: number }>("select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'");
    return row?.waiting ?? 0;
  }

  it('places what came together in one stretch, though the facts change under every attempt', async () => {
    const [person, outsider] = await here.callers(['in-a-stretch', 'never-in']);
    const room = await roomWith(person ?? expect.fail('a person'));
    const ctx = await there.tenant();
    const pen = await there.core.ownEvents.pen(ctx);
    const snapshot = await there.core.snapshots.load(ctx, room);
    const write = (by: Caller | undefined, body: string): ProvenEvent =>
      pen.write(snapshot, { sender: by?.fqid ?? expect.fail('a sender'), type: EVENT_TYPES.message, content: { msgtype: 'swp.text', body } });
    let changing = true;
    const changes = [1, 2, 3].map(async () => {
      for (let turn = 0; changing; turn += 1) await here.flows.rooms.setTopic(founder, room, `topic ${turn}`);
    });
    try {
      for (let batch = 0; batch < 5; batch += 1) {
        const events = Array.from({ length: 50 }, (_, index) => write(index === 25 ? outsider : person, `word ${batch} ${index}`));
        const first = await there.core.placeEvent.runInOrder(ctx, room, events);
        const again = await there.core.placeEvent.runInOrder(ctx, room, events);
        const places = first.flatMap((one) => ('seq' in one ? [one.seq ?? 0] : []));
        expect(places).to.deep.equal(Array.from({ length: 49 }, (_, index) => (places[0] ?? 0) + index));
        expect(first[25]).to.include({ code: 'SW_NOT_MEMBER' });
        expect(again.flatMap((one) => ('seq' in one ? [one.seq] : []))).to.deep.equal(places);
        expect(new Set(again.map((one) => ('outcome' in one ? one.outcome : one.code)))).to.deep.equal(new Set(['duplicate', 'SW_NOT_MEMBER']));
      }
    } finally {
      changing = false;
      await Promise.all(changes);
    }
  });

  it('refuses everything of a tenant that is suspended, as soon as the epoch has risen', async () => {
    const person = await here.caller('suspended');
    const room = await roomWith(person);
    await say(there, person, room, 'still active');
    const ctx = await here.tenant();
    await here.store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'suspended'));
    try {
      expect(await outcome(() => say(there, person, room, 'suspended'))).to.equal('SW_TENANT_SUSPENDED');
    } finally {
      await here.store.transact(ctx, ({ tenants }) => tenants.setStatus(ctx, 'active'));
    }
  });
});
