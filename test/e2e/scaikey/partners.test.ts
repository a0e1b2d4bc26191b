import { expect } from 'chai';
import { scaikeyEvent } from '../../support/scaikey-admin.js';
import { ScaikeyWorld } from '../../support/scaikey-node.js';

describe('events of ScaiKey about partners', function () {
  this.timeout(60_000);
  let world: ScaikeyWorld;

  before(async () => {
    world = await ScaikeyWorld.open();
  });
  after(() => world.close());

  /** As ScaiKey tells of a tenant: both ids beside it, and in the data what changed. */
  const tenant = (id: string, partner: string | null, data: Record<string, unknown> = {}, type = 'tenant.updated'): Record<string, unknown> =>
    scaikeyEvent(type, id, id, { partner_id: partner, ...data }, { partner_id: partner });
  const admin = (partner: string): Promise<string> => world.token('usr_ann', 'tnt_home', { role: 'partner_admin', partner_id: partner });
  const codeFor = async (partner: string, path: string): Promise<string | number> => {
    const { status, code } = await world.as(await admin(partner), 'GET', path);
    return code ?? status;
  };
  const places = (): Promise<{ value: string }[]> => world.node.database.asOwner("select value from tenant_names where kind = 'fleet_place' order by 1");

  it('are none of ours while there is no tenant that could keep one', async () => {
    expect(await world.tell('partner.created', 'prt_early', null, { name: 'Early', status: 'ACTIVE' })).to.include({ status: 200, outcome: 'ignored' });
    expect(await world.partners()).to.deep.equal([]);
  });

  it('make a partner once, of many deliveries at once', async () => {
    await world.tell('tenant.created', 'tnt_home', 'tnt_home', { name: 'Home', slug: 'home', status: 'ACTIVE' });
    const event = scaikeyEvent('partner.created', 'prt_acme', null, { name: 'Acme Partners', status: 'ACTIVE' }, { partner_id: 'prt_acme' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.send(event)));
    expect(answers.map(({ outcome }) => outcome).sort()).to.deep.equal(['applied', ...Array<string>(19).fill('duplicate')]);
    expect(await world.partners()).to.deep.equal([{ id: 'prt_acme', name: 'Acme Partners', status: 'active' }]);
    await world.tell('partner.created', 'prt_other', null, { name: 'Other Partners', status: 'ACTIVE' });
  });

  it('are refused when they name two partners', async () => {
    const two = [
      scaikeyEvent('partner.updated', 'prt_acme', null, { id: 'prt_other', name: 'X' }),
      scaikeyEvent('partner.updated', 'prt_acme', null, { name: 'X' }, { partner_id: 'prt_other' }),
      scaikeyEvent('tenant.updated', 'tnt_home', 'tnt_home', { partner_id: 'prt_acme' }, { partner_id: 'prt_other' }),
    ];
    for (const event of two) expect(await world.send(event)).to.include({ status: 400, code: 'SW_BAD_SCHEMA' });
    expect((await world.partners()).map(({ name }) => name)).to.deep.equal(['Acme Partners', 'Other Partners']);
    expect(await world.fleetOf('tnt_home')).to.deep.equal({ partner: null, places: [] });
  });

  it('take name and status, and nothing that is older than what was heard', async () => {
    const data = { name: 'Acme Fleet', status: 'ACTIVE' };
    const [older, suspended, active] = [scaikeyEvent('partner.updated', 'prt_acme', null, data), scaikeyEvent('partner.updated', 'prt_acme', null, { status: 'SUSPENDED' }), scaikeyEvent('partner.updated', 'prt_acme', null, { status: 'ACTIVE' })];
    expect(await world.send(suspended)).to.include({ outcome: 'applied' });
    expect(await codeFor('prt_acme', '/v1/admin/partners/prt_acme')).to.equal('SW_PARTNER_SUSPENDED');
    expect(await world.send(older)).to.include({ outcome: 'applied' });
    expect((await world.partners())[0]).to.deep.equal({ id: 'prt_acme', name: 'Acme Fleet', status: 'suspended' });
    expect(await world.send(active)).to.include({ outcome: 'applied' });
    expect(await world.send(suspended)).to.include({ outcome: 'duplicate' });
    expect(await codeFor('prt_acme', '/v1/admin/partners/prt_acme')).to.equal(200);
  });

  it('know no partner.suspended, which ScaiKey does not send', async () => {
    expect(await world.tell('partner.suspended', 'prt_acme', null, { status: 'SUSPENDED' })).to.include({ outcome: 'ignored' });
    expect((await world.partners())[0]).to.include({ status: 'active' });
  });

  it('make nobody of whom a later word said that they are gone', async () => {
    const [created, deleted] = [scaikeyEvent('partner.created', 'prt_brief', null, { name: 'Brief', status: 'ACTIVE' }), scaikeyEvent('partner.deleted', 'prt_brief', null)];
    expect(await world.send(deleted)).to.include({ outcome: 'unchanged' });
    expect(await world.send(created)).to.include({ outcome: 'unchanged' });
    expect((await world.partners()).map(({ id }) => id)).not.to.include('prt_brief');
  });

  it('do not let a partner go on whom somebody here has suspended', async () => {
    await world.node.database.asOwner("update partners set status = 'suspended' where partner_id = 'prt_other'");
    await world.tell('partner.updated', 'prt_other', null, { status: 'ACTIVE' });
    expect((await world.partners()).find(({ id }) => id === 'prt_other')).to.include({ status: 'suspended' });
    await world.node.database.asOwner("update partners set status = 'active' where partner_id = 'prt_other'");
  });

  describe('and the tenants of their fleets', () => {
    let customer: string;
    const theirs = (partner: string): string => `/v1/admin/partners/${partner}/tenants/${customer}/stats`;

    before(async () => {
      await world.send(tenant('tnt_customer', 'prt_acme', { name: 'Customer', slug: 'customer', status: 'ACTIVE' }, 'tenant.created'));
      const [row] = await world.node.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where scaikey_tenant_id = 'tnt_customer'");
      customer = row?.tenant_id ?? '';
    });

    it('let a tenant go over to another: at once it is theirs, and no more the first one’s', async () => {
      expect([await codeFor('prt_acme', theirs('prt_acme')), await codeFor('prt_other', theirs('prt_other'))]).to.deep.equal([200, 'SW_TENANT_NOT_FOUND']);
      const moved = tenant('tnt_customer', 'prt_other');
      expect(await world.send(moved)).to.include({ outcome: 'applied' });
      expect([await codeFor('prt_acme', theirs('prt_acme')), await codeFor('prt_other', theirs('prt_other'))]).to.deep.equal(['SW_TENANT_NOT_FOUND', 200]);
      expect(await world.fleetOf('tnt_customer')).to.deep.equal({ partner: 'prt_other', places: ['prt_other/1'] });
      expect(await world.send(moved)).to.include({ outcome: 'duplicate' });
    });

    it('are not moved back by a word that was said before', async () => {
      const [first, second] = [tenant('tnt_customer', 'prt_acme'), tenant('tnt_customer', 'prt_other', { name: 'Customer 2' })];
      expect(await world.send(second)).to.include({ outcome: 'applied' });
      expect(await world.send(first)).to.include({ outcome: 'unchanged' });
      expect(await world.fleetOf('tnt_customer')).to.deep.equal({ partner: 'prt_other', places: ['prt_other/1'] });
    });

    it('each get a place of their own, however many go over at once, and leave none behind', async () => {
      const ids = Array.from({ length: 5 }, (_, index) => `tnt_many${index}`);
      for (const id of ids) await world.send(tenant(id, 'prt_acme', { slug: id.slice(4), status: 'ACTIVE' }, 'tenant.created'));
      expect((await places()).map(({ value }) => value)).to.have.members([1, 2, 3, 4, 5].map((n) => `prt_acme/${n}`).concat('prt_other/1'));
      const moves = await Promise.all(ids.map((id) => world.send(tenant(id, 'prt_other'))));
      expect(moves.map(({ outcome }) => outcome)).to.deep.equal(ids.map(() => 'applied'));
      expect((await places()).map(({ value }) => value)).to.have.members([1, 2, 3, 4, 5, 6].map((n) => `prt_other/${n}`));
    });

    it('follow ScaiKey beyond the limit, which holds for those who make tenants here', async () => {
      await world.node.database.asOwner(`update partners set limits = '{"max_tenants": 1}' where partner_id = 'prt_acme'`);
      for (const id of ['tnt_many0', 'tnt_many1']) expect(await world.send(tenant(id, 'prt_acme'))).to.include({ outcome: 'applied' });
      world.scaikey.tenant('tnt_one_more', { partner_id: 'prt_acme' });
      const body = { slug: 'one-more', name: 'One more', scaikey_tenant_id: 'tnt_one_more' };
      expect(await world.as(await admin('prt_acme'), 'POST', '/v1/admin/tenants', body)).to.include({ status: 409, code: 'SW_PARTNER_CAPACITY' });
    });

    it('stay where they are when an event says nothing of a partner', async () => {
      await world.tell('tenant.updated', 'tnt_customer', 'tnt_customer', { name: 'Customer 3' });
      expect(await world.fleetOf('tnt_customer')).to.deep.equal({ partner: 'prt_other', places: ['prt_other/1'] });
    });

    it('are in the audits: of the keeper what became of partners, of a tenant where it went', async () => {
      const rows = await world.node.database.asOwner<{ slug: string; act: string; target: string | null; detail: Record<string, unknown> }>(
        "select t.slug, a.act, a.target, a.detail::jsonb as detail from audit a join tenants t using (tenant_id) where a.actor ->> 'name' = 'scaikey' order by a.seq",
      );
      expect(rows).to.deep.include({ slug: 'home', act: 'partner.created', target: 'prt_acme', detail: { max_tenants: 100 } });
      expect(rows).to.deep.include({ slug: 'home', act: 'partner.changed', target: 'prt_acme', detail: { status: 'suspended' } });
      expect(rows).to.deep.include({ slug: 'customer', act: 'tenant.changed', target: null, detail: { partner_id: 'prt_other' } });
    });
  });
});
