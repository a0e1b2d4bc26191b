import { expect } from 'chai';
import type { Upload } from '../../../src/flows/api/media.js';
import type { OpsApi } from '../../../src/flows/api/ops.js';
import type { Call } from '../../../src/http/call.js';
import { makeGate } from '../../../src/http/gate.js';
import type { Route } from '../../../src/http/route.js';
import { opsRoutes } from '../../../src/http/routes/ops.js';
import { routeTable } from '../../../src/http/routes/table.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { parseStrictJson } from '../../../src/protocol/strict-json.js';
import { contract } from '../../support/fixtures.js';
import { noBody, noCustomers, roleTokens } from '../../support/http-node.js';
import { processRates } from '../../support/process-rates.js';
import { recordingApis } from '../../support/recording-apis.js';
import type { Asked } from '../../support/recording-apis.js';

const UUID = '33333333-3333-4333-8333-333333333333';
const PARAMS = {
  room_id: `room-${UUID}`,
  alias: `!room-${UUID}:a.example`,
  event_id: `evt-${UUID}`,
  participant_id: UUID,
  tenant_id: UUID,
  partner_id: 'prt_1',
  bridge_id: `brg-${UUID}`,
  delivery_id: `dlv-${UUID}`,
  task_id: `task-${UUID}`,
  invitation_id: `inv-${UUID}`,
  server: 'b.example',
  local_id: 'bob',
  emoji: '👍',
  slug: 'maker/model',
  media_id: `med-${UUID}`,
} as const;
const { room_id: room, event_id: event, bridge_id: bridge, media_id: media } = PARAMS;
const PAGE = { limit: LIMITS.listPageDefault, offset: 0 };
const STEP = { id: null, text: 's', status: 'pending', result: null, attempts: 0 };
const SIGNAL = new AbortController().signal;

interface Given {
  readonly query?: string;
  readonly body?: object;
}

/** Method and path, what is sent, and what the API is then asked for, after the caller. */
type Case = readonly [name: string, given: Given, of: string, args: readonly unknown[]];

const USER_CASES: readonly Case[] = [
  ['POST /v1/rooms', { body: {} }, 'rooms.create', [{ roomType: 'group', isPublic: false, name: null, topic: null, workspaceId: null, visibility: 'normal', history: 'invite', readRoleSlugs: [] }]],
  ['POST /v1/rooms', { body: { scope_kind: 'incognito', name: 'x' } }, 'rooms.create', [{ roomType: 'incognito', isPublic: false, name: 'x', topic: null, workspaceId: null, visibility: 'normal', history: 'invite', readRoleSlugs: [] }]],
  ['POST /v1/rooms', { body: { room_type: 'public', topic: 't', visibility: 'restricted', history: 'beginning', read_role_slugs: ['a'] } }, 'rooms.create', [{ roomType: 'public', isPublic: true, name: null, topic: 't', workspaceId: null, visibility: 'restricted', history: 'beginning', readRoleSlugs: ['a'] }]],
  ['POST /v1/rooms/dm', { body: { participant_id: UUID } }, 'rooms.openDm', [UUID]],
  ['POST /v1/me/federated-dms', { body: { fqid: '@bob:b.example' } }, 'rooms.openFederatedDm', ['@bob:b.example']],
  ['GET /v1/rooms', { query: 'limit=7&offset=14' }, 'rooms.list', [{ limit: 7, offset: 14 }]],
  ['GET /v1/rooms/archived', {}, 'rooms.listArchived', [PAGE]],
  ['GET /v1/directory/rooms', { query: 'q=a+b&room_type=public' }, 'rooms.directory', [{ ...PAGE, q: 'a b', roomType: 'public' }]],
  ['GET /v1/directory/alias/{alias}', {}, 'rooms.byAlias', [PARAMS.alias]],
  ['GET /v1/rooms/{room_id}', {}, 'rooms.get', [room]],
  ['GET /v1/rooms/{room_id}/state', {}, 'rooms.state', [room]],
  ['PUT /v1/rooms/{room_id}/name', { body: { name: 'n' } }, 'rooms.setName', [room, 'n']],
  ['PUT /v1/rooms/{room_id}/topic', { body: { topic: '' } }, 'rooms.setTopic', [room, '']],
  ['POST /v1/rooms/{room_id}/archive', {}, 'rooms.archive', [room]],
  ['POST /v1/rooms/{room_id}/unarchive', {}, 'rooms.unarchive', [room]],
  ['POST /v1/rooms/{room_id}/close', {}, 'rooms.close', [room]],
  ['GET /v1/rooms/{room_id}/members', {}, 'members.list', [room, PAGE]],
  ['POST /v1/rooms/{room_id}/join', {}, 'members.join', [room]],
  ['POST /v1/rooms/{room_id}/rejoin', {}, 'members.rejoin', [room]],
  ['POST /v1/rooms/{room_id}/leave', { body: { reason: 'bye' } }, 'members.leave', [room, 'bye']],
  ['POST /v1/rooms/{room_id}/invite', { body: { participant_id: UUID } }, 'members.invite', [room, { participantId: UUID }, null]],
  ['POST /v1/rooms/{room_id}/invitations', { body: { fqid: '@bob:b.example', reason: 'r' } }, 'members.invite', [room, { fqid: '@bob:b.example' }, 'r']],
  ['POST /v1/rooms/{room_id}/kick', { body: { participant_id: UUID, reason: 'r' } }, 'members.kick', [room, { participantId: UUID }, 'r']],
  ['POST /v1/rooms/{room_id}/ban', { body: { fqid: '@bob:b.example' } }, 'members.ban', [room, { fqid: '@bob:b.example' }, null]],
  ['POST /v1/rooms/{room_id}/unban', { body: { participant_id: UUID } }, 'members.unban', [room, { participantId: UUID }, null]],
  ['PUT /v1/rooms/{room_id}/members/{participant_id}/power-level', { body: { power_level: 50 } }, 'members.setPower', [room, UUID, 50]],
  ['POST /v1/rooms/{room_id}/send', { body: { content: { body: 'x' } } }, 'messages.send', [room, { content: { body: 'x' }, eventUuid: null, asParticipantId: null }]],
  ['POST /v1/rooms/{room_id}/send', { body: { content: {}, event_uuid: UUID, as_participant_id: UUID } }, 'messages.send', [room, { content: {}, eventUuid: UUID, asParticipantId: UUID }]],
  ['GET /v1/rooms/{room_id}/messages', {}, 'messages.list', [room, { limit: 50, from: null, direction: 'back' }]],
  ['GET /v1/rooms/{room_id}/messages', { query: 'limit=200&from=0&direction=forward' }, 'messages.list', [room, { limit: 200, from: 0, direction: 'forward' }]],
  ['POST /v1/rooms/{room_id}/events/{event_id}/edit', { body: { content: { body: 'y' } } }, 'messages.edit', [room, event, { body: 'y' }]],
  ['POST /v1/rooms/{room_id}/events/{event_id}/redact', {}, 'messages.redact', [room, event, null]],
  ['POST /v1/rooms/{room_id}/events/{event_id}/reactions', { body: { emoji: '👍' } }, 'messages.react', [room, event, '👍']],
  ['DELETE /v1/rooms/{room_id}/events/{event_id}/reactions/{emoji}', {}, 'messages.unreact', [room, event, '👍']],
  ['PUT /v1/rooms/{room_id}/plan', { body: { goal: 'g', steps: [{ text: 's' }] } }, 'plans.write', [room, { goal: 'g', mode: 'sequential', advance: 'auto', venue: 'main', state: 'running', revision: null, steps: [STEP] }]],
  ['PUT /v1/rooms/{room_id}/plan', { body: { goal: 'g', mode: 'parallel', advance: 'manual', venue: 'sidekick', state: 'draft', revision: 3, steps: [{ id: 'abc12', text: 's', status: 'done', result: 'r', attempts: 2 }] } }, 'plans.write', [room, { goal: 'g', mode: 'parallel', advance: 'manual', venue: 'sidekick', state: 'draft', revision: 3, steps: [{ id: 'abc12', text: 's', status: 'done', result: 'r', attempts: 2 }] }]],
  ['GET /v1/rooms/{room_id}/plan', {}, 'plans.current', [room]],
  ['GET /v1/rooms/{room_id}/plans', {}, 'plans.list', [room, 20]],
  ['POST /v1/rooms/{room_id}/plan/pause', {}, 'plans.pause', [room]],
  ['POST /v1/rooms/{room_id}/plan/resume', {}, 'plans.resume', [room]],
  ['POST /v1/rooms/{room_id}/plan/cancel', {}, 'plans.cancel', [room]],
  ['POST /v1/rooms/{room_id}/sidekicks', { body: { task: 't' } }, 'sidekicks.spawn', [room, { task: 't', contextMode: 'task_only', modelId: null, timeoutSeconds: 300, name: null }]],
  ['POST /v1/rooms/{room_id}/sidekicks', { body: { task: 't', context_mode: 'full', model_id: 'm', timeout_seconds: 30, name: 'n' } }, 'sidekicks.spawn', [room, { task: 't', contextMode: 'full', modelId: 'm', timeoutSeconds: 30, name: 'n' }]],
  ['GET /v1/rooms/{room_id}/sidekicks', {}, 'sidekicks.list', [room, PAGE]],
  ['GET /v1/rooms/{room_id}/sidekicks/{task_id}', {}, 'sidekicks.get', [room, PARAMS.task_id]],
  ['POST /v1/rooms/{room_id}/sidekicks/{task_id}/cancel', {}, 'sidekicks.cancel', [room, PARAMS.task_id]],
  ['GET /v1/sidekicks', {}, 'sidekicks.mine', [PAGE]],
  ['GET /v1/sync', {}, 'sync.sync', [{ since: 0, limit: 100, timeoutMs: 30_000, signal: SIGNAL }]],
  ['GET /v1/sync', { query: 'timeout=600000' }, 'sync.sync', [{ since: 0, limit: 100, timeoutMs: 60_000, signal: SIGNAL }]],
  ['GET /v1/sync', { query: 'since=12300&limit=500&timeout=0' }, 'sync.sync', [{ since: 12_300, limit: 500, timeoutMs: 0, signal: SIGNAL }]],
  ['GET /v1/invitations', {}, 'invitations.list', [PAGE]],
  ['POST /v1/invitations/{invitation_id}/accept', {}, 'invitations.accept', [PARAMS.invitation_id]],
  ['POST /v1/invitations/{invitation_id}/decline', {}, 'invitations.decline', [PARAMS.invitation_id]],
  ['GET /v1/me', {}, 'participants.me', []],
  ['POST /v1/auth/register', {}, 'participants.register', []],
  ['GET /v1/directory/participants', { query: 'include_federated=true&type=federated' }, 'participants.directory', [{ ...PAGE, q: null, type: 'federated', includeFederated: true }]],
  ['GET /v1/presence', { query: `ids=${UUID},${UUID}` }, 'presence.get', [[UUID, UUID]]],
  ['GET /v1/presence', {}, 'presence.get', [[]]],
  ['PUT /v1/presence', { body: { presence: 'busy' } }, 'presence.set', ['busy']],
  ['GET /v1/prompt-studio/access', {}, 'promptStudio.access', []],
  ['GET /v1/prompt-studio/templates', {}, 'promptStudio.templates', []],
  ['PUT /v1/prompt-studio/templates', { body: { system_prompt_templates: [{ name: 'n', prompt: 'p' }] } }, 'promptStudio.saveTemplates', [[{ name: 'n', prompt: 'p' }]]],
  ['GET /v1/media', { query: 'limit=7' }, 'media.list', [{ limit: 7, offset: 0 }]],
  ['GET /v1/media/{media_id}/info', {}, 'media.info', [media]],
  ['GET /v1/media/download/{media_id}', {}, 'media.download', [media]],
  ['GET /v1/media/signed/{media_id}', {}, 'media.link', [media, 300_000]],
  ['GET /v1/media/signed/{media_id}', { query: 'expires_in=60' }, 'media.link', [media, 60_000]],
  ['DELETE /v1/media/{media_id}', {}, 'media.remove', [media]],
  ['PUT /v1/typing', { body: { room_id: room, typing: true } }, 'presence.typing', [room, true]],
];

const ADMIN_CASES: readonly Case[] = [
  ['GET /v1/admin/federation/identity', {}, 'federationAdmin.identity', []],
  ['GET /v1/admin/federation/peers', {}, 'federationAdmin.peers', [PAGE]],
  ['POST /v1/admin/federation/peers/{server}/pin', { body: { fingerprint: 'a'.repeat(64) } }, 'federationAdmin.pinPeer', ['b.example', 'a'.repeat(64)]],
  ['POST /v1/admin/federation/foreign/{participant_id}/refresh', {}, 'federationAdmin.refreshForeign', [UUID]],
  ['GET /v1/admin/federation/policy', {}, 'federationAdmin.policy', []],
  ['PUT /v1/admin/federation/policy', { body: { allowed_peers: ['b.example'] } }, 'federationAdmin.changePolicy', [{ allowedPeers: ['b.example'] }]],
  ['PUT /v1/admin/federation/policy', { body: { default_mode: 'open', denied_peers: [], max_foreign_participants_per_room: 50, max_backfill_events_per_request: 0 } }, 'federationAdmin.changePolicy', [{ defaultMode: 'open', deniedPeers: [], maxForeignParticipantsPerRoom: 50, maxBackfillEventsPerRequest: 0 }]],
  ['GET /v1/admin/federation/rejections', {}, 'federationAdmin.rejections', [PAGE]],
  ['GET /v1/admin/rooms/{room_id}/federation', {}, 'federationAdmin.roomFederation', [room]],
  ['PUT /v1/admin/rooms/{room_id}/federate', { body: { enabled: true } }, 'federationAdmin.federateRoom', [room, true]],
  ['POST /v1/admin/rooms/{room_id}/federation/invite', { body: { fqid: '@bob:b.example' } }, 'federationAdmin.inviteForeign', [room, '@bob:b.example', null]],
  ['POST /v1/admin/rooms/{room_id}/federation/backfill', {}, 'federationAdmin.backfillRoom', [room, 1000]],
  ['POST /v1/admin/rooms/{room_id}/federation/leave', {}, 'federationAdmin.leaveFrozen', [room]],
  ['GET /v1/admin/media', {}, 'media.listAll', [PAGE]],
  ['DELETE /v1/admin/media/{media_id}', {}, 'media.remove', [media]],
  ['GET /v1/admin/stats', {}, 'overview.stats', []],
  ['GET /v1/admin/participants', { query: 'type=human&q=an&status=active' }, 'overview.participants', [{ ...PAGE, q: 'an', type: 'human', status: 'active' }]],
  ['GET /v1/admin/tenants', { query: 'status=suspended&partner_id=prt_1' }, 'tenantsAdmin.list', [{ ...PAGE, status: 'suspended', partnerId: 'prt_1' }]],
  ['POST /v1/admin/tenants', { body: { slug: 'a', name: 'A', scaikey_tenant_id: 'tnt_a' } }, 'tenantsAdmin.create', [{ slug: 'a', name: 'A', scaikeyTenantId: 'tnt_a', serverName: undefined, partnerId: undefined, limits: {}, features: {} }]],
  ['POST /v1/admin/tenants', { body: { slug: 'a', name: 'A', scaikey_tenant_id: 'tnt_a', server_name: 'a.b', partner_id: null, limits: { max_rooms: 1 }, features: { own: 1 } } }, 'tenantsAdmin.create', [{ slug: 'a', name: 'A', scaikeyTenantId: 'tnt_a', serverName: 'a.b', partnerId: null, limits: { max_rooms: 1 }, features: { own: 1 } }]],
  ['GET /v1/admin/tenants/{tenant_id}', {}, 'tenantsAdmin.get', [UUID]],
  ['PATCH /v1/admin/tenants/{tenant_id}', { body: { name: 'B', limits: { max_rooms: null }, features: { own: null } } }, 'tenantsAdmin.change', [UUID, { name: 'B', limits: { max_rooms: null }, features: { own: null } }]],
  ['POST /v1/admin/tenants/{tenant_id}/suspend', {}, 'tenantsAdmin.suspend', [UUID]],
  ['POST /v1/admin/tenants/{tenant_id}/resume', {}, 'tenantsAdmin.resume', [UUID]],
  ['GET /v1/admin/partners', {}, 'partners.list', [PAGE]],
  ['POST /v1/admin/partners', { body: { partner_id: 'prt_1', name: 'P', limits: { max_tenants: 2 } } }, 'partners.create', [{ id: 'prt_1', name: 'P', maxTenants: 2 }]],
  ['GET /v1/admin/partners/{partner_id}', {}, 'partners.get', ['prt_1']],
  ['PUT /v1/admin/partners/{partner_id}', { body: { status: 'suspended', limits: { max_tenants: null } } }, 'partners.change', ['prt_1', { status: 'suspended', maxTenants: null }]],
  ['GET /v1/admin/partners/{partner_id}/usage', { query: 'month=2026-11' }, 'fleetUsage.ofMonth', ['prt_1', '2026-11', { month: '2026-11', limit: 10_000, offset: 0 }]],
  ['GET /v1/admin/partners/{partner_id}/tenants', {}, 'partners.tenants', ['prt_1', PAGE]],
  ['GET /v1/admin/bridges', {}, 'bridgesAdmin.list', [PAGE]],
  ['POST /v1/admin/bridges', { body: { transport: 'custom', direction: 'both', room_id: room, name: 'b', outbound_webhook: 'https://x.example/', extra_setting: 1 } }, 'bridgesAdmin.create', [{ transport: 'custom', direction: 'both', name: 'b', outboundWebhook: 'https://x.example/', settings: { extra_setting: 1 }, roomId: room }]],
  ['GET /v1/admin/bridges/{bridge_id}', {}, 'bridgesAdmin.get', [bridge]],
  ['DELETE /v1/admin/bridges/{bridge_id}', {}, 'bridgesAdmin.remove', [bridge]],
  ['POST /v1/admin/bridges/{bridge_id}/pause', {}, 'bridgesAdmin.pause', [bridge]],
  ['POST /v1/admin/bridges/{bridge_id}/resume', {}, 'bridgesAdmin.resume', [bridge, 'here']],
  ['POST /v1/admin/bridges/{bridge_id}/rotate-secret', {}, 'bridgesAdmin.rotateSecret', [bridge, 300_000]],
  ['POST /v1/admin/bridges/{bridge_id}/rotate-secret', { body: { grace_seconds: 0 } }, 'bridgesAdmin.rotateSecret', [bridge, 0]],
  ['GET /v1/admin/bridges/{bridge_id}/deliveries', { query: 'state=parked' }, 'bridgesAdmin.deliveries', [bridge, { ...PAGE, state: 'parked' }]],
  ['POST /v1/admin/bridges/{bridge_id}/deliveries/{delivery_id}/replay', {}, 'bridgesAdmin.replay', [bridge, PARAMS.delivery_id]],
  ['GET /v1/admin/audit', { query: 'act=bridge.*&actor=cli&limit=7&from=9' }, 'audit.list', [
    { actor: 'cli', act: null, actPrefix: 'bridge.', target: null, sinceMs: null, untilMs: null },
    { limit: 7, from: 9 },
  ]],
  ['GET /v1/admin/audit/export', { query: 'act=bridge.paused&target=x&since=1970-01-01T00:00:01Z&until=1970-01-01T00:00:01.500Z' }, 'audit.export', [
    { actor: null, act: 'bridge.paused', actPrefix: null, target: 'x', sinceMs: 1000, untilMs: 1500 },
  ]],
  ['GET /v1/admin/ai-config', {}, 'aiConfig.get', []],
  ['PUT /v1/admin/ai-config', { body: {} }, 'aiConfig.change', [{}]],
  ['PUT /v1/admin/ai-config', { body: { default_model: null, enabled_models: ['maker/model'], system_prompt_templates: [{ name: 'n', prompt: 'p' }], scaigrid_auth_mode: 'service_token', scaigrid_api_key: null } }, 'aiConfig.change', [{ defaultModel: null, enabledModels: ['maker/model'], promptTemplates: [{ name: 'n', prompt: 'p' }], authMode: 'service_token', apiKey: null }]],
  ['GET /v1/admin/models/catalog', {}, 'aiModels.catalog', [PAGE]],
  ['POST /v1/admin/models/{slug}/enable', {}, 'aiModels.enable', ['maker/model']],
  ['POST /v1/admin/models/{slug}/disable', {}, 'aiModels.disable', ['maker/model']],
  ['PUT /v1/admin/models/{slug}/participant', { body: { local_id: 'helper', display_name: 'H', system_prompt: null, default_response_mode: 'streaming', enabled: false } }, 'aiModels.configureParticipant', ['maker/model', { localId: 'helper', displayName: 'H', systemPrompt: null, responseMode: 'streaming', enabled: false }]],
  ['POST /v1/admin/participants/model', { body: { model_id: 'model', local_id: 'helper', display_name: 'H' } }, 'aiModels.createParticipant', ['model', { localId: 'helper', displayName: 'H' }]],
  ['GET /v1/admin/prompt-studio', {}, 'promptStudio.state', []],
  ['PUT /v1/admin/prompt-studio', { body: { enabled: true, allowlist: ['member', UUID] } }, 'promptStudio.change', [{ enabled: true, allowlist: ['member', UUID] }]],
];

describe('the table of routes', () => {
  const asked: Asked[] = [];
  const routes = routeTable(recordingApis(asked));
  const gate = makeGate({ authenticator: roleTokens, acting: noCustomers, rates: processRates(), parseJson: parseStrictJson, contract, checkReplies: false });

  beforeEach(() => asked.splice(0));

  function routeOf(name: string): Route {
    const found = routes.find(({ method, path }) => `${method} ${path}` === name);
    if (found === undefined) throw new Error(`no route ${name}`);
    return found;
  }

  function callOf(route: Route, token: string, { query, body }: Given): Call {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return {
      requestId: 'test',
      method: route.method,
      target: query === undefined ? route.path : `${route.path}?${query}`,
      params: PARAMS,
      headers: { authorization: `Bearer ${token}`, ...(bytes && { 'content-type': 'application/json' }) },
      remoteAddress: '203.0.113.1',
      signal: () => SIGNAL,
      readBody: async () => bytes,
      openBody: noBody,
      counted: () => undefined,
    };
  }

  async function codeOf(route: Route, token: string, given: Given = {}): Promise<string> {
    const outcome: unknown = await route.run(callOf(route, token, given), gate).catch((error: unknown) => error);
    return outcome instanceof GatewayError ? outcome.code : 'taken';
  }

  for (const [token, cases] of [['member', USER_CASES], ['super_admin', ADMIN_CASES]] as const) {
    for (const [name, given, of, args] of cases) {
      it(`asks ${of} on ${name}${given.query === undefined ? '' : `?${given.query}`}`, async () => {
        const route = routeOf(name);
        await route.run(callOf(route, token, given), gate);
        expect(asked.map(({ of: part }) => part)).to.deep.equal([of]);
        expect(asked[0]?.args[0]).to.have.property('participantId');
        expect(asked[0]?.args.slice(1)).to.deep.equal(args);
      });
    }
  }

  it('asks media.upload on POST /v1/media/upload, with what the query says of the body', async () => {
    const route = routeOf('POST /v1/media/upload');
    const body = { ...noBody(), lengthBytes: 7 };
    await route.run({ ...callOf(route, 'member', { query: 'name=a+b.txt&tenant_scope=true' }), openBody: () => body }, gate);
    const [asking] = asked;
    expect(asking?.of).to.equal('media.upload');
    const upload = asking?.args[1] as Upload;
    expect(upload).to.include({ name: 'a b.txt', expectedBytes: 7, chunks: body.chunks });
    expect(upload.tenantScope()).to.equal(true);
  });

  it('lets in nobody without a token where a person is needed', async () => {
    for (const route of routes.filter(({ who }) => !['nobody', 'peer', 'bridge', 'scaikey', 'sidekick'].includes(who))) {
      if (route.responseKind !== 'stream') expect(await codeOf(route, 'none'), route.path).to.equal('SW_AUTH_INVALID_TOKEN');
    }
    expect(asked).to.deep.equal([]);
  });

  it('lets no member administer', async () => {
    const administration = routes.filter(({ path }) => path.startsWith('/v1/admin/'));
    expect(administration.length).to.be.above(15);
    for (const route of administration) expect(await codeOf(route, 'member'), route.path).to.equal('SW_AUTH_INSUFFICIENT_PERMISSION');
    expect(asked).to.deep.equal([]);
  });

  it('has a case here for every call of a person', () => {
    const tried = new Set([...USER_CASES, ...ADMIN_CASES].map(([name]) => name));
    const untried = routes
      .filter(({ who, responseKind, takesFile }) => !['nobody', 'peer', 'bridge', 'scaikey', 'sidekick'].includes(who) && responseKind !== 'stream' && takesFile !== true)
      .map(({ method, path }) => `${method} ${path}`)
      .filter((name) => !tried.has(name));
    expect(untried).to.deep.equal([]);
  });

  const refused: readonly (readonly [title: string, name: string, given: Given, code: string])[] = [
    ['an incognito room that is public', 'POST /v1/rooms', { body: { room_type: 'public', scope_kind: 'incognito' } }, 'SW_ROOM_TYPE_INVARIANT'],
    ['a group that is public', 'POST /v1/rooms', { body: { room_type: 'group', is_public: true } }, 'SW_ROOM_TYPE_INVARIANT'],
    ['a room with a history of its own kind', 'POST /v1/rooms', { body: { history: 'yesterday' } }, 'SW_BAD_SCHEMA'],
    ['a room made as a direct one', 'POST /v1/rooms', { body: { room_type: 'dm' } }, 'SW_BAD_SCHEMA'],
    ['a name that is too long', 'PUT /v1/rooms/{room_id}/name', { body: { name: 'x'.repeat(LIMITS.nameCharsMax + 1) } }, 'SW_BAD_SCHEMA'],
    ['an empty name', 'PUT /v1/rooms/{room_id}/name', { body: { name: '' } }, 'SW_BAD_SCHEMA'],
    ['a person twice', 'POST /v1/rooms/{room_id}/kick', { body: { participant_id: UUID, fqid: '@bob:b.example' } }, 'SW_BAD_SCHEMA'],
    ['nobody', 'POST /v1/rooms/{room_id}/kick', { body: {} }, 'SW_BAD_SCHEMA'],
    ['power beyond 100', 'PUT /v1/rooms/{room_id}/members/{participant_id}/power-level', { body: { power_level: 101 } }, 'SW_BAD_SCHEMA'],
    ['more messages than a page', 'GET /v1/rooms/{room_id}/messages', { query: 'limit=201' }, 'SW_BAD_REQUEST'],
    ['a wait that is no number', 'GET /v1/sync', { query: 'timeout=long' }, 'SW_BAD_REQUEST'],
    ['a reply to what is no event id', 'POST /v1/rooms/{room_id}/send', { body: { content: { body: 'x', reply_to_event_id: 'evt-1' } } }, 'SW_BAD_SCHEMA'],
    ['presence of somebody unnamed', 'GET /v1/presence', { query: 'ids=bob' }, 'SW_BAD_REQUEST'],
  ];
  for (const [title, name, given, code] of refused) {
    it(`refuses ${title} with ${code}, asking nobody`, async () => {
      expect(await codeOf(routeOf(name), 'member', given)).to.equal(code);
      expect(asked).to.deep.equal([]);
    });
  }

  it("asks sidekickReports.report with the token of the call, whoever's it is, and refuses a call without one", async () => {
    const route = routeOf('POST /v1/sidekicks/{task_id}/report');
    const call = callOf(route, 'whatever', { body: { status: 'done', result: 'r' } });
    await route.run(call, gate);
    expect(asked).to.deep.equal([{ of: 'sidekickReports.report', args: [PARAMS.task_id, 'whatever', { status: 'done', progress: null, result: 'r', error: null, steps: null, tokens: null, eventUuid: null }] }]);
    const outcome: unknown = await route.run({ ...call, headers: { 'content-type': 'application/json' } }, gate).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(GatewayError).with.property('code', 'SW_SIDEKICK_TOKEN');
  });

  it('tells a stranger to a bridge nothing, not even that the id is none', async () => {
    const route = routeOf('POST /v1/bridges/{bridge_id}/inbound');
    const call = callOf(route, 'none', { body: {} });
    const outcome: unknown = await route.run({ ...call, params: { bridge_id: '1' } }, gate).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(GatewayError).with.property('code', 'SW_BRIDGE_SIGNATURE');
  });

  it('answers 503 with the same body while the node is not ready', async () => {
    const unready: OpsApi = {
      health: () => ({ status: 'ok', version: '0' }),
      ready: async () => ({ ready: false, parts: { postgres: false } }),
      metrics: async () => '',
    };
    const route = opsRoutes(unready).find(({ path }) => path === '/ready');
    expect(await route?.run(callOf(route, 'none', {}), gate)).to.include({ status: 503, body: '{"ready":false,"parts":{"postgres":false}}' });
  });
});
