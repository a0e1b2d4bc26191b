import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { gateways, type Gateway } from '../../support/gateway.js';
import { Person } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';

describe('presence and typing', () => {
  let gateway: Gateway;
  let alice: Person;
  let bob: Person;

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    [alice, bob] = await Promise.all([Person.of(gateway, 'alice'), Person.of(gateway, 'bob')]);
  });
  after(() => gateway.end());

  const presenceOf = async (reader: Person, of: Person): Promise<unknown> => (await reader.do<{ presence: string }[]>('GET', `/v1/presence?ids=${of.id}`))[0]?.presence;

  it('is offline until it is told, and then what was told', async () => {
    expect(await presenceOf(bob, alice)).to.equal('offline');
    await alice.do('PUT', '/v1/presence', { presence: 'online' });
    expect(await presenceOf(bob, alice)).to.equal('online');
  });

  it('of those who wish to appear offline is offline to others', async () => {
    await alice.do('PUT', '/v1/presence', { presence: 'appear_offline' });
    expect(await presenceOf(bob, alice)).to.equal('offline');
    expect(await presenceOf(alice, alice)).to.equal('appear_offline');
  });

  it('refuses other words, and ids that are none', async () => {
    expectRefusal(await alice.try('PUT', '/v1/presence', { presence: 'asleep' }), 'SW_BAD_SCHEMA');
    expectRefusal(await alice.try('GET', '/v1/presence?ids=alice'), 'SW_BAD_REQUEST');
  });

  it('typing is for members of a room that is there', async () => {
    const room = (await alice.room()).id;
    await alice.do('PUT', '/v1/typing', { room_id: room, typing: true });
    expectRefusal(await bob.try('PUT', '/v1/typing', { room_id: room, typing: true }), 'SW_NOT_MEMBER');
    expectRefusal(await alice.try('PUT', '/v1/typing', { room_id: `room-${randomUUID()}`, typing: true }), 'SW_ROOM_NOT_FOUND');
    expectRefusal(await alice.try('PUT', '/v1/typing', { room_id: room }), 'SW_BAD_SCHEMA');
  });
});
