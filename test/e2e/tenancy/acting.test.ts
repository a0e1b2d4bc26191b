import { expect } from 'chai';
import { ACME, FleetWorld, OTHER, ROOT, type Tenant } from '../../support/fleet-world.js';

interface Act {
  readonly act: string;
  readonly actor: { readonly name: string; readonly home_tenant_id?: string };
  readonly for_tenant_id: string | null;
}

describe('acting for a customer', function () {
  this.timeout(60_000);
  let world: FleetWorld;
  let mine: Tenant;
  let theirs: Tenant;
  const under = (tenant: Tenant, path: string, partner = 'prt_acme'): string => `/v1/admin/partners/${partner}/tenants/${tenant.id}/${path}`;

  before(async () => {
    world = await FleetWorld.open();
    [mine, theirs] = [await world.tenant(ACME), await world.tenant(OTHER)];
    await world.gateway.ask(`mock:${mine.slug}:eve`, 'POST', '/v1/rooms', { room_type: 'group', name: 'A room' });
  });
  after(() => world.end());

  it('is done in the customer’s tenant', async () => {
    expect(await world.gateway.ask(ACME, 'GET', under(mine, 'stats'))).to.have.nested.property('rooms.used', 1);
    expect(await world.gateway.ask<{ local_id: string }[]>(ACME, 'GET', under(mine, 'participants'))).to.have.nested.property('[0].local_id', 'eve');
    await world.gateway.ask(ACME, 'PUT', under(mine, 'federation/policy'), { allowed_peers: ['b.example'] });
    expect(await world.gateway.ask(`mock:${mine.slug}:eve:tenant_admin`, 'GET', '/v1/admin/federation/policy')).to.have.deep.property('allowed_peers', ['b.example']);
    expect(await world.gateway.ask('admin', 'GET', '/v1/admin/federation/policy')).to.have.deep.property('allowed_peers', []);
  });

  it('is in both audits, under the name of who did it', async () => {
    await world.gateway.ask(ACME, 'PUT', under(mine, 'federation/policy'), { denied_peers: ['c.example'] });
    const audit = (who: string): Promise<Act[]> => world.gateway.ask<Act[]>(who, 'GET', '/v1/admin/audit?limit=50');
    const there = (await audit(`mock:${mine.slug}:eve:tenant_admin`)).find(({ act }) => act === 'federation.policy_changed');
    const home = (await audit('admin')).find(({ act }) => act === 'federation.policy_changed');
    expect(there?.actor.name).to.equal('@ann:a.example');
    expect(home).to.deep.include({ for_tenant_id: mine.id }).and.to.have.nested.property('actor.name', '@ann:a.example');
  });

  const refused: readonly (readonly [why: string, by: string, of: 'mine' | 'theirs', partner: string, code: string])[] = [
    ['a tenant of another partner, under the own', ACME, 'theirs', 'prt_acme', 'SW_TENANT_NOT_FOUND'],
    ['a tenant of another partner, under that one', ACME, 'theirs', 'prt_other', 'SW_PARTNER_NOT_FOUND'],
    ['a tenant under a partner that it is not of, by the platform', ROOT, 'mine', 'prt_other', 'SW_TENANT_NOT_FOUND'],
    ['anybody, as the customer’s own admin', 'mock:first:ann:tenant_admin', 'mine', 'prt_acme', 'SW_AUTH_INSUFFICIENT_PERMISSION'],
    ['anybody, without a partner', 'mock:first:ann:partner_admin', 'mine', 'prt_acme', 'SW_PARTNER_NOT_FOUND'],
  ];
  for (const [why, by, of, partner, code] of refused) {
    it(`is not done for ${why}: ${code}`, async () => {
      expect(await world.outcome(by, 'GET', under(of === 'mine' ? mine : theirs, 'stats', partner))).to.equal(code);
    });
  }

  it('finds no difference between another partner’s tenant and one that was never made', async () => {
    const answers = await Promise.all([theirs.id, '00000000-0000-4000-8000-000000000000'].map((id) => world.gateway.call(ACME, 'GET', `/v1/admin/partners/prt_acme/tenants/${id}/stats`)));
    expect(answers[0]).to.deep.equal(answers[1]);
  });

  it('looks at a suspended tenant, and changes nothing of it', async () => {
    const held = await world.tenant(ACME);
    await world.gateway.ask(ACME, 'POST', `/v1/admin/tenants/${held.id}/suspend`);
    expect(await world.outcome(ACME, 'GET', under(held, 'stats'))).to.equal(200);
    expect(await world.outcome(ACME, 'PUT', under(held, 'federation/policy'), { allowed_peers: [] })).to.equal('SW_TENANT_SUSPENDED');
  });

  it('has no routes of parts that are not this node, nor of partners', async () => {
    const absent = ['GET note-processing', 'PUT note-processing', 'GET plugins', 'POST plugins/notes/enable', 'POST plugins/notes/disable', 'GET tenants', 'GET partners'];
    for (const call of absent) {
      const [method = '', path = ''] = call.split(' ');
      expect(await world.outcome(ACME, method, under(mine, path), method === 'GET' ? undefined : {}), call).to.equal('SW_NOT_FOUND');
    }
  });
});
