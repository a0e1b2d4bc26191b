import { expect } from 'chai';
import { actingRoutes } from '../../src/http/routes/acting.js';
import { routeTable } from '../../src/http/routes/table.js';
import type { Route, Who } from '../../src/http/route.js';
import { ROLES, roleReaches, type Role } from '../../src/kernel/caller.js';
import { ACME, FleetWorld, OTHER, type Tenant } from '../support/fleet-world.js';
import { recordingApis } from '../support/recording-apis.js';

/** Who may call what: every route by the least that its caller must be. A new route is added here by hand. */
const LEAST: Readonly<Record<Who, readonly string[]>> = {
  peer: [
    'POST /_scaiwave/federation/v1/send',
    'GET /_scaiwave/federation/v1/profile/{local_id}',
    'GET /_scaiwave/federation/v1/rooms/{room_id}/members',
    'GET /_scaiwave/federation/v1/rooms/{room_id}/backfill',
  ],
  nobody: [
    'GET /.well-known/scaiwave/server',
    'GET /v1/auth/config',
    'GET /v1/media/links/{token}',
    'GET /health',
    'GET /ready',
    'GET /metrics',
  ],
  bridge: [
    'POST /v1/bridges/{bridge_id}/inbound',
  ],
  member: [
    'POST /v1/rooms/{room_id}/send',
    'GET /v1/rooms/{room_id}/messages',
    'POST /v1/rooms/{room_id}/events/{event_id}/edit',
    'POST /v1/rooms/{room_id}/events/{event_id}/redact',
    'POST /v1/rooms/{room_id}/events/{event_id}/reactions',
    'DELETE /v1/rooms/{room_id}/events/{event_id}/reactions/{emoji}',
    'GET /v1/sync',
    'GET /v1/stream',
    'POST /v1/rooms',
    'POST /v1/rooms/dm',
    'POST /v1/me/federated-dms',
    'GET /v1/rooms',
    'GET /v1/rooms/archived',
    'GET /v1/directory/alias/{alias}',
    'GET /v1/directory/rooms',
    'GET /v1/rooms/{room_id}',
    'GET /v1/rooms/{room_id}/state',
    'PUT /v1/rooms/{room_id}/name',
    'PUT /v1/rooms/{room_id}/topic',
    'POST /v1/rooms/{room_id}/archive',
    'POST /v1/rooms/{room_id}/unarchive',
    'POST /v1/rooms/{room_id}/close',
    'GET /v1/rooms/{room_id}/members',
    'POST /v1/rooms/{room_id}/join',
    'POST /v1/rooms/{room_id}/rejoin',
    'POST /v1/rooms/{room_id}/leave',
    'POST /v1/rooms/{room_id}/invite',
    'POST /v1/rooms/{room_id}/invitations',
    'POST /v1/rooms/{room_id}/kick',
    'POST /v1/rooms/{room_id}/ban',
    'POST /v1/rooms/{room_id}/unban',
    'PUT /v1/rooms/{room_id}/members/{participant_id}/power-level',
    'GET /v1/invitations',
    'POST /v1/invitations/{invitation_id}/accept',
    'POST /v1/invitations/{invitation_id}/decline',
    'GET /v1/me',
    'POST /v1/auth/register',
    'GET /v1/directory/participants',
    'GET /v1/presence',
    'PUT /v1/presence',
    'PUT /v1/typing',
    'PUT /v1/rooms/{room_id}/plan',
    'GET /v1/rooms/{room_id}/plan',
    'GET /v1/rooms/{room_id}/plans',
    'POST /v1/rooms/{room_id}/plan/pause',
    'POST /v1/rooms/{room_id}/plan/resume',
    'POST /v1/rooms/{room_id}/plan/cancel',
    'POST /v1/rooms/{room_id}/sidekicks',
    'GET /v1/rooms/{room_id}/sidekicks',
    'GET /v1/rooms/{room_id}/sidekicks/{task_id}',
    'POST /v1/rooms/{room_id}/sidekicks/{task_id}/cancel',
    'GET /v1/sidekicks',
    'GET /v1/prompt-studio/access',
    'GET /v1/prompt-studio/templates',
    'PUT /v1/prompt-studio/templates',
    'POST /v1/media/upload',
    'GET /v1/media/{media_id}/info',
    'GET /v1/media/download/{media_id}',
    'GET /v1/media/signed/{media_id}',
    'GET /v1/media',
    'DELETE /v1/media/{media_id}',
  ],
  sidekick: [
    'POST /v1/sidekicks/{task_id}/report',
  ],
  tenant_admin: [
    'GET /v1/admin/federation/identity',
    'GET /v1/admin/federation/peers',
    'POST /v1/admin/federation/peers/{server}/pin',
    'POST /v1/admin/federation/foreign/{participant_id}/refresh',
    'GET /v1/admin/federation/policy',
    'PUT /v1/admin/federation/policy',
    'GET /v1/admin/federation/rejections',
    'GET /v1/admin/rooms/{room_id}/federation',
    'PUT /v1/admin/rooms/{room_id}/federate',
    'POST /v1/admin/rooms/{room_id}/federation/invite',
    'POST /v1/admin/rooms/{room_id}/federation/backfill',
    'POST /v1/admin/rooms/{room_id}/federation/leave',
    'GET /v1/admin/bridges',
    'POST /v1/admin/bridges',
    'GET /v1/admin/bridges/{bridge_id}',
    'DELETE /v1/admin/bridges/{bridge_id}',
    'POST /v1/admin/bridges/{bridge_id}/pause',
    'POST /v1/admin/bridges/{bridge_id}/resume',
    'POST /v1/admin/bridges/{bridge_id}/rotate-secret',
    'GET /v1/admin/bridges/{bridge_id}/deliveries',
    'POST /v1/admin/bridges/{bridge_id}/deliveries/{delivery_id}/replay',
    'GET /v1/admin/ai-config',
    'PUT /v1/admin/ai-config',
    'GET /v1/admin/models/catalog',
    'POST /v1/admin/models/{slug}/enable',
    'POST /v1/admin/models/{slug}/disable',
    'PUT /v1/admin/models/{slug}/participant',
    'POST /v1/admin/participants/model',
    'GET /v1/admin/prompt-studio',
    'PUT /v1/admin/prompt-studio',
    'GET /v1/admin/media',
    'DELETE /v1/admin/media/{media_id}',
    'GET /v1/admin/audit',
    'GET /v1/admin/audit/export',
    'GET /v1/admin/stats',
    'GET /v1/admin/participants',
  ],
  scaikey: [
    'POST /v1/webhooks/scaikey',
  ],
  partner_admin: [
    'GET /v1/admin/tenants',
    'POST /v1/admin/tenants',
    'GET /v1/admin/tenants/{tenant_id}',
    'PATCH /v1/admin/tenants/{tenant_id}',
    'POST /v1/admin/tenants/{tenant_id}/suspend',
    'POST /v1/admin/tenants/{tenant_id}/resume',
    'GET /v1/admin/partners',
    'GET /v1/admin/partners/{partner_id}',
    'PUT /v1/admin/partners/{partner_id}',
    'GET /v1/admin/partners/{partner_id}/tenants',
    'GET /v1/admin/partners/{partner_id}/usage',
  ],
  super_admin: [
    'POST /v1/admin/partners',
  ],
};

const REFUSED = 'SW_AUTH_INSUFFICIENT_PERMISSION';
const OUTSIDE = ['SW_TENANT_NOT_FOUND', 'SW_PARTNER_NOT_FOUND'];

/** Where the routes and the list differ. */
function listFaults(routes: readonly Pick<Route, 'method' | 'path' | 'who'>[]): readonly string[] {
  const listed: ReadonlyMap<string, string> = new Map(Object.entries(LEAST).flatMap(([who, names]) => names.map((name) => [name, who] as const)));
  const asked: ReadonlyMap<string, string> = new Map(routes.map(({ method, path, who }) => [`${method} ${path}`, who] as const));
  return [
    ...[...asked].filter(([name, who]) => listed.get(name) !== who).map(([name, who]) => `${name} asks for ${who}, the list for ${listed.get(name) ?? 'nobody known'}`),
    ...[...listed.keys()].filter((name) => !asked.has(name)).map((name) => `${name} is in the list alone`),
  ];
}

describe('roles and routes', function () {
  this.timeout(120_000);
  const routes = routeTable(recordingApis([]));
  const acting = actingRoutes(routes);
  let world: FleetWorld;
  let mine: Tenant;
  let theirs: Tenant;

  before(async () => {
    world = await FleetWorld.open();
    [mine, theirs] = [await world.tenant(ACME), await world.tenant(OTHER)];
  });
  after(() => world.end());

  const tokenOf = (role: Role): string => `mock:first:${role.replace('_', '-')}:${role}${role === 'partner_admin' ? ':prt_acme' : ''}`;

  /** What becomes of a call whose ids, but those given, are none: whoever is let in is told that they are malformed. */
  async function codeOf({ method, path }: Route, role: Role, ids: Readonly<Record<string, string>> = {}): Promise<string | number> {
    const filled = path.replace(/\{([a-z_]+)\}/g, (_all, name: string) => ids[name] ?? '~');
    // News are asked for, and not waited for.
    const query = path.endsWith('/sync') ? '?timeout=0' : '';
    const response = await fetch(`${world.gateway.url}${filled}${query}`, { method, headers: { authorization: `Bearer ${tokenOf(role)}` } });
    const text = await response.text();
    return response.status >= 300 ? ((JSON.parse(text) as { error: { code: string } }).error.code) : response.status;
  }

  it('are all in the list, each with the least that its caller must be', () => {
    expect(listFaults(routes)).to.deep.equal([]);
    expect(Object.values(LEAST).flat()).to.have.length(routes.length);
  });

  it('are seen to be wrong when one is new, gone, or open to more people than the list says', () => {
    const first = routes.find(({ who }) => who === 'super_admin');
    if (first === undefined) throw new Error('a route of the platform');
    const name = `${first.method} ${first.path}`;
    expect(listFaults([...routes, { ...first, path: '/v1/admin/planted' }])).to.deep.equal(['POST /v1/admin/planted asks for super_admin, the list for nobody known']);
    expect(listFaults(routes.filter((route) => route !== first))).to.deep.equal([`${name} is in the list alone`]);
    expect(listFaults(routes.map((route) => (route === first ? { ...first, who: 'partner_admin' } : route)))).to.deep.equal([`${name} asks for partner_admin, the list for super_admin`]);
    expect(listFaults(routes.map((route) => (route === first ? { ...first, who: 'nobody' } : route)))).to.deep.equal([`${name} asks for nobody, the list for super_admin`]);
  });

  for (const role of ROLES) {
    it(`let a ${role} do what a ${role} may in the own tenant, and nothing else`, async () => {
      for (const route of routes) {
        const needed = ROLES.find((one) => one === route.who);
        // A stream is no answer; who may open one is shown by its own tests.
        if (needed === undefined || route.responseKind === 'stream') continue;
        const code = await codeOf(route, role);
        if (roleReaches(role, needed)) expect(code, `${route.method} ${route.path}`).not.to.equal(REFUSED);
        else expect(code, `${route.method} ${route.path}`).to.equal(REFUSED);
      }
    });

    it(`let a ${role} do for a customer what a ${role} may, and for another partner's none`, async () => {
      for (const route of acting) {
        const [own, foreign, crossed] = [
          await codeOf(route, role, { partner_id: 'prt_acme', tenant_id: mine.id }),
          await codeOf(route, role, { partner_id: 'prt_other', tenant_id: theirs.id }),
          await codeOf(route, role, { partner_id: 'prt_acme', tenant_id: theirs.id }),
        ];
        const name = `${route.method} ${route.path}`;
        if (!roleReaches(role, 'partner_admin')) expect([own, foreign, crossed], name).to.deep.equal([REFUSED, REFUSED, REFUSED]);
        else {
          expect([REFUSED, ...OUTSIDE], name).not.to.include(own);
          expect(crossed, name).to.equal('SW_TENANT_NOT_FOUND');
          if (role === 'super_admin') expect([REFUSED, ...OUTSIDE], name).not.to.include(foreign);
          else expect(foreign, name).to.equal('SW_PARTNER_NOT_FOUND');
        }
      }
    });
  }
});
