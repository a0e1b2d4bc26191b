import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { EVENT_TYPES, type WireEvent } from '../../../src/kernel/events.js';
import { LIMITS, MEGABYTE } from '../../../src/kernel/limits.js';
import { TENANT_LIMIT_DEFAULTS } from '../../../src/kernel/tenant-limits.js';
import { eventHash } from '../../../src/protocol/event.js';
import type { ItemResult } from '../../../src/protocol/send-answer.js';
import { signStart } from '../../../src/protocol/start.js';
import { FakePeer } from '../../support/fake-peer.js';
import { headOf, heard, invitationTo, joinedRoom, memberships, PATIENCE_MS } from '../../support/federated.js';
import { eventually, type Gateway } from '../../support/gateway.js';
import { HostileHome } from '../../support/hostile-home.js';
import type { HostilePeer } from '../../support/hostile-peer.js';
import { MirrorWorld, withheldOf } from '../../support/mirror-world.js';
import { Person } from '../../support/people.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';

const ROOT = 'mock:first:root:super_admin';
const MALLORY = '@mallory:m.example';
const NINA = '@nina:n.example';

describe('a home that means harm to its mirrors', function () {
  this.timeout(60_000);
  let world: MirrorWorld;
  let a: Gateway;
  let mallory: HostilePeer;
  let nina: HostilePeer;
  let alice: Person;
  let walter: Person;

  before(async () => {
    world = await MirrorWorld.open();
    ({ a, mallory, nina, alice } = world);
    walter = await Person.of(a, 'walter');
  });
  after(() => world.close());

  const send = (item: object, from?: HostilePeer): Promise<ItemResult> => world.send(item, from);
  const submitted = (home: HostileHome, peer: HostilePeer, count?: number): Promise<string> => world.submitted(home, peer, count);
  const invited = (home: HostileHome, person: Person, peer?: HostilePeer): Promise<number> => world.invited(home, person, peer);
  const mirrored = (home: HostileHome, peer?: HostilePeer, keys?: readonly string[]): Promise<string> => world.mirrored(home, peer, keys);
  const found = (peer?: HostilePeer): HostileHome => world.found(peer);
  /** Instead of the event itself, what the home says of it. */
  const hollow = (run: ReturnType<HostileHome['run']>, id: string, sender: string): object => {
    const [entry] = run.entries;
    if (entry === undefined || !('event' in entry)) throw new Error('no whole entry');
    const { seq, at, event } = entry;
    const claim = { seq, at, event_hash: eventHash(event).toString('hex'), id, sender, type: EVENT_TYPES.message, withheld: 'SW_FED_POLICY' };
    return { ...run, entries: [claim] };
  };
  const payloadOf = <T = Pick<WireEvent, 'id' | 'content'>>(jws: string): T => JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as T;
  const receiptIn = (result: ItemResult): object => (result.status === 'stored' ? payloadOf<object>(result.receipt) : expect.fail(JSON.stringify(result)));

  it('puts no words into the mouth of our people, neither here nor where a bridge tells of them', async () => {
    const receiver = new WebhookReceiver();
    await receiver.start();
    try {
      const home = found();
      const room = await mirrored(home);
      const bridge = { transport: 'custom', direction: 'out', room_id: room, name: 'Help desk', outbound_webhook: receiver.url };
      await a.ask('admin', 'POST', '/v1/admin/bridges', bridge);
      home.add(await submitted(home, mallory, 2));
      expect(withheldOf(await send(home.run(home.headSeq)))).to.deep.equal([]);
      await alice.says(room, 'I agree');
      const own = await eventually(async () => mallory.items('event', home.log).find(({ event }) => payloadOf(event).content['body'] === 'I agree')?.event, PATIENCE_MS);
      const place = home.add(own);
      const relation = { rel: 'edit', origin: 'a.example', id: payloadOf(own).id };
      home.add(mallory.event(home.log, { type: EVENT_TYPES.edit, content: { msgtype: 'swp.text', body: 'I resign' }, relates_to: relation }));
      expect(withheldOf(await send(home.run(place)))).to.deep.equal([]);
      home.say('that is all');
      expect(withheldOf(await send(home.run(home.headSeq)))).to.deep.equal([]);
      await eventually(async () => receiver.bodies.includes('that is all'), PATIENCE_MS);
      expect(receiver.bodies).to.deep.equal(['I agree', 'that is all']);
      expect(await alice.hears(room)).to.deep.equal(['I agree', 'that is all']);
    } finally {
      await receiver.stop();
    }
  });

  it('puts nobody into a room by its start', async () => {
    const home = found();
    home.add(mallory.membership(home.log, 'join', { sender: MALLORY, target: walter.fqid }));
    const room = await mirrored(home);
    expect(await memberships(alice, room)).to.deep.equal({ [MALLORY]: 'join', [alice.fqid]: 'join' });
  });

  it('makes nobody known who is not let in here or has gone, by a start or by a run', async () => {
    const home = found();
    const about = (name: string): void => {
      home.add(nina.membership(home.log, 'join', { sender: `@joins-${name}:n.example` }));
      home.add(nina.membership(home.log, 'leave', { sender: `@leaves-${name}:n.example` }));
      home.add(mallory.membership(home.log, 'invite', { target: `@invited-${name}:n.example` }));
      home.add(mallory.membership(home.log, 'ban', { target: `@banned-${name}:n.example` }));
      home.add(mallory.membership(home.log, 'leave', { target: `@gone-${name}:m.example` }));
      home.add(mallory.membership(home.log, 'join', { sender: `@stays-${name}:m.example` }));
    };
    const known = async (name: string): Promise<readonly string[]> =>
      (await a.database.asOwner<{ local_id: string }>('select local_id from participants where local_id like $1 order by 1', [`%-${name}`])).map(({ local_id }) => local_id);
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { denied_peers: ['n.example'] });
    try {
      about('start');
      const room = await mirrored(home);
      expect(await known('start')).to.deep.equal(['stays-start']);
      const first = home.headSeq + 1;
      about('run');
      expect(withheldOf(await send(home.run(first)))).to.deep.equal(['SW_FED_POLICY']);
      expect(await known('run')).to.deep.equal(['stays-run']);
      expect(Object.keys(await memberships(alice, room))).to.have.members([MALLORY, alice.fqid, '@stays-start:m.example', '@stays-run:m.example']);
      await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { denied_peers: [] });
      expect(withheldOf(await send(home.run(first)))).to.deep.equal([]);
      expect(await known('run')).to.deep.equal(['joins-run', 'stays-run']);
    } finally {
      await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { denied_peers: [] });
    }
  });

  it('is not understood without bounds: state ends a while after talk, and what takes away never', async () => {
    const home = found();
    const room = await mirrored(home);
    const topic = async (): Promise<string | null> => (await alice.do<{ topic: string | null }>('GET', `/v1/rooms/${room}`)).topic;
    const [usage] = await a.database.asOwner<{ mirror_bytes: string }>('select mirror_bytes from tenant_usage');
    const held = (bytes: number | string): Promise<unknown> => a.database.asOwner('update tenant_usage set mirror_bytes = $1', [bytes]);
    const full = TENANT_LIMIT_DEFAULTS.max_mirror_mb * MEGABYTE;
    try {
      await held(full);
      const talk = home.say('too much');
      await alice.says(room, 'my own words');
      home.add(await submitted(home, mallory, 2));
      const first = home.state(EVENT_TYPES.topic, { topic: 'still kept' });
      expect(withheldOf(await send(home.run(talk)))).to.deep.equal(['SW_TENANT_CAPACITY']);
      expect(await topic()).to.equal('still kept');
      expect(await alice.hears(room), 'what our own people said is theirs').to.deep.equal(['my own words']);
      await held(full + LIMITS.mirrorStateBytesMax);
      const second = home.state(EVENT_TYPES.topic, { topic: 'too much too' });
      home.add(mallory.membership(home.log, 'ban', { target: walter.fqid }));
      await alice.do('POST', `/v1/rooms/${room}/leave`);
      home.add(await submitted(home, mallory, 3));
      expect(withheldOf(await send(home.run(second)))).to.deep.equal(['SW_TENANT_CAPACITY']);
      const [row] = await a.database.asOwner('select topic, phase from rooms where room_id = $1', [room]);
      expect(row).to.deep.equal({ topic: 'still kept', phase: 'left' });
      expect(first).to.equal(talk + 2);
    } finally {
      await held(usage?.mirror_bytes ?? 0);
    }
  });

  it('gets no receipt for what was never held: of a run before our start, the receipt is of what is', async () => {
    const home = found();
    for (const n of [1, 2, 3]) home.add(mallory.membership(home.log, 'invite', { target: `@f${n}:m.example` }));
    const room = await mirrored(home);
    const forged = new HostileHome(mallory, [], home.log);
    for (const n of [1, 2, 3]) forged.say(`forged ${n}`);
    const receipt = receiptIn(await send(forged.run(1)));
    const { head_seq: place, head: hash } = await headOf(a, home.log);
    const seq = Number(place);
    expect(receipt).to.include({ room: home.log, from: seq, seq, hash });
    expect(await a.database.asOwner('select 1 from entries where room_id = $1 and seq <= 3', [room])).to.deep.equal([]);
  });

  it('does not touch a row of another room by its id, once what that said was redacted there', async () => {
    const room = await alice.do<{ id: string; room_alias: string }>('POST', '/v1/rooms', { room_type: 'group', name: 'Ours' });
    await a.ask('admin', 'PUT', `/v1/admin/rooms/${room.id}/federate`, { enabled: true });
    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: MALLORY });
    await eventually(async () => mallory.items('member', room.room_alias).length === 1, PATIENCE_MS);
    const id = randomUUID();
    for (const event of [mallory.membership(room.room_alias, 'join'), mallory.event(room.room_alias, { id })]) expect(await send({ kind: 'event', event })).to.deep.equal({ status: 'accepted' });
    const rows = () => a.database.asOwner<{ event_id: string; room_id: string }>('select event_id, room_id, seq from entries where wire_id = $1 and room_id = $2', [id, room.id]);
    const [said] = await rows();
    await alice.do('POST', `/v1/rooms/${room.id}/events/${said?.event_id ?? ''}/redact`);
    const home = found();
    await mirrored(home);
    const place = home.say('the same id again', { id });
    expect(withheldOf(await send(home.run(place)))).to.deep.equal(['SW_FED_EVENT_CONFLICT']);
    expect(await rows()).to.deep.equal([said]);
  });

  it('makes exactly as many foreign people known as the tenant may have, of 10 at once in two rooms, and keeps nothing of the rest', async () => {
    const homes = [found(), found()];
    for (const home of homes) await mirrored(home);
    const used = async (): Promise<{ used: number }> => (await a.ask<{ federated_shadows: { used: number } }>('admin', 'GET', '/v1/admin/stats')).federated_shadows;
    const known = async (): Promise<number> => (await a.database.asOwner("select 1 from participants where participant_type = 'federated'")).length;
    const most = (value: number | null): Promise<unknown> => a.ask(ROOT, 'PATCH', `/v1/admin/tenants/${tenant}`, { limits: { max_federated_shadows: value } });
    const [{ tenant_id: tenant = '' } = {}] = await a.database.asOwner<{ tenant_id: string }>('select tenant_id from tenants');
    const before = (await used()).used;
    const runs = homes.map((home, room) => {
      const first = home.headSeq + 1;
      for (const n of [1, 2, 3, 4, 5]) home.add(mallory.membership(home.log, 'join', { sender: `@comer-${room}-${n}:m.example` }));
      return home.run(first);
    });
    try {
      await most(before + 3);
      const withheld = (await Promise.all(runs.map((run) => send(run)))).flatMap(withheldOf);
      expect(withheld).to.deep.equal(Array<string>(7).fill('SW_TENANT_CAPACITY'));
      expect([await used(), await known()]).to.deep.equal([{ used: before + 3, limit: before + 3 }, before + 3]);
      expect(await a.database.asOwner("select 1 from entries where state = 'withheld' and content is not null")).to.deep.equal([]);

      await most(before);
      const [home] = homes as [HostileHome];
      const talk = home.say('still heard');
      expect(withheldOf(await send(home.run(talk)))).to.deep.equal([]);
      await most(before + 10);
      expect((await Promise.all(runs.map((run) => send(run)))).flatMap(withheldOf)).to.deep.equal([]);
      expect([await used(), await known()]).to.deep.equal([{ used: before + 10, limit: before + 10 }, before + 10]);
    } finally {
      await most(null);
    }
  });

  it('cannot give a third server other keys than it gave it first in that room', async () => {
    const [c, impostor] = [new FakePeer('c.example', Date.now), new FakePeer('c.example', Date.now)];
    const says = (home: HostileHome, by: FakePeer, peer = mallory): Promise<readonly string[]> => {
      const place = home.add(peer.event(home.log, { origin: 'c.example', sender: '@cleo:c.example' }, by.current));
      return peer.results(a, [home.run(place)], [by.descriptor().jws]).then(([result]) => withheldOf(result ?? expect.fail('no result')));
    };
    const home = found();
    await mirrored(home);
    expect(await says(home, c)).to.deep.equal([]);
    expect(await says(home, impostor)).to.deep.equal(['SW_FED_KEY_REFUSED']);
    await a.stop();
    await a.start();
    expect(await says(home, impostor), 'remembered').to.deep.equal(['SW_FED_KEY_REFUSED']);
    c.rotate();
    expect(await says(home, c), 'vouched for by the old key').to.deep.equal([]);
    const other = found(nina);
    await mirrored(other, nina);
    expect(await says(other, impostor, nina), 'what one home says binds no other').to.deep.equal([]);
  });

  it('gives a third server its keys by the start as well', async () => {
    const [c, impostor] = [new FakePeer('c.example', Date.now), new FakePeer('c.example', Date.now)];
    const home = found();
    home.add(mallory.event(home.log, { type: EVENT_TYPES.member, origin: 'c.example', sender: '@cleo:c.example', content: { target: '@cleo:c.example', membership: 'join' } }, c.current));
    const room = await mirrored(home, mallory, [c.descriptor().jws]);
    expect(await memberships(alice, room)).to.have.property('@cleo:c.example');
    const place = home.add(mallory.event(home.log, { origin: 'c.example', sender: '@cleo:c.example' }, impostor.current));
    const [result] = await mallory.results(a, [home.run(place)], [impostor.descriptor().jws]);
    expect(withheldOf(result ?? expect.fail('no result'))).to.deep.equal(['SW_FED_KEY_REFUSED']);
  });

  it('brings nobody back by placing again what they once signed', async () => {
    const home = found();
    const room = await mirrored(home);
    await send(home.run(home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: walter.fqid }))));
    await walter.do('POST', `/v1/rooms/${room}/join`);
    const join = await submitted(home, mallory, 2);
    await send(home.run(home.add(join)));
    expect(await memberships(alice, room)).to.have.property(walter.fqid);
    await walter.do('POST', `/v1/rooms/${room}/leave`);
    await send(home.run(home.add(await submitted(home, mallory, 3))));
    expect(withheldOf(await send(home.run(home.add(join))))).to.deep.equal(['SW_FED_EVENT_CONFLICT']);
    expect(await memberships(alice, room)).not.to.have.property(walter.fqid);
  });

  it('does not thaw by a start what its fork has frozen', async () => {
    const home = found();
    await mirrored(home);
    const other = home.fork();
    await send(home.run(home.say('the one history')));
    const theirs = other.state(EVENT_TYPES.topic, { topic: 'the other history' });
    expect(await send(other.run(theirs))).to.include({ status: 'refused', code: 'SW_FED_CHAIN_FORK' });
    other.state(EVENT_TYPES.name, { name: 'and on' });
    const before = await headOf(a, home.log);
    expect(await send(startAtHead(other, mallory))).to.include({ status: 'refused', code: 'SW_FED_LANE_FROZEN' });
    expect(await headOf(a, home.log)).to.deep.equal(before);
  });

  it('freezes the room by a start of another history, and both words are kept', async () => {
    const home = found();
    const room = await mirrored(home);
    const other = home.fork();
    await send(home.run(home.say('the one history')));
    other.say('the other history');
    const before = await headOf(a, home.log);
    const item = startAtHead(other, mallory);
    expect(await send(item)).to.include({ status: 'refused', code: 'SW_FED_CHAIN_FORK' });
    expect(await send(home.run(home.say('and on')))).to.include({ status: 'refused', code: 'SW_FED_LANE_FROZEN' });
    const { frozen, proof, own_proof: ours } = await a.ask<{ frozen: string; proof: string; own_proof: string }>('admin', 'GET', `/v1/admin/rooms/${room}/federation`);
    expect([frozen, proof]).to.deep.equal(['SW_FED_CHAIN_FORK', item.start]);
    const receipt = JSON.parse(Buffer.from(ours.split('.')[1] ?? '', 'base64url').toString('utf8')) as { seq: number; hash: string };
    expect(receipt).to.include({ seq: Number(before.head_seq), hash: before.head });
    expect(await headOf(a, home.log)).to.deep.equal(before);
  });

  it('gives no entry a time that cannot be shown, or that falls from one run to the next', async () => {
    const home = found();
    const room = await mirrored(home);
    const other = home.fork();
    expect(await send(home.run(home.add(mallory.event(home.log), 253_402_300_800_000)))).to.include({ status: 'refused', code: 'SW_BAD_SCHEMA' });
    expect(await send(other.run(other.add(mallory.event(home.log), 5)))).to.include({ status: 'refused', code: 'SW_FED_CHAIN_INVALID' });
    expect((await alice.try('GET', `/v1/rooms/${room}/messages`)).status).to.equal(200);
    expect((await alice.try('GET', '/v1/sync?timeout_ms=0')).status).to.equal(200);
  });

  it('cannot take the ids of others’ events by claiming to have them', async () => {
    const mine = found();
    await mirrored(mine);
    const theirs = found(nina);
    const room = await mirrored(theirs, nina);
    const id = randomUUID();
    const claim = hollow(mine.run(mine.add('nothing')), id, NINA);
    expect(withheldOf(await send(claim))).to.deep.equal(['SW_FED_POLICY']);
    const place = theirs.add(nina.event(theirs.log, { sender: NINA, id, content: { msgtype: 'swp.text', body: 'true words' } }));
    expect(withheldOf(await send(theirs.run(place), nina))).to.deep.equal([]);
    expect(await alice.hears(room)).to.deep.equal(['true words']);
  });

  it('does not bring back by filling what was redacted while it was withheld', async () => {
    const home = found();
    const room = await mirrored(home);
    const id = randomUUID();
    const whole = home.run(home.say('secret', { id }));
    expect(withheldOf(await send(hollow(whole, id, MALLORY)))).to.deep.equal(['SW_FED_POLICY']);
    const redaction = home.add(mallory.event(home.log, { type: EVENT_TYPES.redaction, content: {}, relates_to: { rel: 'redaction', origin: 'm.example', id } }));
    expect(withheldOf(await send(home.run(redaction)))).to.deep.equal([]);
    expect(withheldOf(await send(whole))).to.deep.equal([]);
    const rows = await a.database.asOwner('select jws, content, redacted_by from entries where wire_id = $1', [id]);
    expect(rows).to.deep.equal([{ jws: null, content: null, redacted_by: String(redaction) }]);
    expect(await alice.hears(room)).to.deep.equal(['']);
  });

  it('is followed again from its beginning by those who come back to a room that shows all of it', async () => {
    const home = new HostileHome(mallory);
    home.state(EVENT_TYPES.create, { room_type: 'group', creator: MALLORY, history: 'beginning' });
    home.add(mallory.membership(home.log, 'join'));
    const enter = async (submissions: number): Promise<string> => {
      await invited(home, alice);
      await alice.do('POST', `/v1/invitations/${(await invitationTo(alice, home.log)).id}/accept`);
      home.add(await submitted(home, mallory, submissions));
      expect(await send(home.start(0))).to.deep.equal({ status: 'accepted' });
      expect(withheldOf(await send(home.run(1)))).to.deep.equal([]);
      return (await joinedRoom(alice, home.log)).id;
    };
    const room = await enter(1);
    await alice.do('POST', `/v1/rooms/${room}/leave`);
    await send(home.run(home.add(await submitted(home, mallory, 2))));
    home.say('said in between');
    expect(await enter(3)).to.equal(room);
    await heard(alice, room, 'said in between');
  });

  it('gets the receipt of our last word again where it did not hear it, and nothing new is taken after it', async () => {
    const home = found();
    const room = await mirrored(home);
    await alice.do('POST', `/v1/rooms/${room}/leave`);
    const leave = home.add(await submitted(home, mallory, 2));
    expect(await send(home.run(leave))).to.include({ status: 'stored' });
    const { head_seq: place, head: hash } = await headOf(a, home.log);
    expect(receiptIn(await send(home.run(leave)))).to.include({ room: home.log, from: leave, seq: Number(place), hash });
    home.say('to nobody');
    for (const first of [leave, leave + 1]) expect(await send(home.run(first))).to.include({ status: 'refused', code: 'SW_ROOM_NOT_FOUND' });
    expect(await headOf(a, home.log)).to.include({ head_seq: place, head: hash });
  });

  it('is forgotten with its people where it begins again after a gap', async () => {
    const home = found();
    const room = await mirrored(home);
    await send(home.run(home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: walter.fqid }))));
    home.state(EVENT_TYPES.topic, { topic: 'never pushed' });
    expect(await send(startAtHead(home, mallory))).to.deep.equal({ status: 'accepted' });
    await send(home.run(home.say('after our people were put out')));
    expect((await alice.try('POST', `/v1/rooms/${room}/send`, { content: { msgtype: 'swp.text', body: 'still here?' } })).body.error?.code).to.equal('SW_NOT_MEMBER');
    expect(await alice.hears(room)).to.deep.equal([]);
  });

  it('writes no state about somebody whom its type does not know', async () => {
    const home = found();
    await mirrored(home);
    const target = Array.from({ length: 1_000 }, () => randomUUID()).join('');
    expect(withheldOf(await send(home.run(home.state(EVENT_TYPES.name, { name: 'A room', target }))))).to.deep.equal(['SW_FED_EVENT_INVALID']);
  });

  it('gives its people no picture that a browser would run', async () => {
    const home = found();
    const room = await mirrored(home);
    const content = { target: '@eve:m.example', membership: 'join', display_name: 'E\u202eve', avatar_url: 'javascript:alert(1)' };
    await send(home.run(home.add(mallory.event(home.log, { type: EVENT_TYPES.member, sender: '@eve:m.example', content }))));
    const members = await alice.do<{ participant: { local_id: string; display_name: string; avatar_url: string | null } }[]>('GET', `/v1/rooms/${room}/members`);
    expect(members.find(({ participant }) => participant.local_id === 'eve')?.participant).to.include({ display_name: 'Eve', avatar_url: null });
  });
});

/** A start at the head, as of a home whose last word was that our people are out. */
function startAtHead(home: HostileHome, peer: HostilePeer): ReturnType<HostileHome['start']> {
  const { state } = home.start(2);
  const head = JSON.parse(Buffer.from(home.head().split('.')[1] ?? '', 'base64url').toString('utf8')) as { seq: number; hash: string };
  const start = signStart(peer.fake.current, { room: home.log, seq: head.seq, hash: head.hash, iat: Date.now() }, state);
  return { kind: 'start', start, state };
}
