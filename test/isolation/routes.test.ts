import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { actingRoutes } from '../../src/http/routes/acting.js';
import { routeTable } from '../../src/http/routes/table.js';
import type { Route } from '../../src/http/route.js';
import { ROLES, roleReaches } from '../../src/kernel/caller.js';
import { ERRORS, type ErrorCode } from '../../src/kernel/errors.js';
import { parsePartnerId, parseServerName } from '../../src/kernel/ids.js';
import { signBridgeBody } from '../../src/protocol/bridge-signature.js';
import { nativeMessage } from '../support/bridge-world.js';
import { FlowsProcess } from '../support/flows-process.js';
import { eventually, gateways, type Gateway } from '../support/gateway.js';
import { HostileHome } from '../support/hostile-home.js';
import { HostilePeer } from '../support/hostile-peer.js';
import { recordingApis } from '../support/recording-apis.js';
import { StreamClient } from '../support/stream-client.js';
import { putRaw, seen } from '../support/uploads.js';

const [MINE, MINE_MEMBER, THEIRS, THEIR_MEMBER] = ['mock:first:admin:tenant_admin', 'mock:first:mine', 'mock:second:admin:tenant_admin', 'mock:second:theirs'] as const;
const MY_PARTNER = 'mock:first:partner:partner_admin:prt_mine';
/** In every word that the other tenant says or is called. */
const MARK = 'OfTheOtherTenant';

/** `own`: answers with what is the caller's, and nothing of the other tenant. */
interface Case {
  readonly answer: ErrorCode | 'own';
  readonly body?: (theirs: Theirs) => unknown;
  readonly query?: (theirs: Theirs) => string;
  readonly by?: string;
}

interface Theirs {
  readonly tenant: string;
  readonly ids: Readonly<Record<string, string>>;
}

const content = (): unknown => ({ content: { body: 'from another tenant' } });
const person = ({ ids }: Theirs): unknown => ({ participant_id: ids['participant_id'] });
const room = (answer: ErrorCode, body?: Case['body']): Case => ({ answer, ...(body === undefined ? {} : { body }) });

/** What each route answers when the ids in it are another tenant's. */
const CASES: Readonly<Record<string, Case>> = {
  'POST /v1/rooms': { answer: 'own', body: () => ({ name: 'mine' }) },
  'POST /v1/rooms/dm': { answer: 'SW_PARTICIPANT_NOT_FOUND', body: person },
  'POST /v1/me/federated-dms': { answer: 'SW_BAD_REQUEST', body: () => ({ fqid: '@theirs:first.example' }) },
  'GET /v1/rooms': { answer: 'own' },
  'GET /v1/rooms/archived': { answer: 'own' },
  'GET /v1/directory/rooms': { answer: 'own', query: () => `q=${MARK}` },
  'GET /v1/directory/alias/{alias}': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/rooms/{room_id}': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/rooms/{room_id}/state': room('SW_ROOM_NOT_FOUND'),
  'PUT /v1/rooms/{room_id}/name': room('SW_ROOM_NOT_FOUND', () => ({ name: 'taken' })),
  'PUT /v1/rooms/{room_id}/topic': room('SW_ROOM_NOT_FOUND', () => ({ topic: 'taken' })),
  'POST /v1/rooms/{room_id}/archive': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/unarchive': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/close': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/rooms/{room_id}/members': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/join': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/rejoin': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/leave': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/invite': room('SW_PARTICIPANT_NOT_FOUND', person),
  'POST /v1/rooms/{room_id}/invitations': room('SW_ROOM_NOT_FOUND', () => ({ fqid: '@mine:first.example' })),
  'POST /v1/rooms/{room_id}/kick': room('SW_ROOM_NOT_FOUND', () => ({ fqid: '@theirs:second.example' })),
  'POST /v1/rooms/{room_id}/ban': room('SW_ROOM_NOT_FOUND', () => ({ fqid: '@theirs:second.example' })),
  'POST /v1/rooms/{room_id}/unban': room('SW_PARTICIPANT_NOT_FOUND', person),
  'PUT /v1/rooms/{room_id}/members/{participant_id}/power-level': room('SW_PARTICIPANT_NOT_FOUND', () => ({ power_level: 1 })),
  'POST /v1/rooms/{room_id}/send': room('SW_ROOM_NOT_FOUND', content),
  'GET /v1/rooms/{room_id}/messages': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/events/{event_id}/edit': room('SW_ROOM_NOT_FOUND', content),
  'POST /v1/rooms/{room_id}/events/{event_id}/redact': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/events/{event_id}/reactions': room('SW_ROOM_NOT_FOUND', () => ({ emoji: '+' })),
  'DELETE /v1/rooms/{room_id}/events/{event_id}/reactions/{emoji}': { answer: 'own' },
  'PUT /v1/rooms/{room_id}/plan': room('SW_ROOM_NOT_FOUND', () => ({ goal: 'mine', steps: [{ text: 'one' }] })),
  'GET /v1/rooms/{room_id}/plan': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/rooms/{room_id}/plans': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/plan/pause': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/plan/resume': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/plan/cancel': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/sidekicks': room('SW_ROOM_NOT_FOUND', () => ({ task: 'mine' })),
  'GET /v1/rooms/{room_id}/sidekicks': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/rooms/{room_id}/sidekicks/{task_id}': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/rooms/{room_id}/sidekicks/{task_id}/cancel': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/sidekicks': { answer: 'own' },
  'POST /v1/sidekicks/{task_id}/report': { answer: 'SW_SIDEKICK_TOKEN', body: () => ({ status: 'done' }) },
  'GET /v1/sync': { answer: 'own', query: () => 'timeout=0' },
  'GET /v1/stream': { answer: 'SW_BAD_REQUEST' },
  'GET /v1/invitations': { answer: 'own', by: MINE_MEMBER },
  'POST /v1/invitations/{invitation_id}/accept': { answer: 'SW_INVITATION_NOT_FOUND', by: MINE_MEMBER },
  'POST /v1/invitations/{invitation_id}/decline': { answer: 'SW_INVITATION_NOT_FOUND', by: MINE_MEMBER },
  'GET /v1/me': { answer: 'own' },
  'GET /v1/directory/participants': { answer: 'own', query: () => 'include_federated=true&limit=200' },
  'GET /v1/presence': { answer: 'own', query: ({ ids }) => `ids=${ids['participant_id']}` },
  'PUT /v1/presence': { answer: 'own', body: () => ({ presence: 'online' }) },
  'PUT /v1/typing': { answer: 'SW_ROOM_NOT_FOUND', body: ({ ids }) => ({ room_id: ids['room_id'], typing: true }) },
  'GET /v1/auth/config': { answer: 'SW_NOT_FOUND' },
  'POST /v1/auth/register': { answer: 'own' },
  'POST /v1/webhooks/scaikey': { answer: 'SW_UNAVAILABLE', body: () => ({}) },
  'GET /v1/admin/federation/identity': { answer: 'own' },
  'GET /v1/admin/federation/peers': { answer: 'own' },
  'POST /v1/admin/federation/peers/{server}/pin': { answer: 'SW_FED_KEY_REFUSED', body: () => ({ fingerprint: 'a'.repeat(64) }) },
  'POST /v1/admin/federation/foreign/{participant_id}/refresh': { answer: 'SW_PARTICIPANT_NOT_FOUND' },
  'GET /v1/admin/federation/policy': { answer: 'own' },
  'PUT /v1/admin/federation/policy': { answer: 'own', body: () => ({ max_foreign_participants_per_room: 7 }) },
  'GET /v1/admin/federation/rejections': { answer: 'own' },
  'GET /v1/admin/rooms/{room_id}/federation': room('SW_ROOM_NOT_FOUND'),
  'PUT /v1/admin/rooms/{room_id}/federate': room('SW_ROOM_NOT_FOUND', () => ({ enabled: true })),
  'POST /v1/admin/rooms/{room_id}/federation/invite': room('SW_ROOM_NOT_FOUND', () => ({ fqid: '@theirs:second.example' })),
  'POST /v1/admin/rooms/{room_id}/federation/backfill': room('SW_ROOM_NOT_FOUND'),
  'POST /v1/admin/rooms/{room_id}/federation/leave': room('SW_ROOM_NOT_FOUND'),
  'GET /v1/admin/bridges': { answer: 'own' },
  'POST /v1/admin/bridges': room('SW_ROOM_NOT_FOUND', ({ ids }) => ({ name: 'mine', transport: 'custom', room_id: ids['room_id'], direction: 'in' })),
  'GET /v1/admin/bridges/{bridge_id}': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'DELETE /v1/admin/bridges/{bridge_id}': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'POST /v1/admin/bridges/{bridge_id}/pause': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'POST /v1/admin/bridges/{bridge_id}/resume': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'POST /v1/admin/bridges/{bridge_id}/rotate-secret': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'GET /v1/admin/bridges/{bridge_id}/deliveries': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'POST /v1/admin/bridges/{bridge_id}/deliveries/{delivery_id}/replay': { answer: 'SW_BRIDGE_NOT_FOUND' },
  'GET /v1/admin/stats': { answer: 'own' },
  'GET /v1/admin/participants': { answer: 'own', query: () => 'limit=200' },
  'GET /v1/admin/tenants': { answer: 'own', by: MY_PARTNER },
  'POST /v1/admin/tenants': { answer: 'SW_TENANT_NAME_TAKEN', by: MY_PARTNER, body: () => ({ slug: 'second', name: 'taken', scaikey_tenant_id: 'tnt_new' }) },
  'GET /v1/admin/tenants/{tenant_id}': { answer: 'SW_TENANT_NOT_FOUND', by: MY_PARTNER },
  'PATCH /v1/admin/tenants/{tenant_id}': { answer: 'SW_TENANT_NOT_FOUND', by: MY_PARTNER, body: () => ({ name: 'taken' }) },
  'POST /v1/admin/tenants/{tenant_id}/suspend': { answer: 'SW_TENANT_NOT_FOUND', by: MY_PARTNER },
  'POST /v1/admin/tenants/{tenant_id}/resume': { answer: 'SW_TENANT_NOT_FOUND', by: MY_PARTNER },
  'GET /v1/admin/partners': { answer: 'own', by: MY_PARTNER },
  'POST /v1/admin/partners': { answer: 'SW_TENANT_NAME_TAKEN', by: 'mock:first:root:super_admin', body: () => ({ partner_id: 'prt_theirs', name: 'taken' }) },
  'GET /v1/admin/partners/{partner_id}': { answer: 'SW_PARTNER_NOT_FOUND', by: MY_PARTNER },
  'PUT /v1/admin/partners/{partner_id}': { answer: 'SW_PARTNER_NOT_FOUND', by: MY_PARTNER, body: () => ({ name: 'taken' }) },
  'GET /v1/admin/partners/{partner_id}/usage': { answer: 'SW_PARTNER_NOT_FOUND', by: MY_PARTNER, query: () => 'month=2026-11' },
  'GET /v1/admin/partners/{partner_id}/tenants': { answer: 'SW_PARTNER_NOT_FOUND', by: MY_PARTNER },
  'POST /v1/bridges/{bridge_id}/inbound': { answer: 'SW_BRIDGE_SIGNATURE', body: () => ({}) },
  'POST /_scaiwave/federation/v1/send': { answer: 'SW_FED_SIGNATURE_MISSING', body: () => ({}) },
  'GET /_scaiwave/federation/v1/profile/{local_id}': { answer: 'SW_FED_SIGNATURE_MISSING' },
  'GET /_scaiwave/federation/v1/rooms/{room_id}/members': { answer: 'SW_FED_SIGNATURE_MISSING' },
  'GET /_scaiwave/federation/v1/rooms/{room_id}/backfill': { answer: 'SW_FED_SIGNATURE_MISSING' },
  'GET /.well-known/scaiwave/server': { answer: 'SW_FED_DESTINATION_UNKNOWN' },
  'GET /v1/admin/ai-config': { answer: 'own' },
  'PUT /v1/admin/ai-config': { answer: 'own', body: () => ({ enabled_models: ['mine'], scaigrid_api_key: 'sgk_of-mine-and-nobody-else' }) },
  'GET /v1/admin/models/catalog': { answer: 'SW_AI_NO_TOKEN' },
  'POST /v1/admin/models/{slug}/enable': { answer: 'own' },
  'POST /v1/admin/models/{slug}/disable': { answer: 'own' },
  'PUT /v1/admin/models/{slug}/participant': { answer: 'own', body: () => ({ local_id: 'mine-too' }) },
  'POST /v1/admin/participants/model': { answer: 'own', body: () => ({ model_id: 'theirs', local_id: 'theirs', display_name: 'Mine' }) },
  'GET /v1/admin/prompt-studio': { answer: 'own' },
  'PUT /v1/admin/prompt-studio': { answer: 'own', body: ({ ids }) => ({ enabled: true, allowlist: [ids['participant_id']] }) },
  'GET /v1/prompt-studio/access': { answer: 'own' },
  'GET /v1/prompt-studio/templates': { answer: 'own' },
  'PUT /v1/prompt-studio/templates': { answer: 'own', body: () => ({ system_prompt_templates: [] }) },
  'POST /v1/media/upload': { answer: 'own', body: () => ({ name: 'mine' }) },
  'GET /v1/media': { answer: 'own' },
  'GET /v1/media/{media_id}/info': { answer: 'SW_MEDIA_NOT_FOUND' },
  'GET /v1/media/download/{media_id}': { answer: 'SW_MEDIA_NOT_FOUND' },
  'GET /v1/media/signed/{media_id}': { answer: 'SW_MEDIA_NOT_FOUND' },
  'GET /v1/media/links/{token}': { answer: 'SW_MEDIA_LINK' },
  'DELETE /v1/media/{media_id}': { answer: 'SW_MEDIA_NOT_FOUND' },
  'GET /v1/admin/media': { answer: 'own' },
  'DELETE /v1/admin/media/{media_id}': { answer: 'SW_MEDIA_NOT_FOUND' },
  'GET /v1/admin/audit': { answer: 'own', query: ({ ids }) => `target=${ids['bridge_id']}` },
  'GET /v1/admin/audit/export': { answer: 'own' },
  'GET /health': { answer: 'own' },
  'GET /ready': { answer: 'own' },
  'GET /metrics': { answer: 'own' },
};

describe('every route, with ids of another tenant', function () {
  this.timeout(60_000);
  let gateway: Gateway;
  let theirs: Theirs;
  let theirRows: string;
  let mallory: HostilePeer;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    const [only] = await gateways(['first.example'], { peers: { 'm.example': mallory.url } });
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    theirs = await otherTenant(gateway);
    await gateway.ask(MINE_MEMBER, 'GET', '/v1/me');
    await gateway.ask('mock:first:root:super_admin', 'POST', '/v1/admin/partners', { partner_id: 'prt_mine', name: 'Mine' });
    theirRows = await rowsOf(theirs.tenant);
  });
  after(async () => {
    await gateway.end();
    await mallory.close();
  });

  /** Everything that the tenant has, but what its own lanes do meanwhile. */
  async function rowsOf(tenant: string): Promise<string> {
    const tables = await gateway.database.asOwner<{ name: string }>(
      "select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'consumers' order by 1",
    );
    const each = tables.map(({ name }) => `select '${name}' as name, (select string_agg((to_jsonb(t) - 'dirty' - 'dispatched')::text, E'\\n' order by t::text) from ${name} t where tenant_id = $1) as text`);
    return JSON.stringify(await gateway.database.asOwner(each.join(' union all '), [tenant]));
  }

  async function call({ method, path }: Pick<Route, 'method' | 'path'>, { body, query, by = MINE }: Case): Promise<{ readonly status: number; readonly text: string }> {
    const filled = path.replace(/\{([a-z_]+)\}/g, (_all, name: string) => encodeURIComponent(theirs.ids[name] ?? ''));
    const given = body?.(theirs);
    const response = await fetch(`${gateway.url}${filled}${query === undefined ? '' : `?${query(theirs)}`}`, {
      method,
      headers: { authorization: `Bearer ${by}`, ...(given === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(given === undefined ? {} : { body: JSON.stringify(given) }),
    });
    return { status: response.status, text: await response.text() };
  }

  const routes = routeTable(recordingApis([]));

  it('has a case for every route of the table', () => {
    expect(Object.keys(CASES).sort()).to.deep.equal(routes.map(nameOf).sort());
  });

  for (const route of routes) {
    const one = CASES[nameOf(route)];
    if (one === undefined) continue;
    it(`${nameOf(route)}: ${one.answer === 'own' ? 'shows and changes nothing of theirs' : one.answer}`, async () => {
      const { status, text } = await call(route, one);
      if (one.answer === 'own') expect(status, text).to.be.lessThan(300);
      else expect({ status, code: (JSON.parse(text) as { error?: { code?: string } }).error?.code }).to.deep.equal({ status: ERRORS[one.answer].status, code: one.answer });
      expect(text).not.to.include(MARK);
      expect(await rowsOf(theirs.tenant)).to.equal(theirRows);
    });
  }

  for (const route of actingRoutes(routes)) {
    it(`${nameOf(route)}: SW_TENANT_NOT_FOUND under a partner of one's own, SW_PARTNER_NOT_FOUND under theirs`, async () => {
      const codeUnder = async (partner: string): Promise<unknown> => {
        const { text } = await call({ ...route, path: route.path.replace('{partner_id}', partner) }, { answer: 'own', by: MY_PARTNER });
        return (JSON.parse(text) as { error?: { code?: string } }).error?.code;
      };
      expect([await codeUnder('prt_mine'), await codeUnder('prt_theirs')]).to.deep.equal(['SW_TENANT_NOT_FOUND', 'SW_PARTNER_NOT_FOUND']);
      expect(await rowsOf(theirs.tenant)).to.equal(theirRows);
    });
  }

  for (const role of ROLES) {
    it(`answers a ${role} like one whose rows these are not, and changes nothing`, async () => {
      const by = `mock:first:as-${role.replace('_', '-')}:${role}${role === 'partner_admin' ? ':prt_mine' : ''}`;
      for (const route of routes) {
        const [one, needed] = [CASES[nameOf(route)], ROLES.find((who) => who === route.who)];
        // What the platform may do to every tenant is in platform.test.ts; whoever else calls (peers, bridges, workers) has no role.
        if (one === undefined || needed === undefined || (role === 'super_admin' && roleReaches(needed, 'partner_admin'))) continue;
        const { status, text } = await call(route, { ...one, by });
        expect(text, nameOf(route)).not.to.include(MARK);
        const answer = roleReaches(role, needed) ? one.answer : 'SW_AUTH_INSUFFICIENT_PERMISSION';
        const code = status < 300 ? undefined : (JSON.parse(text) as { error?: { code?: string } }).error?.code;
        // Of the own tenant, which may refuse a second time what an earlier role was given.
        if (answer === 'own') expect([status < 500, code], nameOf(route)).to.satisfy(([sound, refused]: unknown[]) => sound === true && refused !== 'SW_AUTH_INSUFFICIENT_PERMISSION');
        else expect({ status, code }, nameOf(route)).to.deep.equal({ status: ERRORS[answer].status, code: answer });
      }
      expect(await rowsOf(theirs.tenant)).to.equal(theirRows);
    });
  }

  it('is refused with a token whose tenant is not there', async () => {
    expect((await gateway.call('mock:third:admin:tenant_admin', 'GET', '/v1/rooms')).body.error?.code).to.equal('SW_TENANT_NOT_FOUND');
  });

  describe('with a proof that holds for the first tenant', () => {
    const nowhere = { room: `room-${randomUUID()}`, person: 'nobody-of-that-name' };
    /** What a message, a person or a bridge of anybody's would be kept in. */
    const kept = async (): Promise<unknown> =>
      gateway.database.asOwner('select (select count(*) from entries) e, (select count(*) from participants) p, (select count(*) from members) m, (select count(*) from invitations) i, (select count(*) from deliveries) d, (select count(*) from bridge_map) b');

    before(async () => {
      await gateway.ask(MINE, 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
      await eventually(async () => (await mallory.batch(gateway, [])).body.error?.code === 'SW_BAD_SCHEMA');
    });

    it('a peer reads nothing of theirs, and is told of it no more than of what is nowhere', async () => {
      const asked = async (target: string): Promise<unknown> => {
        const { status, body, rate } = await mallory.get<object>(gateway, `/_scaiwave/federation/v1${target}`);
        expect(rate, 'proven and counted').to.match(/^"peer";r=\d+;t=\d+$/);
        return { status, code: body.error?.code, data: body.data };
      };
      const room = theirs.ids['room_id'] ?? '';
      for (const path of ['/members', '/backfill?from_seq=1&limit=10']) {
        const answer = JSON.stringify(await asked(`/rooms/${room}${path}`)).replace(room, nowhere.room);
        expect(answer).to.equal(JSON.stringify(await asked(`/rooms/${nowhere.room}${path}`)));
        expect(answer).not.to.include(MARK).and.not.include('second.example');
      }
      expect(await asked('/profile/their-model')).to.deep.equal(await asked(`/profile/${nowhere.person}`)).and.deep.include({ status: 404, code: 'SW_PARTICIPANT_NOT_FOUND' });
      expect(await rowsOf(theirs.tenant)).to.equal(theirRows);
    });

    it('a peer says nothing in a room of theirs, and invites nobody of theirs', async () => {
      const before = await kept();
      const room = theirs.ids['room_id'] ?? '';
      for (const log of [`!${room}:first.example`, `!${room}:second.example`]) {
        const [said, joined] = await mallory.results(gateway, [{ kind: 'event', event: mallory.event(log) }, { kind: 'event', event: mallory.membership(log, 'join') }]);
        expect([said, joined].map((result) => result?.status === 'refused' && result.code)).to.deep.equal(['SW_ROOM_NOT_FOUND', 'SW_ROOM_NOT_FOUND']);
      }
      const home = new HostileHome(mallory).found();
      const news = (target: string): object => home.news(home.add(mallory.membership(home.log, 'invite', { sender: '@mallory:m.example', target })));
      const invited = await mallory.results(gateway, [news('@their-model:first.example'), news('@their-model:second.example')]);
      expect(invited.map((result) => result.status === 'refused' && result.code)).to.deep.equal(['SW_PARTICIPANT_NOT_FOUND', 'SW_FED_EVENT_INVALID']);
      expect(await kept()).to.deep.equal(before);
      expect(await rowsOf(theirs.tenant)).to.equal(theirRows);
    });

    it('a bridge of ours is no bridge of theirs', async () => {
      const { id } = await gateway.ask<{ id: string }>(MINE, 'POST', '/v1/rooms', { name: 'bridged' });
      const bridge = await gateway.ask<{ bridge_id: string; shared_secret: string }>(MINE, 'POST', '/v1/admin/bridges', { name: 'Mine', transport: 'custom', room_id: id, direction: 'in' });
      const inbound = async (bridgeId: string): Promise<Response> => {
        const body = Buffer.from(JSON.stringify(nativeMessage('event-1', 'from a bridge')));
        const headers = { 'content-type': 'application/json', 'x-scaiwave-bridge-signature': signBridgeBody([bridge.shared_secret], Date.now(), body) };
        return fetch(`${gateway.url}/v1/bridges/${bridgeId}/inbound`, { method: 'POST', headers, body });
      };
      const before = await kept();
      const refused = await inbound(theirs.ids['bridge_id'] ?? '');
      expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).to.deep.equal([401, 'SW_BRIDGE_SIGNATURE']);
      expect(refused.headers.get('ratelimit'), 'nobody who is counted').to.equal(null);
      expect(await kept()).to.deep.equal(before);
      expect(await rowsOf(theirs.tenant)).to.equal(theirRows);
      const taken = await inbound(bridge.bridge_id);
      expect(taken.status, await taken.text()).to.be.lessThan(300);
      expect(taken.headers.get('ratelimit')).to.match(/^"bridge";r=\d+;t=\d+$/);
    });

    it('a stream carries nothing of theirs', async () => {
      const frames = await StreamClient.open(gateway, MINE);
      await gateway.ask(THEIRS, 'PUT', '/v1/typing', { room_id: theirs.ids['room_id'], typing: true });
      await gateway.ask(THEIRS, 'PUT', '/v1/presence', { presence: 'online' });
      const { id } = await gateway.ask<{ id: string }>(MINE, 'POST', '/v1/rooms', { name: 'streamed' });
      await gateway.ask(MINE, 'POST', `/v1/rooms/${id}/send`, content());
      await frames.next((frame) => JSON.stringify(frame).includes('from another tenant'));
      for (const word of [MARK, theirs.ids['room_id'], 'second.example']) expect(JSON.stringify(frames.frames)).not.to.include(word);
      frames.close();
    });
  });

  it('is not there for what this gateway leaves to others', async () => {
    for (const path of ['note-processing', 'plugins']) {
      const { status, body } = await gateway.call(MINE, 'GET', `/v1/admin/${path}`);
      expect([status, body.error?.code], path).to.deep.equal([404, 'SW_NOT_FOUND']);
    }
  });

  describe('is seen to leak', () => {
    it('when an answer holds a word of the other tenant, which their own token shows', async () => {
      const { text } = await call({ method: 'GET', path: '/v1/rooms/{room_id}' }, { answer: 'own', by: THEIRS });
      expect(text).to.include(MARK);
    });

    it('when a row of the other tenant changes', async () => {
      await gateway.ask(THEIRS, 'PUT', `/v1/rooms/${theirs.ids['room_id']}/topic`, { topic: 'changed' });
      expect(await rowsOf(theirs.tenant)).not.to.equal(theirRows);
    });
  });
});

function nameOf({ method, path }: Pick<Route, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

/** A second tenant with one of everything. */
async function otherTenant(gateway: Gateway): Promise<Theirs> {
  const maker = await FlowsProcess.open(gateway.database);
  const ctx = await maker.core.tenantMaker.create({ slug: 'second', name: `Tenant ${MARK}`, scaikeyTenantId: 'tnt_second', serverName: parseServerName('second.example'), partnerId: parsePartnerId('prt_theirs') }, 'cli');
  await maker.close();
  const ask = <T>(who: string, method: string, path: string, body?: unknown): Promise<T> => gateway.ask<T>(who, method, path, body);
  await ask('mock:second:root:super_admin', 'POST', '/v1/admin/partners', { partner_id: 'prt_theirs', name: `Partner ${MARK}` });
  const participant = (await ask<{ id: string }>(THEIR_MEMBER, 'GET', '/v1/me')).id;
  const room = (await ask<{ id: string }>(THEIRS, 'POST', '/v1/rooms', { room_type: 'public', name: `Room ${MARK}`, topic: MARK })).id;
  const event = (await ask<{ id: string }>(THEIRS, 'POST', `/v1/rooms/${room}/send`, { content: { body: MARK } })).id;
  await ask(THEIRS, 'POST', `/v1/rooms/${room}/events/${event}/reactions`, { emoji: '+' });
  await ask(THEIRS, 'PUT', `/v1/rooms/${room}/plan`, { goal: MARK, steps: [{ text: MARK }] });
  const task = (await ask<{ task_id: string }>(THEIRS, 'POST', `/v1/rooms/${room}/sidekicks`, { task: MARK, name: MARK })).task_id;
  await eventually(async () => (await gateway.database.asOwner('select 1 from sidekicks where handed_over_at is not null')).length === 1);
  await ask(THEIRS, 'POST', `/v1/rooms/${room}/invite`, { participant_id: participant });
  const [invitation] = await ask<{ id: string }[]>(THEIR_MEMBER, 'GET', '/v1/invitations');
  await ask(THEIRS, 'PUT', '/v1/admin/ai-config', { enabled_models: ['theirs', MARK], default_model: MARK, system_prompt_templates: [{ name: MARK, prompt: MARK }], scaigrid_api_key: `sgk_key-${MARK}` });
  await ask(THEIRS, 'PUT', '/v1/admin/models/theirs/participant', { local_id: 'their-model', display_name: MARK, system_prompt: MARK });
  const bridge = (await ask<{ bridge_id: string }>(THEIRS, 'POST', '/v1/admin/bridges', { name: `Bridge ${MARK}`, transport: 'custom', room_id: room, direction: 'in' })).bridge_id;
  const media = seen(await putRaw(gateway, THEIRS, Buffer.from(MARK), '?tenant_scope=true')).media_id;
  const { url } = await ask<{ url: string }>(THEIRS, 'GET', `/v1/media/signed/${media}`);
  const [mine] = await gateway.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where slug = 'first'");
  return {
    tenant: ctx.tenantId,
    ids: { tenant_id: ctx.tenantId, partner_id: 'prt_theirs', room_id: room, alias: `!${room}:second.example`, event_id: event, participant_id: participant, invitation_id: invitation?.id ?? '', task_id: task, bridge_id: bridge, delivery_id: `dlv-${participant}`, server: 'second.example', local_id: 'theirs', emoji: '+', slug: 'theirs', media_id: media, token: readdressed(url, mine?.tenant_id ?? '') },
  };
}

/** A link to a file of one tenant, with another tenant written into it. */
function readdressed(url: string, tenant: string): string {
  const token = Buffer.from(url.split('/').at(-1) ?? '', 'base64url');
  Buffer.from(tenant.replaceAll('-', ''), 'hex').copy(token, 1);
  return token.toString('base64url');
}
