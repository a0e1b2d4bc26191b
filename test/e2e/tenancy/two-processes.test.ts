import { expect } from 'chai';
import { bridgedCall, type MadeBridge } from '../../support/bridged-call.js';
import { eventually, federatedPair, sharedRoom, twinOf, type Gateway } from '../../support/gateway.js';
import { HostilePeer } from '../../support/hostile-peer.js';
import { tokenOf } from '../../support/http-caller.js';
import { StreamClient } from '../../support/stream-client.js';
import { putRaw } from '../../support/uploads.js';

const ROOT = 'mock:platform:root:super_admin';
/** A second is promised; a busy machine gets more before it is a fault. */
const SOON_MS = 5_000;

interface Message {
  readonly content: { readonly body?: string };
}

describe('a tenant that two processes serve', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;
  let twin: Gateway;
  let stranger: HostilePeer;
  let room: { readonly home: string; readonly away: string };
  let tenant: string;

  before(async () => {
    stranger = await HostilePeer.listen('m.example');
    const options = { peers: { 'm.example': stranger.url } };
    [a, b] = await federatedPair(options);
    await b.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [a.name, stranger.server] });
    room = await sharedRoom(a, b);
    const [first] = await b.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where slug = 'first'");
    tenant = first?.tenant_id ?? '';
    await b.ask('mock:first:root:super_admin', 'POST', '/v1/admin/tenants', { slug: 'platform', name: 'Platform', scaikey_tenant_id: 'tnt_platform' });
    twin = await twinOf(b, [a], options);
    await eventually(async () => (await stranger.batch(twin, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', 30_000);
  });
  after(async () => {
    await twin.stop();
    await b.end();
    await a.end();
    await stranger.close();
  });

  const bodies = async (gateway: Gateway, who: string, id: string): Promise<(string | undefined)[]> =>
    (await gateway.ask<Message[]>(who, 'GET', `/v1/rooms/${id}/messages?limit=200`)).map(({ content }) => content.body);
  const say = (gateway: Gateway, who: string, id: string, text: string): Promise<unknown> => gateway.ask(who, 'POST', `/v1/rooms/${id}/send`, { content: { body: text } });
  const received = (gateway: Gateway, who: string, id: string, text: string): Promise<boolean> => eventually(async () => (await bodies(gateway, who, id)).includes(text), 60_000);
  const limits = (patch: object | null): Promise<unknown> => b.ask(ROOT, 'PATCH', `/v1/admin/tenants/${tenant}`, { limits: patch });

  /** What the tenant holds, in both processes’ one database. */
  async function held(): Promise<unknown> {
    const counts = ['entries', 'rooms', 'members', 'participants', 'bridge_map'].map((table) => `(select count(*)::integer from ${table} where tenant_id = $1) as ${table}`);
    return (await b.database.asOwner(`select ${counts.join(', ')}`, [tenant]))[0];
  }

  /** A cursor after which nothing comes for a while. */
  async function quietSince(): Promise<string> {
    for (let since = '0'; ; ) {
      const { events, next_cursor } = await twin.ask<{ events: unknown[]; next_cursor: string }>('bob', 'GET', `/v1/sync?since=${since}&timeout=1000`);
      if (events.length === 0) return next_cursor;
      since = next_cursor;
    }
  }

  describe('whose limits change by one of them', () => {
    afterEach(() => limits(null));

    const make = async (gateway: Gateway): Promise<string | number> => {
      const { status, body } = await gateway.call('bob', 'POST', '/v1/rooms', { room_type: 'group', name: 'One more' });
      return body.error?.code ?? status;
    };
    const quota = async (gateway: Gateway): Promise<string | null> =>
      (await fetch(`${gateway.url}/v1/me`, { headers: { authorization: `Bearer ${tokenOf('bob')}` } })).headers.get('ratelimit-policy');

    it('writes by the new ones at the other at once, lowered and raised', async () => {
      const { rooms } = await twin.ask<{ rooms: { used: number } }>('admin', 'GET', '/v1/admin/stats');
      await limits({ max_rooms: rooms.used });
      expect(await make(twin)).to.equal('SW_TENANT_CAPACITY');
      await limits({ max_rooms: rooms.used + 1 });
      expect(await make(twin)).to.be.within(200, 201);
      expect(await make(twin)).to.equal('SW_TENANT_CAPACITY');
    });

    it('accepts an invitation from elsewhere by the new ones at the other at once', async () => {
      const { id } = await a.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Elsewhere' });
      await a.ask('admin', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
      await a.ask('admin', 'POST', `/v1/rooms/${id}/invitations`, { fqid: `@bob:${b.name}` });
      const invitation = await eventually(async () => (await twin.ask<{ id: string; room_alias: string }[]>('bob', 'GET', '/v1/invitations')).find((one) => one.room_alias === `!${id}:${a.name}`));
      const accept = async (): Promise<string | number> => {
        const { status, body } = await twin.call('bob', 'POST', `/v1/invitations/${invitation.id}/accept`);
        return body.error?.code ?? status;
      };
      const { rooms } = await twin.ask<{ rooms: { used: number } }>('admin', 'GET', '/v1/admin/stats');
      await limits({ max_rooms: rooms.used });
      expect(await accept()).to.equal('SW_TENANT_CAPACITY');
      await limits({ max_rooms: rooms.used + 1 });
      expect(await accept()).to.equal(200);
    });

    it('takes in people by the new ones at the other at once', async () => {
      const { id } = await twin.ask<{ id: string }>('bob', 'POST', '/v1/rooms', { room_type: 'public', is_public: true, name: 'Open' });
      const join = async (): Promise<string | number> => {
        const { status, body } = await twin.call('carol', 'POST', `/v1/rooms/${id}/join`);
        return body.error?.code ?? status;
      };
      const { participants } = await twin.ask<{ participants: { used: number } }>('admin', 'GET', '/v1/admin/stats');
      await limits({ max_participants: participants.used });
      expect(await join()).to.equal('SW_ROOM_CAPACITY');
      await limits({ max_participants: participants.used + 1 });
      expect(await join()).to.equal(200);
    });

    it('takes files, tasks and plans by the new ones at the other at once', async () => {
      const { id } = await twin.ask<{ id: string }>('bob', 'POST', '/v1/rooms', { room_type: 'group', name: 'Work' });
      const outcome = async (method: string, path: string, body: object): Promise<string | number> => {
        const { status, body: answer } = await twin.call('bob', method, `/v1/rooms/${id}/${path}`, body);
        return answer.error?.code ?? status;
      };
      const upload = async (): Promise<string | number> => {
        const { code, status } = await putRaw(twin, 'bob', Buffer.alloc(10));
        return code ?? status;
      };
      const spawn = (): Promise<string | number> => outcome('POST', 'sidekicks', { task: 'Find out' });
      const plan = (): Promise<string | number> => outcome('PUT', 'plan', { goal: 'g', steps: ['step1', 'step2'].map((step) => ({ id: step, text: step })) });
      const acts = [
        [upload, { max_storage_mb: 0 }, { max_storage_mb: 1 }, 'SW_TENANT_CAPACITY'],
        [spawn, { max_sidekicks: 0 }, { max_sidekicks: 1 }, 'SW_SIDEKICK_CAPACITY'],
        [spawn, { max_sidekicks_per_user: 1 }, { max_sidekicks_per_user: 2 }, 'SW_SIDEKICK_CAPACITY'],
        [plan, { max_plan_steps: 1 }, { max_plan_steps: 2 }, 'SW_PLAN_CAPACITY'],
      ] as const;
      for (const [act, lowered, raised, code] of acts) {
        await limits({ ...lowered });
        expect(await act(), JSON.stringify(lowered)).to.equal(code);
        await limits({ ...raised, ...('max_sidekicks' in raised ? {} : { max_sidekicks: null }) });
        expect(await act(), JSON.stringify(raised)).to.be.within(200, 201);
      }
      const deadlines = await b.database.asOwner<{ ms: number }>('select (deadline - created_at)::integer as ms from sidekicks where room_id = $1', [id]);
      expect(deadlines, 'five minutes, where nobody asks for less').to.deep.equal([{ ms: 300_000 }, { ms: 300_000 }]);
    });

    it('counts calls by the new ones at the other soon', async () => {
      for (const most of [400, 300]) {
        await limits({ user_requests_per_minute: most });
        await eventually(async () => (await quota(twin)) === `"user";q=${most};w=60`, SOON_MS);
      }
    });
  });

  it('is refused at both once it is suspended, its waiting calls end, and all of it goes on after the resumption', async () => {
    await say(b, 'bob', room.away, 'before');
    await received(a, 'admin', room.home, 'before');
    const hosted = await b.ask<{ id: string; room_alias: string }>('bob', 'POST', '/v1/rooms', { room_type: 'group', name: 'Bridged' });
    const bridge = await b.ask<MadeBridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: hosted.id, name: 'Other side' });
    const bridges = [b, twin].map(({ url }) => ({ ...bridge, inbound_url: `${url}/v1/bridges/${bridge.id}/inbound` }));
    for (const [index, way] of bridges.entries()) expect(await bridgedCall(way, `before-${index}`, 'from the other side')).to.equal(200);
    const streams = [await StreamClient.open(b, tokenOf('bob')), await StreamClient.open(twin, tokenOf('bob'))];
    const waiting = twin.call('bob', 'GET', `/v1/sync?since=${await quietSince()}&timeout=30000`);

    const begunMs = Date.now();
    expect(await b.ask(ROOT, 'POST', `/v1/admin/tenants/${tenant}/suspend`)).to.include({ status: 'suspended' });
    for (const stream of streams) expect(await stream.end(SOON_MS)).to.have.property('reason', 'SW_TENANT_SUSPENDED');
    expect((await waiting).body.error?.code).to.equal('SW_TENANT_SUSPENDED');
    expect(Date.now() - begunMs, 'long before the 30 s for which the call would wait').to.be.lessThan(15_000);
    for (const process of [b, twin]) {
      await eventually(async () => (await process.call('bob', 'GET', '/v1/me')).body.error?.code === 'SW_TENANT_SUSPENDED', SOON_MS);
    }

    const before = await held();
    await say(a, 'admin', room.home, 'while suspended');
    const peers = (): Promise<{ server_name: string; last_error: string | null }[]> => a.ask('admin', 'GET', '/v1/admin/federation/peers');
    await eventually(async () => (await peers()).some(({ last_error: error }) => error === 'SW_TENANT_SUSPENDED'), 30_000);
    const parked = await a.ask<{ peers: { frozen: string | null }[] }>('admin', 'GET', `/v1/admin/rooms/${room.home}/federation`);
    expect(parked.peers.map(({ frozen }) => frozen)).to.deep.equal([null]);
    for (const process of [b, twin]) {
      expect((await stranger.single(process, stranger.event(hosted.room_alias))).body.error?.code).to.equal('SW_TENANT_SUSPENDED');
    }
    for (const [index, way] of bridges.entries()) expect(await bridgedCall(way, `during-${index}`, 'while suspended')).to.equal(403);
    expect((await fetch(`${b.url}/.well-known/scaiwave/server`, { headers: { host: b.name } })).status).to.be.oneOf([200, 404]);
    expect(await held(), 'nothing is stored of what was refused').to.deep.equal(before);

    await b.ask(ROOT, 'POST', `/v1/admin/tenants/${tenant}/resume`);
    for (const process of [b, twin]) await eventually(async () => (await process.call('bob', 'GET', '/v1/me')).status === 200);
    for (const [index, way] of bridges.entries()) expect(await bridgedCall(way, `during-${index}`, 'while suspended')).to.equal(200);
    await received(b, 'bob', room.away, 'while suspended');
    await say(twin, 'bob', room.away, 'after');
    await received(a, 'admin', room.home, 'after');
    expect((await bodies(b, 'bob', room.away)).filter((body) => body !== undefined)).to.have.members(['before', 'while suspended', 'after']);
    expect(await bodies(twin, 'bob', hosted.id)).to.include.members(['from the other side', 'while suspended']);
  });
});
