import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { EVENT_TYPES } from '../../../src/kernel/events.js';
import { headOf } from '../../support/federated.js';
import type { Gateway } from '../../support/gateway.js';
import { HostileHome } from '../../support/hostile-home.js';
import type { Claims, HostilePeer } from '../../support/hostile-peer.js';
import { MirrorWorld, withheldOf } from '../../support/mirror-world.js';
import type { Person } from '../../support/people.js';

const MALLORY = '@mallory:m.example';
const NINA = '@nina:n.example';

describe('what a home says it has erased', function () {
  this.timeout(60_000);
  let world: MirrorWorld;
  let a: Gateway;
  let mallory: HostilePeer;
  let nina: HostilePeer;
  let alice: Person;

  before(async () => {
    world = await MirrorWorld.open();
    ({ a, mallory, nina, alice } = world);
  });
  after(() => world.close());

  const redactionOf = (home: HostileHome, id: string, claims: Claims = {}, by = mallory): number =>
    home.add(by.event(home.log, { type: EVENT_TYPES.redaction, content: {}, relates_to: { rel: 'redaction', origin: 'm.example', id }, ...claims }));
  const kept = async (id: string): Promise<object> => {
    const rows = await a.database.asOwner<{ jws: string | null; state: string; redacted_by: string | null }>('select jws, state, redacted_by from entries where wire_id = $1', [id]);
    return rows.map(({ jws, state, redacted_by: by }) => ({ words: jws !== null, state, by: by === null ? null : Number(by) }))[0] ?? expect.fail('no entry');
  };
  const frozen = async (home: HostileHome): Promise<string | null | undefined> =>
    (await a.database.asOwner<{ frozen: string | null }>('select frozen from rooms where log_name = $1', [home.log]))[0]?.frozen;
  const isFork = async (home: HostileHome, item: object, why?: string): Promise<void> => {
    const before = await headOf(a, home.log);
    expect(await world.send(item), why).to.include({ status: 'refused', code: 'SW_FED_CHAIN_FORK' });
    expect([await frozen(home), await headOf(a, home.log)], why).to.deep.equal(['SW_FED_CHAIN_FORK', before]);
  };
  const isTaken = async (home: HostileHome, item: object, why?: string): Promise<void> => {
    expect(withheldOf(await world.send(item)), why).to.deep.equal([]);
    expect(await frozen(home), why).to.equal(null);
  };
  /** Something that alice says, and that the home has but gives no place yet: its id, and as it was signed. */
  const said = async (home: HostileHome, room: string): Promise<{ readonly id: string; readonly jws: string }> => {
    await alice.says(room, 'mine');
    const jws = await world.submitted(home, mallory, 2);
    return { jws, id: (JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as { id: string }).id };
  };
  /** From its first entry on, so that what everybody may is known. */
  const mirroredWhole = async (home: HostileHome, known: () => void): Promise<number> => {
    home.state(EVENT_TYPES.create, { room_type: 'group', creator: MALLORY, history: 'beginning' });
    home.add(mallory.membership(home.log, 'join'));
    home.add(nina.membership(home.log, 'join', { sender: NINA }));
    known();
    await world.invited(home, alice);
    await world.entered(home);
    expect(await world.send(home.start(0))).to.deep.equal({ status: 'accepted' });
    await isTaken(home, home.run(1));
    return home.headSeq + 1;
  };

  it('is gone where the place that it names is the redaction, whether that comes with it or after it', async () => {
    const home = world.found();
    await world.mirrored(home);
    const [first, second] = [randomUUID(), randomUUID()];
    const place = home.say('gone', { id: first });
    redactionOf(home, first);
    await isTaken(home, home.erased(home.run(place), { [place]: place + 1 }));
    const later = home.say('gone later', { id: second });
    home.say('in between');
    await isTaken(home, home.erased(home.run(later), { [later]: later + 2 }));
    redactionOf(home, second);
    await isTaken(home, home.run(later + 2));
    expect([await kept(first), await kept(second)]).to.deep.equal([
      { words: false, state: 'placed', by: place + 1 },
      { words: false, state: 'placed', by: later + 2 },
    ]);
  });

  it('may be an edit of what was redacted, and a place that was withheld before', async () => {
    const home = world.found();
    const room = await world.mirrored(home);
    const id = randomUUID();
    const place = home.say('first form', { id });
    await isTaken(home, home.erased(home.run(place), { [place]: place + 2 }));
    home.say('second form', { type: EVENT_TYPES.edit, relates_to: { rel: 'edit', origin: 'm.example', id } });
    redactionOf(home, id);
    await isTaken(home, home.erased(home.run(place + 1), { [place + 1]: place + 2 }));
    expect(await alice.hears(room)).to.deep.equal(['']);

    const other = randomUUID();
    const old = home.say('withheld, then erased', { id: other });
    expect(withheldOf(await world.send(home.withheld(home.run(old), [old])))).to.deep.equal(['SW_FED_POLICY']);
    redactionOf(home, other);
    home.say('and on');
    await isTaken(home, home.run(old + 1));
    await isTaken(home, home.erased(home.run(old), { [old]: old + 1 }), 'what is asked for again');
    expect(await kept(other)).to.deep.equal({ words: false, state: 'placed', by: old + 1 });
  });

  it('is a contradiction where that place is something else: here, in a later run, or of another event', async () => {
    const anotherThing = (home: HostileHome): number => home.say('no redaction');
    const ofAnother = (home: HostileHome): number => redactionOf(home, randomUUID());
    const aTopic = (home: HostileHome): number => home.state(EVENT_TYPES.topic, { topic: 'no redaction' });
    for (const next of [anotherThing, ofAnother, aTopic]) {
      const home = world.found();
      await world.mirrored(home);
      const place = home.say('gone?');
      next(home);
      await isFork(home, home.erased(home.run(place), { [place]: place + 1 }), `${next.name}, at once`);
      const later = world.found();
      await world.mirrored(later);
      const first = later.say('gone?');
      await isTaken(later, later.erased(later.run(first), { [first]: first + 1 }));
      next(later);
      await isFork(later, later.run(first + 1), `${next.name}, later`);
    }
  });

  it('is a contradiction where an edit is said to go with the message of another, and where it is no message at all', async () => {
    const [home, other] = [world.found(), world.found()];
    await world.mirrored(home);
    const id = randomUUID();
    const place = home.add(mallory.event(home.log, { id, sender: '@max:m.example' }));
    home.say('another form', { type: EVENT_TYPES.edit, relates_to: { rel: 'edit', origin: 'm.example', id: randomUUID() } });
    redactionOf(home, id, { sender: '@max:m.example' });
    await isFork(home, home.erased(home.run(place), { [place + 1]: place + 2 }));
    await world.mirrored(other);
    const state = other.state(EVENT_TYPES.topic, { topic: 'hidden' });
    await isFork(other, other.erased(other.run(state), { [state]: state + 9 }));
  });

  it('is a contradiction where who redacted could not, as far as that is known here', async () => {
    const byNina = async (power: number | undefined): Promise<readonly [HostileHome, object]> => {
      const home = new HostileHome(mallory);
      const place = await mirroredWhole(home, () => power !== undefined && home.state(EVENT_TYPES.powerLevels, { target: NINA, power_level: power }));
      const id = randomUUID();
      home.say('gone?', { id });
      redactionOf(home, id, { sender: NINA, origin: 'n.example' }, nina);
      return [home, home.erased(home.run(place), { [place]: place + 1 })];
    };
    await isFork(...(await byNina(undefined)), 'power that nobody gave');
    await isFork(...(await byNina(49)), 'too little');
    await isTaken(...(await byNina(50)), 'a moderator');

    const home = world.found();
    await world.mirrored(home);
    const id = randomUUID();
    const place = home.say('gone', { id });
    redactionOf(home, id, { sender: NINA, origin: 'n.example' }, nina);
    await isTaken(home, home.erased(home.run(place), { [place]: place + 1 }), 'power from before our start');
  });

  it('may be redacted by a place without words, but not by one of another type', async () => {
    const [home, other] = [world.found(), world.found()];
    await world.mirrored(home);
    const id = randomUUID();
    const place = home.say('gone', { id });
    redactionOf(home, id);
    const run = home.withheld(home.erased(home.run(place), { [place]: place + 1 }), [place + 1]);
    expect(withheldOf(await world.send(run))).to.deep.equal(['SW_FED_POLICY']);
    expect(await frozen(home)).to.equal(null);
    await world.mirrored(other);
    const first = other.say('gone?');
    other.say('no redaction');
    await isFork(other, other.withheld(other.erased(other.run(first), { [first]: first + 1 }), [first + 1]));
  });

  it('leaves our people’s words where they are until a redaction of them is here', async () => {
    const [honest, atOnce, later, silent] = [world.found(), world.found(), world.found(), world.found()];
    const place = async (home: HostileHome): Promise<{ readonly id: string; readonly seq: number; readonly room: string }> => {
      const room = await world.mirrored(home);
      const { id, jws } = await said(home, room);
      return { id, room, seq: home.add(jws) };
    };
    const ours = (home: HostileHome, id: string): number => redactionOf(home, id, { relates_to: { rel: 'redaction', origin: 'a.example', id } });

    const one = await place(honest);
    await isTaken(honest, honest.erased(honest.run(one.seq), { [one.seq]: one.seq + 1 }));
    expect(await kept(one.id), 'on the home’s word').to.deep.equal({ words: true, state: 'placed', by: null });
    ours(honest, one.id);
    await isTaken(honest, honest.run(one.seq + 1));
    expect(await kept(one.id), 'by its redaction').to.deep.equal({ words: false, state: 'placed', by: one.seq + 1 });

    const two = await place(atOnce);
    atOnce.say('no redaction');
    await isFork(atOnce, atOnce.erased(atOnce.run(two.seq), { [two.seq]: two.seq + 1 }));
    expect(await kept(two.id)).to.deep.equal({ words: true, state: 'pending', by: null });

    const three = await place(later);
    await isTaken(later, later.erased(later.run(three.seq), { [three.seq]: three.seq + 1 }));
    later.say('no redaction');
    await isFork(later, later.run(three.seq + 1));
    expect(await kept(three.id)).to.deep.equal({ words: true, state: 'placed', by: null });
    expect(await alice.hears(three.room)).to.deep.equal(['mine']);

    const four = await place(silent);
    await isTaken(silent, silent.withheld(silent.run(four.seq), [four.seq]), 'what is withheld from us is ours already');
    expect(await kept(four.id)).to.deep.equal({ words: true, state: 'placed', by: null });
  });
});
