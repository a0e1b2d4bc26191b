import { expect } from 'chai';
import { openAdmin } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { ACME, FleetWorld, OTHER, ROOT, type Tenant } from '../../support/fleet-world.js';
import { outcome } from '../../support/fixtures.js';
import { eventually } from '../../support/gateway.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';
import { MEGABYTE, putRaw, request, seen } from '../../support/uploads.js';

const NO_PARTNER = 'mock:first:nobody:partner_admin';
const GHOST = 'mock:first:ghost:partner_admin:prt_ghost';

describe('tenants of a fleet', function () {
  this.timeout(60_000);
  let world: FleetWorld;

  before(async () => {
    world = await FleetWorld.open();
  });
  after(() => world.end());

  const patched = (tenant: Tenant, patch: unknown, by = ACME): Promise<Tenant> => world.gateway.ask<Tenant>(by, 'PATCH', `/v1/admin/tenants/${tenant.id}`, patch);

  describe('are made', () => {
    it('by a partner admin, in the own fleet, under the node’s own server name', async () => {
      const tenant = await world.tenant();
      expect(tenant).to.deep.include({ partner_id: 'prt_acme', server_name: `${tenant.slug}.a.example`, status: 'active', own_limits: {}, features: {} });
      expect(await world.outcome(`mock:${tenant.slug}:eve`, 'GET', '/v1/me')).to.equal(200);
    });

    it('with limits and features from the first moment', async () => {
      const tenant = await world.tenant(ACME, { limits: { max_rooms: 3 }, features: { prompt_studio: { enabled: true } } });
      expect(tenant.limits).to.include({ max_rooms: 3, max_participants: 100 });
      expect(tenant.own_limits).to.deep.equal({ max_rooms: 3 });
      expect(await world.gateway.ask(`mock:${tenant.slug}:eve`, 'GET', '/v1/me')).to.have.nested.property('tenant.features.prompt_studio.enabled', true);
    });

    it('by the platform for any partner, for none, and with any server name', async () => {
      expect(await world.tenant(ROOT, { partner_id: 'prt_other' })).to.include({ partner_id: 'prt_other' });
      expect(await world.tenant(ROOT, { server_name: 'chat.customer.example' })).to.include({ partner_id: null, server_name: 'chat.customer.example' });
    });

    const refused: readonly (readonly [why: string, by: string, more: object, code: string])[] = [
      ['for another partner', ACME, { partner_id: 'prt_other' }, 'SW_PARTNER_NOT_FOUND'],
      ['for a partner that is not there', ROOT, { partner_id: 'prt_ghost' }, 'SW_PARTNER_NOT_FOUND'],
      ['under a server name out of the node’s domain, by a partner', ACME, { server_name: 'b.example' }, 'SW_AUTH_INSUFFICIENT_PERMISSION'],
      ['under a server name of two labels, by a partner', ACME, { server_name: 'x.y.a.example' }, 'SW_AUTH_INSUFFICIENT_PERMISSION'],
      ['by a partner admin without a partner', NO_PARTNER, {}, 'SW_AUTH_INSUFFICIENT_PERMISSION'],
      ['by a partner admin whose partner is not there', GHOST, {}, 'SW_AUTH_INSUFFICIENT_PERMISSION'],
      ['by a tenant admin', 'admin', {}, 'SW_AUTH_INSUFFICIENT_PERMISSION'],
      ['with a slug that is taken', ACME, { slug: 'first' }, 'SW_TENANT_NAME_TAKEN'],
      ['with a known flag of the wrong type', ACME, { features: { prompt_studio: { enabled: 'yes' } } }, 'SW_BAD_SCHEMA'],
      ['with a limit that there is not', ACME, { limits: { max_everything: 1 } }, 'SW_BAD_SCHEMA'],
    ];
    for (const [why, by, more, code] of refused) {
      it(`not ${why}`, async () => {
        const body = { slug: 'refused', name: 'Refused', scaikey_tenant_id: 'tnt_refused', ...more };
        expect(await world.outcome(by, 'POST', '/v1/admin/tenants', body)).to.equal(code);
        expect(await world.outcome('mock:refused:eve', 'GET', '/v1/me')).to.equal('SW_TENANT_NOT_FOUND');
      });
    }

    it('exactly as many as the partner may have, of 40 at once', async () => {
      await world.gateway.ask(ROOT, 'POST', '/v1/admin/partners', { partner_id: 'prt_small', name: 'Small', limits: { max_tenants: 3 } });
      const by = 'mock:first:sam:partner_admin:prt_small';
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, n) => world.outcome(by, 'POST', '/v1/admin/tenants', { slug: `small-${n}`, name: 'Small', scaikey_tenant_id: `tnt_small_${n}` })),
      );
      expect(outcomes.filter((one) => one === 200)).to.have.length(3);
      expect(new Set(outcomes)).to.deep.equal(new Set([200, 'SW_PARTNER_CAPACITY']));
      expect(await world.gateway.ask(by, 'GET', '/v1/admin/partners/prt_small')).to.have.deep.property('tenants', { used: 3, limit: 3 });
      await world.gateway.ask(ROOT, 'PUT', '/v1/admin/partners/prt_small', { limits: { max_tenants: 4 } });
      expect(await world.outcome(by, 'POST', '/v1/admin/tenants', { slug: 'small-more', name: 'Small', scaikey_tenant_id: 'tnt_small_more' })).to.equal(200);
    });
  });

  describe('are changed by a merge patch', () => {
    it('of name, limits and features; what is not named stays', async () => {
      const tenant = await world.tenant(ACME, { limits: { max_rooms: 3 }, features: { own: { kept: 1, gone: 2 } } });
      const after = await patched(tenant, { name: 'Renamed', limits: { max_participants: 7 }, features: { own: { gone: null, come: [1] }, prompt_studio: { enabled: true } } });
      expect(after).to.deep.include({ name: 'Renamed', own_limits: { max_rooms: 3, max_participants: 7 }, features: { own: { kept: 1, come: [1] }, prompt_studio: { enabled: true } } });
    });

    it('in which null takes a limit back to its default', async () => {
      const tenant = await world.tenant(ACME, { limits: { max_rooms: 3, ai_tokens_monthly_limit: 10 } });
      const after = await patched(tenant, { limits: { max_rooms: null } });
      expect(after.own_limits).to.deep.equal({ ai_tokens_monthly_limit: 10 });
      expect(after.limits).to.include({ max_rooms: 500 });
    });

    it('or at the command line, which tells the limit in force where a flag takes its place', async () => {
      const tenant = await world.tenant(ACME, { features: { sidekick_limits: { max_concurrent: 2 } } });
      const admin = await openAdmin(loadConfig({ SCAIWAVE_DB_URL: world.gateway.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_LOG_LEVEL: 'silent' }));
      try {
        const told = [['max_sidekicks', 7], ['max_rooms', 7], ['max_rooms', null], ['ai_tokens_monthly_limit', 2_000_000_000], ['ai_tokens_monthly_limit', null]] as const;
        const inForce: (number | null)[] = [];
        for (const [limit, value] of told) inForce.push(await admin.setLimit(tenant.slug, limit, value));
        expect(inForce).to.deep.equal([2, 7, 500, 2_000_000_000, null]);
        for (const [limit, most] of [['max_rooms', LIMITS.tenantLimitMax], ['max_plan_steps', LIMITS.planStepsMax]] as const) {
          expect(await outcome(() => admin.setLimit(tenant.slug, limit, most + 1)), limit).to.equal('SW_BAD_REQUEST');
        }
        await patched(tenant, { features: { sidekick_limits: null } });
        expect(await admin.setLimit(tenant.slug, 'max_sidekicks', 7)).to.equal(7);
      } finally {
        await admin.close();
      }
    });

    it('sent as application/merge-patch+json too', async () => {
      const tenant = await world.tenant();
      const response = await fetch(`${world.gateway.url}/v1/admin/tenants/${tenant.id}`, {
        method: 'PATCH', headers: { authorization: `Bearer ${ACME}`, 'content-type': 'application/merge-patch+json' }, body: '{"name":"Merged"}',
      });
      expect(((await response.json()) as { data: Tenant }).data).to.include({ name: 'Merged' });
    });

    it('of which 20 at once all come in', async () => {
      const tenant = await world.tenant();
      await Promise.all(Array.from({ length: 20 }, (_, n) => patched(tenant, { features: { many: { [`flag_${n}`]: n } } })));
      const { features } = await world.gateway.ask<Tenant>(ACME, 'GET', `/v1/admin/tenants/${tenant.id}`);
      expect(Object.keys(features['many'] ?? {})).to.have.length(20);
    });

    const refused: readonly (readonly [why: string, patch: unknown])[] = [
      ['the slug', { slug: 'other' }],
      ['the server name', { server_name: 'b.a.example' }],
      ['the partner', { partner_id: 'prt_other' }],
      ['a limit below nothing', { limits: { max_rooms: -1 } }],
      ['its people out by a rate of nothing', { limits: { user_requests_per_minute: 0 } }],
      ['all of them together', { limits: { tenant_requests_per_minute: 0 } }],
      ['a limit beyond all bounds', { limits: { max_rooms: 1_000_000_001 } }],
      ['more steps of a plan than a plan may have', { limits: { max_plan_steps: 201 } }],
      ['a known flag to another type', { features: { sidekick_limits: { max_concurrent: 'many' } } }],
      ['the group of a known flag to no object', { features: { sidekick_limits: 5 } }],
      ['features beyond 16 KB', { features: { long: 'x'.repeat(17_000) } }],
      ['features beyond 8 levels', { features: { a: { b: { c: { d: { e: { f: { g: { h: {} } } } } } } } } }],
    ];
    it('to keep peers and bridges out by a rate of nothing', async () => {
      const rates = { peer_requests_per_minute: 0, bridge_requests_per_minute: 0 };
      expect((await patched(await world.tenant(), { limits: rates })).own_limits).to.deep.equal(rates);
    });

    for (const [what, patch] of refused) {
      it(`never ${what}`, async () => {
        const tenant = await world.tenant();
        expect(await world.outcome(ACME, 'PATCH', `/v1/admin/tenants/${tenant.id}`, patch)).to.equal('SW_BAD_SCHEMA');
        expect(await world.gateway.ask(ACME, 'GET', `/v1/admin/tenants/${tenant.id}`)).to.deep.include({ features: {}, own_limits: {} });
      });
    }

    it('lowered below use: what is there stays, more is refused, and raised it is had at once', async () => {
      const tenant = await world.tenant();
      const eve = `mock:${tenant.slug}:eve`;
      const room = (): Promise<string | number> => world.outcome(eve, 'POST', '/v1/rooms', { room_type: 'group', name: 'A room' });
      expect([await room(), await room()]).to.deep.equal([200, 200]);
      await patched(tenant, { limits: { max_rooms: 1 } });
      expect(await room()).to.equal('SW_TENANT_CAPACITY');
      expect(await world.gateway.ask<unknown[]>(eve, 'GET', '/v1/rooms')).to.have.length(2);
      const stats = `/v1/admin/stats`;
      expect(await world.gateway.ask(`mock:${tenant.slug}:eve:tenant_admin`, 'GET', stats)).to.deep.include({ rooms: { used: 2, limit: 1 }, sidekicks: { used: 0, limit: 10 } });
      await patched(tenant, { limits: { max_rooms: 3 } });
      expect([await room(), await room()]).to.deep.equal([200, 'SW_TENANT_CAPACITY']);
    });
  });

  it('show their admin who may sign in and who may not, and nobody else whom they barred', async () => {
    const tenant = await world.tenant();
    const [eve, adam] = [`mock:${tenant.slug}:eve:tenant_admin`, `mock:${tenant.slug}:adam`];
    await world.gateway.ask(adam, 'GET', '/v1/me');
    await world.gateway.ask(eve, 'GET', '/v1/me');
    await world.gateway.database.asOwner("update participants set status = 'deactivated' where tenant_id = $1 and local_id = 'adam'", [tenant.id]);
    const named = async (path: string): Promise<readonly string[]> => (await world.gateway.ask<{ local_id: string }[]>(eve, 'GET', path)).map((one) => one.local_id);
    expect(await named('/v1/admin/participants')).to.have.members(['adam', 'eve']);
    expect(await named('/v1/admin/participants?status=deactivated')).to.deep.equal(['adam']);
    expect(await named('/v1/admin/participants?status=active')).to.deep.equal(['eve']);
    expect(await named('/v1/directory/participants')).to.deep.equal(['eve']);
    expect(await world.outcome(eve, 'GET', '/v1/admin/participants?status=asleep')).to.equal('SW_BAD_REQUEST');
  });

  describe('are shown', () => {
    it('to a partner admin as far as the own fleet goes', async () => {
      const [mine, theirs] = [await world.tenant(ACME), await world.tenant(OTHER)];
      const listed = await world.gateway.ask<Tenant[]>(ACME, 'GET', '/v1/admin/tenants?limit=200');
      expect(listed.map(({ id }) => id)).to.include(mine.id).and.not.include(theirs.id);
      expect(new Set(listed.map((one) => one.partner_id))).to.deep.equal(new Set(['prt_acme']));
      const fleet = await world.gateway.ask<Tenant[]>(ACME, 'GET', '/v1/admin/partners/prt_acme/tenants?limit=200');
      expect(fleet).to.deep.equal(listed);
    });

    it('to the platform all, by partner and status', async () => {
      const theirs = await world.tenant(OTHER);
      const all = await world.gateway.ask<Tenant[]>(ROOT, 'GET', '/v1/admin/tenants?limit=200');
      expect(new Set(all.map((one) => one.partner_id))).to.include.keys('prt_acme', 'prt_other');
      expect((await world.gateway.ask<Tenant[]>(ROOT, 'GET', '/v1/admin/tenants?limit=200&partner_id=prt_other')).map(({ id }) => id)).to.include(theirs.id);
      expect(await world.gateway.ask(ACME, 'GET', '/v1/admin/tenants?partner_id=prt_other')).to.deep.equal([]);
      expect((await world.gateway.call(ROOT, 'GET', '/v1/admin/tenants?limit=1')).body.meta).to.deep.equal({ total: all.length });
    });

    for (const [title, by] of [['without a partner', NO_PARTNER], ['whose partner is not there', GHOST]] as const) {
      it(`to a partner admin ${title} not at all`, async () => {
        const tenant = await world.tenant();
        expect(await world.gateway.ask(by, 'GET', '/v1/admin/tenants')).to.deep.equal([]);
        expect(await world.gateway.ask(by, 'GET', '/v1/admin/partners')).to.deep.equal([]);
        expect(await world.outcome(by, 'GET', `/v1/admin/tenants/${tenant.id}`)).to.equal('SW_TENANT_NOT_FOUND');
      });
    }
  });

  it('that are suspended send what was asked for before to its end, and nothing after', async () => {
    const tenant = await world.tenant();
    const eve = `mock:${tenant.slug}:eve`;
    const bytes = Buffer.alloc(32 * MEGABYTE, 7);
    const { media_id } = seen(await putRaw(world.gateway, eve, bytes));
    const download = () => request(world.gateway, eve, 'GET', `/v1/media/download/${media_id}`);
    const response = await fetch(`${world.gateway.url}/v1/media/download/${media_id}`, { headers: { authorization: `Bearer ${eve}` } });
    const { url } = await world.gateway.ask<{ url: string }>(eve, 'GET', `/v1/media/signed/${media_id}`);
    await world.gateway.ask(ROOT, 'POST', `/v1/admin/tenants/${tenant.id}/suspend`);
    await eventually(async () => (await download()).code === 'SW_TENANT_SUSPENDED');
    expect(await request(world.gateway, null, 'GET', url), 'by a signed link').to.include({ status: 403, code: 'SW_TENANT_SUSPENDED' });
    expect((await response.arrayBuffer()).byteLength).to.equal(bytes.length);
  });

  describe('of a partner that is suspended', () => {
    it('go on, while its admins administer nothing', async () => {
      await world.gateway.ask(ROOT, 'POST', '/v1/admin/partners', { partner_id: 'prt_held', name: 'Held' });
      const by = 'mock:first:hal:partner_admin:prt_held';
      const tenant = await world.tenant(by);
      await world.gateway.ask(ROOT, 'PUT', '/v1/admin/partners/prt_held', { status: 'suspended' });
      for (const path of ['/v1/admin/tenants', '/v1/admin/partners/prt_held', `/v1/admin/tenants/${tenant.id}`]) expect(await world.outcome(by, 'GET', path), path).to.equal('SW_PARTNER_SUSPENDED');
      expect(await world.outcome(`mock:${tenant.slug}:eve`, 'GET', '/v1/me')).to.equal(200);
      expect(await world.outcome(ROOT, 'GET', `/v1/admin/tenants/${tenant.id}`)).to.equal(200);
    });
  });

  describe('partners', () => {
    it('are changed by their own admins in name, by the platform in status and limits', async () => {
      expect(await world.gateway.ask(ACME, 'PUT', '/v1/admin/partners/prt_acme', { name: 'Acme & Sons' })).to.include({ name: 'Acme & Sons' });
      for (const change of [{ status: 'suspended' }, { limits: { max_tenants: 1_000 } }]) {
        expect(await world.outcome(ACME, 'PUT', '/v1/admin/partners/prt_acme', change)).to.equal('SW_AUTH_INSUFFICIENT_PERMISSION');
      }
      expect(await world.outcome(ACME, 'PUT', '/v1/admin/partners/prt_other', { name: 'Mine now' })).to.equal('SW_PARTNER_NOT_FOUND');
      expect(await world.gateway.ask(ROOT, 'PUT', '/v1/admin/partners/prt_acme', { limits: { max_tenants: null } })).to.have.nested.property('tenants.limit', null);
    });

    it('are listed to the platform all, to a partner admin the own one', async () => {
      expect((await world.gateway.ask<{ id: string }[]>(ROOT, 'GET', '/v1/admin/partners')).map(({ id }) => id)).to.include.members(['prt_acme', 'prt_other']);
      expect((await world.gateway.ask<{ id: string }[]>(OTHER, 'GET', '/v1/admin/partners')).map(({ id }) => id)).to.deep.equal(['prt_other']);
    });

    it('are made once', async () => {
      expect(await world.outcome(ROOT, 'POST', '/v1/admin/partners', { partner_id: 'prt_acme', name: 'Again' })).to.equal('SW_TENANT_NAME_TAKEN');
      expect(await world.outcome(ACME, 'POST', '/v1/admin/partners', { partner_id: 'prt_new', name: 'New' })).to.equal('SW_AUTH_INSUFFICIENT_PERMISSION');
    });
  });

  describe('made before a duty was thought of', () => {
    it('have it from the next start on, and it is done', async () => {
      const { gateway } = world;
      const tenant = await world.tenant();
      const gone = ['duty:retention', 'duty:usage'];
      await gateway.stop();
      await gateway.database.asOwner('delete from consumers where consumer_id = any ($1)', [gone]);
      await gateway.start();
      const lacking = 'select slug, duty from tenants t cross join unnest($1::text[]) duty where not exists (select from consumers c where c.tenant_id = t.tenant_id and consumer_id = duty)';
      expect(await gateway.database.asOwner(lacking, [gone])).to.deep.equal([]);
      const done = 'select consumer_id from consumers where tenant_id = $1 and consumer_id = any ($2) and last_ok is not null';
      await eventually(async () => (await gateway.database.asOwner(done, [tenant.id, gone])).length === gone.length);
    });
  });
});
