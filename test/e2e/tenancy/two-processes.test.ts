import { expect } from 'chai';
import { bridgedCall, makeBridge, type MadeBridge } from '../../support/bridged-call.js';
import { eventually, federatedPair, sharedRoom, twinOf, type Gateway } from '../../support/gateway.js';
import { HostilePeer } from '../../support/hostile-peer.js';
import { tokenOf } from '../../support/http-caller.js';
import { counterFaults } from '../../support/log-check.js';
import { rawExchange } from '../../support/raw-http.js';
import { StreamClient } from '../../support/stream-client.js';
import { putRaw } from '../../support/uploads.js';
import { byTheWallClock } from '../../support/wall-clock.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';

const ROOT = 'mock:platform:root:super_admin';
/** Within this, a suspension and a changed rate hold on every process. */
const PROMISED_MS = 1_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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
    const options = { peers: { 'm.example': stranger.url }, env: { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' } };
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

  const suspend = (): Promise<unknown> => b.ask(ROOT, 'POST', `/v1/admin/tenants/${tenant}/suspend`);
  const resume = async (): Promise<void> => {
    await b.ask(ROOT, 'POST', `/v1/admin/tenants/${tenant}/resume`);
    for (const process of [b, twin]) await eventually(async () => (await process.call('bob', 'GET', '/v1/me')).status === 200);
  };
  /** How long it took until it came about, looked at often. */
  const passedUntil = async (look: () => Promise<boolean>): Promise<number> => {
    const begunMs = performance.now();
    while (!(await look())) {
      if (performance.now() - begunMs > 20_000) throw new Error('it did not come about');
      await pause(10);
    }
    return performance.now() - begunMs;
  };

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

    it('accepts exactly as many invitations as there is room for, of thirty at once over both', async () => {
      const [invited, free] = [30, 12];
      const names = Array.from({ length: invited }, (_, index) => `Elsewhere ${index}`);
      const asked = new Set<string>();
      for (const name of names) {
        const { id } = await a.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name });
        await a.ask('admin', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
        await a.ask('admin', 'POST', `/v1/rooms/${id}/invitations`, { fqid: `@bob:${b.name}` });
        asked.add(`!${id}:${a.name}`);
      }
      const invitations = await eventually(async () => {
        const open = (await twin.ask<{ id: string; room_alias: string }[]>('bob', 'GET', '/v1/invitations?limit=200')).filter(({ room_alias: alias }) => asked.has(alias));
        return open.length === invited ? open : undefined;
      }, 60_000);
      const { rooms } = await twin.ask<{ rooms: { used: number } }>('admin', 'GET', '/v1/admin/stats');
      await limits({ max_rooms: rooms.used + free });
      const answers = await Promise.all(
        invitations.map(async ({ id }, index) => {
          const { status, body } = await (index % 2 === 0 ? b : twin).call('bob', 'POST', `/v1/invitations/${id}/accept`);
          return body.error?.code ?? status;
        }),
      );
      expect(answers.filter((answer) => answer === 200)).to.have.length(free);
      expect(answers.filter((answer) => answer === 'SW_TENANT_CAPACITY')).to.have.length(invited - free);
      await eventually(async () => (await counterFaults({ name: b.name, rows: b.database.asOwner.bind(b.database) })).length === 0);
      expect(await twin.ask<{ rooms: { used: number } }>('admin', 'GET', '/v1/admin/stats')).to.have.nested.property('rooms.used', rooms.used + free);
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
        [spawn, { max_sidekicks_per_user: 3, ai_tokens_monthly_limit: 0 }, { ai_tokens_monthly_limit: 1 }, 'SW_AI_BUDGET_EXCEEDED'],
        [plan, { max_plan_steps: 1 }, { max_plan_steps: 2 }, 'SW_PLAN_CAPACITY'],
      ] as const;
      for (const [act, lowered, raised, code] of acts) {
        await limits({ ...lowered });
        expect(await act(), JSON.stringify(lowered)).to.equal(code);
        await limits({ ...raised, ...('max_sidekicks' in raised ? {} : { max_sidekicks: null }) });
        expect(await act(), JSON.stringify(raised)).to.be.within(200, 201);
      }
      const deadlines = await b.database.asOwner<{ ms: number }>('select (deadline - created_at)::integer as ms from sidekicks where room_id = $1', [id]);
      expect(deadlines, 'five minutes, where nobody asks for less').to.deep.equal([{ ms: 300_000 }, { ms: 300_000 }, { ms: 300_000 }]);
    });

    it('spawns by the flag that takes the place of a limit, and shows it', async () => {
      const { id } = await twin.ask<{ id: string }>('bob', 'POST', '/v1/rooms', { room_type: 'public', is_public: true, name: 'Flagged' });
      await b.ask('carla', 'POST', `/v1/rooms/${id}/join`);
      const flag = (most: number | null): Promise<unknown> => b.ask(ROOT, 'PATCH', `/v1/admin/tenants/${tenant}`, { features: { sidekick_limits: { max_concurrent: most } } });
      const spawn = async (): Promise<string | number> => {
        const { status, body } = await twin.call('carla', 'POST', `/v1/rooms/${id}/sidekicks`, { task: 'Find out' });
        return body.error?.code ?? status;
      };
      const sidekicks = async (): Promise<{ used: number; limit: number }> => (await twin.ask<{ sidekicks: { used: number; limit: number } }>('admin', 'GET', '/v1/admin/stats')).sidekicks;
      const { used } = await sidekicks();
      try {
        await flag(used);
        expect(await spawn()).to.equal('SW_SIDEKICK_CAPACITY');
        expect(await sidekicks()).to.deep.equal({ used, limit: used });
        await flag(used + 1);
        expect(await spawn()).to.be.within(200, 201);
        expect(await sidekicks()).to.deep.equal({ used: used + 1, limit: used + 1 });
      } finally {
        await flag(null);
      }
    });

    it('takes nothing away where they are lowered below what is in use: rooms are spoken in and joined, a mirror receives', async () => {
      const { id } = await b.ask<{ id: string }>('bob', 'POST', '/v1/rooms', { room_type: 'public', is_public: true, name: 'There already' });
      await limits({ max_rooms: 0, max_sidekicks: 0, max_storage_mb: 0 });
      expect(await make(twin)).to.equal('SW_TENANT_CAPACITY');
      await say(twin, 'bob', id, 'still spoken in');
      await twin.ask('carol', 'POST', `/v1/rooms/${id}/join`);
      await say(a, 'admin', room.home, 'to a mirror beyond the limit');
      await received(twin, 'bob', room.away, 'to a mirror beyond the limit');
      await say(twin, 'bob', room.away, 'from a mirror beyond the limit');
      await received(a, 'admin', room.home, 'from a mirror beyond the limit');
    });

    it('counts calls by the new ones at the other within a second', async function () {
      byTheWallClock(this);
      for (const most of [400, 300]) {
        await quota(twin);
        await limits({ user_requests_per_minute: most });
        expect(await passedUntil(async () => (await quota(twin)) === `"user";q=${most};w=60`)).to.be.lessThan(PROMISED_MS);
      }
    });
  });

  it('is refused at both within a second of its suspension, and its streams and waiting calls end as soon', async function () {
    byTheWallClock(this);
    const streams = [await StreamClient.open(b, tokenOf('bob')), await StreamClient.open(twin, tokenOf('bob'))];
    const since = await quietSince();
    const isRefused = async (process: Gateway): Promise<boolean> => (await process.call('bob', 'GET', '/v1/me')).body.error?.code === 'SW_TENANT_SUSPENDED';
    const waiting = twin.call('bob', 'GET', `/v1/sync?since=${since}&timeout=30000`);
    // From now on both remember that the tenant is active.
    for (const process of [b, twin]) expect(await isRefused(process)).to.equal(false);
    try {
      await suspend();
      const begunMs = performance.now();
      const sinceThen = (): number => performance.now() - begunMs;
      const passed = await Promise.all([
        ...[b, twin].map((process) => passedUntil(() => isRefused(process))),
        ...streams.map(async (stream) => {
          await passedUntil(async () => stream.ended !== undefined);
          expect(stream.ended).to.have.property('reason', 'SW_TENANT_SUSPENDED');
          return sinceThen();
        }),
        waiting.then(({ body }) => {
          expect(body.error?.code).to.equal('SW_TENANT_SUSPENDED');
          return sinceThen();
        }),
      ]);
      expect(Math.max(...passed)).to.be.lessThan(PROMISED_MS);
    } finally {
      await resume();
    }
  });

  for (const verb of ['kick', 'ban'] as const) {
    it(`tells of a ${verb} at one of them on a stream of the other within a second, and of nothing after it`, async function () {
      byTheWallClock(this);
      const { id } = await b.ask<{ id: string }>('bob', 'POST', '/v1/rooms', { room_type: 'public', is_public: true, name: verb });
      const { id: carol } = await b.ask<{ id: string }>('carol', 'GET', '/v1/me');
      await b.ask('carol', 'POST', `/v1/rooms/${id}/join`);
      const stream = await StreamClient.open(twin, tokenOf('carol'));
      await say(b, 'bob', id, 'heard');
      await stream.next((one) => one['room_id'] === id && one['type'] === 'swp.room.message');
      await b.ask('bob', 'POST', `/v1/rooms/${id}/${verb}`, { participant_id: carol });
      await stream.next((one) => one['room_id'] === id && one['type'] === 'swp.room.member' && one['membership'] !== 'join', PROMISED_MS);
      await say(b, 'bob', id, 'not heard');
      await pause(700);
      expect(stream.frames.filter((one) => one['room_id'] === id && one['type'] === 'swp.room.message')).to.have.length(1);
      stream.close();
    });
  }

  describe('and whose room is told to a webhook', () => {
    const receiver = new WebhookReceiver();
    before(() => receiver.start());
    after(() => receiver.stop());
    afterEach(resume);

    it('posts nothing to it while it is suspended, and all of it once it is resumed', async () => {
      const { id } = await b.ask<{ id: string }>('bob', 'POST', '/v1/rooms', { room_type: 'group', name: 'Told elsewhere' });
      const bridge = await makeBridge(b, id, receiver.url);
      receiver.answer = () => ({ status: 200, afterMs: 500 });
      const texts = Array.from({ length: 24 }, (_, index) => `word ${index}`);
      // All of it is there when the turn begins that the suspension is to end.
      await b.ask('admin', 'POST', `/v1/admin/bridges/${bridge.id}/pause`);
      for (const text of texts) await say(b, 'bob', id, text);
      await b.ask('admin', 'POST', `/v1/admin/bridges/${bridge.id}/resume`, {});
      await eventually(async () => receiver.posts.length > 0);
      await suspend();
      // What was under way is given up within a few seconds.
      await pause(5_000);
      const before = receiver.posts.length;
      expect(before).to.be.lessThan(texts.length);
      await pause(3_000);
      expect(receiver.posts).to.have.length(before);

      receiver.answer = () => ({ status: 200 });
      await resume();
      await eventually(async () => texts.every((text) => receiver.bodies.includes(text)));
      await pause(1_000);
      const since = receiver.posts.slice(before).map(({ body }) => body.event_id);
      expect(new Set(since).size, 'each once since the resumption').to.equal(since.length);
      const told = new Map(receiver.posts.map(({ body }, index) => [body.event_id, receiver.bodies[index]]));
      expect([...told.values()], 'under one id each, in order').to.deep.equal(texts);
      expect(receiver.posts.length, 'only what was under way goes again').to.be.within(texts.length, texts.length + 1);
    });
  });

  it('keeps the words that wait for a peer while it is suspended, and sends them once it is resumed', async () => {
    await a.stop();
    await say(b, 'bob', room.away, 'waits for the peer');
    await suspend();
    await a.start();
    await pause(3_000);
    expect(await bodies(a, 'admin', room.home)).not.to.include('waits for the peer');
    await resume();
    await received(a, 'admin', room.home, 'waits for the peer');
  });

  it('is refused at both, whoever asks, while it is suspended, and all of it goes on after the resumption', async () => {
    await say(b, 'bob', room.away, 'before');
    await received(a, 'admin', room.home, 'before');
    const hosted = await b.ask<{ id: string; room_alias: string }>('bob', 'POST', '/v1/rooms', { room_type: 'group', name: 'Bridged' });
    const bridge = await b.ask<MadeBridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: hosted.id, name: 'Other side' });
    const bridges = [b, twin].map(({ url }) => ({ ...bridge, inbound_url: `${url}/v1/bridges/${bridge.id}/inbound` }));
    for (const [index, way] of bridges.entries()) expect(await bridgedCall(way, `before-${index}`, 'from the other side')).to.equal(200);

    expect(await suspend()).to.include({ status: 'suspended' });
    for (const process of [b, twin]) await eventually(async () => (await process.call('bob', 'GET', '/v1/me')).body.error?.code === 'SW_TENANT_SUSPENDED');

    const before = await held();
    await say(a, 'admin', room.home, 'while suspended');
    const peers = (): Promise<{ server_name: string; last_error: string | null }[]> => a.ask('admin', 'GET', '/v1/admin/federation/peers');
    await eventually(async () => (await peers()).some(({ last_error: error }) => error === 'SW_TENANT_SUSPENDED'), 30_000);
    const parked = await a.ask<{ peers: { frozen: string | null }[] }>('admin', 'GET', `/v1/admin/rooms/${room.home}/federation`);
    expect(parked.peers.map(({ frozen }) => frozen)).to.deep.equal([null]);
    for (const process of [b, twin]) {
      expect((await stranger.single(process, stranger.event(hosted.room_alias))).body.error?.code).to.equal('SW_TENANT_SUSPENDED');
    }
    for (const [index, way] of bridges.entries()) expect(await bridgedCall(way, `during-${index}`, 'while suspended')).to.equal('SW_TENANT_SUSPENDED');
    for (const { url } of [b, twin]) {
      const { status, body } = await rawExchange(Number(new URL(url).port), `GET /.well-known/scaiwave/server HTTP/1.1\r\nhost: ${b.name}\r\nconnection: close\r\n\r\n`);
      expect([status, (JSON.parse(body) as { server_name?: string }).server_name]).to.deep.equal([200, b.name]);
    }
    expect(await held(), 'nothing is stored of what was refused').to.deep.equal(before);

    await resume();
    for (const [index, way] of bridges.entries()) expect(await bridgedCall(way, `during-${index}`, 'while suspended')).to.equal(200);
    await received(b, 'bob', room.away, 'while suspended');
    await say(twin, 'bob', room.away, 'after');
    await received(a, 'admin', room.home, 'after');
    const words = ['before', 'while suspended', 'after'];
    expect((await bodies(b, 'bob', room.away)).filter((body) => body !== undefined && words.includes(body))).to.have.members(words);
    expect(await bodies(twin, 'bob', hosted.id)).to.include.members(['from the other side', 'while suspended']);
  });
});
