import { expect } from 'chai';
import { gateways, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

describe('what is true of a room', () => {
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
    await alice.brings(room, bob);
  });

  const seen = (person: Person): Promise<RoomSeen> => person.do<RoomSeen>('GET', `/v1/rooms/${room}`);

  it('name and topic are changed by moderators, for everybody, and an empty topic clears it', async () => {
    expect(await alice.do<RoomSeen>('PUT', `/v1/rooms/${room}/name`, { name: 'Renamed' })).to.deep.include({ name: 'Renamed' });
    await alice.do('PUT', `/v1/rooms/${room}/topic`, { topic: 'About' });
    expect(await seen(bob)).to.deep.include({ name: 'Renamed', topic: 'About' });
    await alice.do('PUT', `/v1/rooms/${room}/topic`, { topic: '' });
    expect((await seen(bob)).topic ?? '').to.equal('');
  });

  it('name and topic are refused from members, from outsiders, and beyond their bounds', async () => {
    const carol = await Person.of(gateway, 'carol');
    expectRefusal(await bob.try('PUT', `/v1/rooms/${room}/name`, { name: 'Mine' }), 'SW_ROOM_FORBIDDEN');
    expectRefusal(await carol.try('PUT', `/v1/rooms/${room}/topic`, { topic: 'Mine' }), 'SW_NOT_MEMBER');
    for (const name of ['', 'x'.repeat(201), 7, null]) expectRefusal(await alice.try('PUT', `/v1/rooms/${room}/name`, { name }), 'SW_BAD_SCHEMA');
    expectRefusal(await alice.try('PUT', `/v1/rooms/${room}/topic`, { topic: 'x'.repeat(2_001) }), 'SW_BAD_SCHEMA');
  });

  it('an archived room takes no words until it is opened again, and is listed apart', async () => {
    expect(await alice.do<RoomSeen>('POST', `/v1/rooms/${room}/archive`)).to.deep.include({ state: 'archived' });
    expectRefusal(await bob.try('POST', `/v1/rooms/${room}/send`, { content: { body: 'no' } }), 'SW_ROOM_FROZEN');
    expectRefusal(await alice.try('PUT', `/v1/rooms/${room}/name`, { name: 'no' }), 'SW_ROOM_FROZEN');
    expectRefusal(await alice.try('POST', `/v1/rooms/${room}/invite`, { fqid: '@carol:a.example' }), 'SW_ROOM_FROZEN');
    const ids = async (path: string): Promise<string[]> => (await bob.do<RoomSeen[]>('GET', path)).map((one) => one.id);
    expect(await ids('/v1/rooms/archived')).to.include(room);
    expect(await ids('/v1/rooms?limit=200')).not.to.include(room);
    expect(await alice.do<RoomSeen>('POST', `/v1/rooms/${room}/unarchive`)).to.deep.include({ state: 'open' });
    await bob.says(room, 'yes');
  });

  it('an archived room still lets people go and erase', async () => {
    const { id } = await bob.says(room, 'to be erased');
    await alice.do('POST', `/v1/rooms/${room}/archive`);
    await bob.do('POST', `/v1/rooms/${room}/events/${id}/redact`);
    await bob.do('POST', `/v1/rooms/${room}/leave`);
  });

  it('a closed room stays closed', async () => {
    expect(await alice.do<RoomSeen>('POST', `/v1/rooms/${room}/close`)).to.deep.include({ state: 'closed' });
    expectRefusal(await alice.try('POST', `/v1/rooms/${room}/send`, { content: { body: 'no' } }), 'SW_ROOM_FROZEN');
    for (const verb of ['unarchive', 'archive', 'close']) expectRefusal(await alice.try('POST', `/v1/rooms/${room}/${verb}`), 'SW_ROOM_FROZEN');
  });

  it('a room is closed by its creator though they gave up their power, which archives it no more', async () => {
    await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 100 });
    await alice.do('PUT', `/v1/rooms/${room}/members/${alice.id}/power-level`, { power_level: 0 });
    for (const verb of ['archive', 'unarchive']) expectRefusal(await alice.try('POST', `/v1/rooms/${room}/${verb}`), 'SW_ROOM_FORBIDDEN');
    expect(await alice.do<RoomSeen>('POST', `/v1/rooms/${room}/close`)).to.deep.include({ state: 'closed' });
  });

  it('a room is closed by its creator only while they are in it', async () => {
    await alice.do('POST', `/v1/rooms/${room}/leave`);
    expectRefusal(await alice.try('POST', `/v1/rooms/${room}/close`), 'SW_NOT_MEMBER');
  });

  it('archive, unarchive and close need the highest power', async () => {
    await alice.do('PUT', `/v1/rooms/${room}/members/${bob.id}/power-level`, { power_level: 99 });
    for (const verb of ['archive', 'unarchive', 'close']) expectRefusal(await bob.try('POST', `/v1/rooms/${room}/${verb}`), 'SW_ROOM_FORBIDDEN');
    expect(await seen(bob)).to.deep.include({ state: 'open' });
  });
});
