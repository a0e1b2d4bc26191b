import { expect } from 'chai';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../support/gateway.js';

interface Head {
  readonly head_seq: string;
  readonly head: string;
}

describe('a room of a.example with a member of b.example', () => {
  let a: Gateway;
  let b: Gateway;
  let room: { home: string; away: string };

  before(async () => {
    [a, b] = await federatedPair();
    room = await sharedRoom(a, b);
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
  });

  const headOf = async (gateway: Gateway, roomId: string): Promise<Head> => {
    const [row] = await gateway.database.asOwner<Head>("select head_seq, encode(head_hash, 'hex') as head from rooms where room_id = $1", [roomId]);
    if (row === undefined) throw new Error('no such room');
    return row;
  };
  const bodies = async (gateway: Gateway, who: string, roomId: string): Promise<string[]> =>
    (await gateway.ask<{ event_type: string; content: { body?: string } }[]>(who, 'GET', `/v1/rooms/${roomId}/messages`))
      .filter((event) => event.event_type === 'swp.room.message')
      .map((event) => event.content.body ?? '');

  it('carries a message of the home to the mirror, marked with its origin', async () => {
    await a.ask('admin', 'POST', `/v1/rooms/${room.home}/send`, { content: { msgtype: 'swp.text', body: 'from a' } });
    await eventually(async () => (await bodies(b, 'bob', room.away)).includes('from a'));
    const events = await b.ask<{ content: { body?: string }; foreign_origin: string | null }[]>('bob', 'GET', `/v1/rooms/${room.away}/messages`);
    expect(events.find((event) => event.content.body === 'from a')?.foreign_origin).to.equal('a.example');
  });

  it('shows a message of the mirror as pending at once and as placed when the home has it', async () => {
    const sent = await b.ask<{ id: string; delivery: { state: string } }>('bob', 'POST', `/v1/rooms/${room.away}/send`, { content: { msgtype: 'swp.text', body: 'from b' } });
    expect(sent.delivery.state).to.equal('pending');
    await eventually(async () => (await bodies(a, 'admin', room.home)).includes('from b'));
    await eventually(async () => {
      const events = await b.ask<{ id: string; delivery?: { state: string } }[]>('bob', 'GET', `/v1/rooms/${room.away}/messages`);
      return events.find((event) => event.id === sent.id)?.delivery?.state === 'placed';
    });
  });

  it('ends with equal heads', async () => {
    await eventually(async () => {
      const [home, mirror] = [await headOf(a, room.home), await headOf(b, room.away)];
      return home.head === mirror.head && home.head_seq === mirror.head_seq;
    });
  });
});
