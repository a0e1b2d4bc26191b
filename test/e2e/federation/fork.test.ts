import { expect } from 'chai';
import { eventually, federatedPair, sharedRoom, type Answer, type Gateway } from '../../support/gateway.js';

interface Said {
  readonly id: string;
  readonly content: { readonly body?: string };
  readonly delivery?: { readonly state: string; readonly code?: string };
}

interface View {
  readonly phase: string;
  readonly frozen: string | null;
  readonly proof: string | null;
  readonly own_proof: string | null;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly peers: readonly { readonly server_name: string; readonly carries: string; readonly frozen: string | null; readonly proof: string | null; readonly own_proof: string | null }[];
}

interface Signed {
  readonly room: string;
  readonly seq: number;
  readonly hash: string;
  readonly seen: { readonly seq: number; readonly hash: string };
}

describe('two logs under one name', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;

  before(async () => {
    [a, b] = await federatedPair();
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
  });

  type Room = Awaited<ReturnType<typeof sharedRoom>>;
  const say = (gateway: Gateway, who: string, room: string, body: string): Promise<Said> => gateway.ask<Said>(who, 'POST', `/v1/rooms/${room}/send`, { content: { msgtype: 'swp.text', body } });
  const last = async (room: Room, count: number): Promise<readonly Said[]> => (await b.ask<Said[]>('bob', 'GET', `/v1/rooms/${room.away}/messages?limit=${count}`)).reverse();
  const view = (gateway: Gateway, room: string): Promise<View> => gateway.ask<View>('admin', 'GET', `/v1/admin/rooms/${room}/federation`);
  const leave = (gateway: Gateway, id: string): Promise<Answer> => gateway.call('admin', 'POST', `/v1/admin/rooms/${id}/federation/leave`);
  const signed = (jws: string | null | undefined): Signed => JSON.parse(Buffer.from(jws?.split('.')[1] ?? '', 'base64url').toString('utf8')) as Signed;

  /** A room in which both have heard a word that the home no longer knows, as after a restore from yesterday's backup. */
  async function restored(): Promise<Room> {
    const room = await sharedRoom(a, b);
    const { head } = await view(a, room.home);
    await say(a, 'admin', room.home, 'forgotten by its home');
    await eventually(async () => (await last(room, 1))[0]?.content.body === 'forgotten by its home');
    await a.stop();
    await a.database.asOwner('delete from entries where room_id = $1 and seq > $2', [room.home, head.seq]);
    await a.database.asOwner('update rooms r set head_seq = e.seq, head_at = e.at, head_hash = e.chain_hash from entries e where r.room_id = $1 and e.room_id = r.room_id and e.seq = $2', [room.home, head.seq]);
    await a.database.asOwner('update lanes set cursor = $2, receipt = null, receipt_hash = null, receipt_jws = null where room_id = $1', [room.home, head.seq]);
    await a.start();
    return room;
  }

  it('cost nobody their words: what waits for a home that forgot its log goes on waiting, and says why', async () => {
    const room = await restored();
    const { head } = await view(b, room.away);
    await say(b, 'bob', room.away, 'kept');
    await eventually(async () => (await last(room, 1))[0]?.delivery?.code, 30_000);
    await say(b, 'bob', room.away, 'kept too');
    const waiting = { state: 'pending', code: 'SW_FED_CHAIN_FORK' };
    expect((await last(room, 2)).map(({ content, delivery }) => [content.body, delivery])).to.deep.equal([['kept', waiting], ['kept too', waiting]]);

    const [home, away] = [(await view(a, room.home)).peers[0], (await view(b, room.away)).peers[0]];
    expect([home?.frozen, away?.frozen, away?.carries]).to.deep.equal(['SW_FED_CHAIN_FORK', 'SW_FED_CHAIN_FORK', 'submissions']);
    expect(signed(home?.proof).seen, 'what they signed').to.deep.equal(head);
    expect(signed(home?.own_proof), 'what we signed').to.include((await view(a, room.home)).head);
    expect([away?.proof, signed(away?.own_proof).seen], 'the home has signed nothing by its refusal').to.deep.equal([null, head]);

    expect((await leave(b, room.away)).body.data, 'a lane alone is frozen, and there is a way out').to.deep.include({ phase: 'left', frozen: null });
    const refused = { state: 'refused', code: 'SW_FED_CHAIN_FORK' };
    expect((await last(room, 2)).map(({ content, delivery }) => [content.body, delivery])).to.deep.equal([['kept', refused], ['kept too', refused]]);
  });

  it('freeze both ends, and each administrator sees what contradicts what', async () => {
    const room = await restored();
    const mine = (await view(b, room.away)).head;
    await say(a, 'admin', room.home, 'another history');
    await eventually(async () => (await view(a, room.home)).peers[0]?.frozen ?? undefined, 30_000);
    const [home, away] = [await view(a, room.home), await view(b, room.away)];

    expect([away.frozen, away.head]).to.deep.equal(['SW_FED_CHAIN_FORK', mine]);
    expect(signed(away.proof), 'the home’s head').to.include(home.head);
    expect(signed(away.own_proof), 'our receipt').to.include(mine);
    expect(home.frozen).to.equal(null);
    expect(home.peers[0]).to.include({ frozen: 'SW_FED_CHAIN_FORK', proof: null, own_proof: away.proof });

    await say(b, 'bob', room.away, 'what bob has seen');
    const proof = await eventually(async () => (await view(a, room.home)).peers[0]?.proof ?? undefined, 30_000);
    expect(signed(proof).seen, 'their word, as soon as they say one').to.deep.equal(mine);
    expect((await view(a, room.home)).peers[0]?.own_proof, 'the first stays').to.equal(away.proof);
    expect((await last(room, 1))[0]?.content.body).to.equal('what bob has seen');
  });

  it('let nobody go but by an administrator, who takes all of theirs out; a new invitation begins anew', async () => {
    const room = await restored();
    await say(a, 'admin', room.home, 'another history');
    await eventually(async () => (await view(b, room.away)).frozen ?? undefined, 30_000);
    await say(b, 'bob', room.away, 'never to be heard');
    const counted = async (): Promise<unknown> => (await b.database.asOwner('select rooms from tenant_usage'))[0]?.['rooms'];
    const before = Number(await counted());

    expect((await leave(a, room.home)).body.error?.code, 'the home leaves nothing').to.equal('SW_FED_NOT_FROZEN');
    expect((await leave(b, room.away)).body.data).to.deep.include({ phase: 'left', frozen: 'SW_FED_CHAIN_FORK' });
    expect((await leave(b, room.away)).body.error?.code, 'there is nothing left to leave').to.equal('SW_FED_NOT_FROZEN');
    expect(Number(await counted())).to.equal(before - 1);
    const roomsOfBob = async (): Promise<readonly string[]> => (await b.ask<{ id: string }[]>('bob', 'GET', '/v1/rooms?limit=200')).map(({ id }) => id);
    expect(await roomsOfBob()).not.to.include(room.away);
    expect((await b.call('bob', 'POST', `/v1/rooms/${room.away}/send`, { content: { msgtype: 'swp.text', body: 'still?' } })).body.error?.code).to.equal('SW_NOT_MEMBER');
    expect((await last(room, 2)).map(({ content, delivery }) => [content.body, delivery?.state])).to.deep.equal([['forgotten by its home', undefined], ['never to be heard', 'refused']]);

    await a.ask('admin', 'POST', `/v1/rooms/${room.home}/kick`, { fqid: '@bob:b.example' });
    await a.ask('admin', 'POST', `/v1/rooms/${room.home}/invitations`, { fqid: '@bob:b.example' });
    const alias = `!${room.home}:a.example`;
    const invitation = await eventually(async () => (await b.ask<{ id: string; room_alias: string }[]>('bob', 'GET', '/v1/invitations')).find((one) => one.room_alias === alias), 30_000);
    await b.ask('bob', 'POST', `/v1/invitations/${invitation.id}/accept`);
    await eventually(async () => (await roomsOfBob()).includes(room.away), 30_000);
    await say(b, 'bob', room.away, 'back again');
    await eventually(async () => (await a.ask<Said[]>('admin', 'GET', `/v1/rooms/${room.home}/messages?limit=1`))[0]?.content.body === 'back again', 30_000);
    await eventually(async () => JSON.stringify((await view(b, room.away)).head) === JSON.stringify((await view(a, room.home)).head), 30_000);
    expect(await view(b, room.away)).to.deep.include({ frozen: null, proof: null, own_proof: null });
  });
});
