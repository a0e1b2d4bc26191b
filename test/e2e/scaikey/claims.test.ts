import { expect } from 'chai';
import { ScaikeyWorld } from '../../support/scaikey-node.js';

/** A node with two partners, and what comes of it when somebody makes a tenant for an id of ScaiKey. */
async function worldOf(mayAsk: boolean): Promise<{ readonly world: ScaikeyWorld; claim(who: 'partner_admin' | 'super_admin', id: string): Promise<string | number> }> {
  const world = await ScaikeyWorld.open({ SCAIWAVE_ROLES: 'api,worker' }, mayAsk);
  await world.tell('tenant.created', 'tnt_home', 'tnt_home', { name: 'Home', slug: 'home', status: 'ACTIVE' });
  for (const id of ['prt_acme', 'prt_other']) await world.tell('partner.created', id, null, { name: id, status: 'ACTIVE' });
  for (const [id, fields] of Object.entries({
    tnt_ours: { partner_id: 'prt_acme' },
    tnt_others: { partner_id: 'prt_other' },
    tnt_nobodys: { partner_id: null },
    tnt_untold: { partner_id: undefined },
    tnt_barred: { partner_id: 'prt_acme', status: 'SUSPENDED' },
    tnt_deleted: { partner_id: 'prt_acme', deleted_at: '2026-01-01T00:00:00Z' },
  })) world.scaikey.tenant(id, fields);
  return {
    world,
    async claim(role, id) {
      const token = await world.token('usr_ann', 'tnt_home', { role, ...(role === 'partner_admin' ? { partner_id: 'prt_acme' } : {}) });
      const { status, code } = await world.as(token, 'POST', '/v1/admin/tenants', { slug: id.replace('tnt_', ''), name: id, scaikey_tenant_id: id });
      return code ?? status;
    },
  };
}

describe('a tenant that is made for an id of ScaiKey', function () {
  this.timeout(60_000);
  let made: Awaited<ReturnType<typeof worldOf>>;
  const slugs = async (): Promise<readonly string[]> => (await made.world.tenants()).map(({ slug }) => slug);

  describe('on a node that may ask ScaiKey', () => {
    before(async () => {
      made = await worldOf(true);
    });
    after(() => made.world.close());

    it('is none by a partner’s admin unless ScaiKey has it as one of that partner, and not barred', async () => {
      for (const id of ['tnt_others', 'tnt_nobodys', 'tnt_untold', 'tnt_barred', 'tnt_deleted', 'tnt_nowhere']) {
        expect(await made.claim('partner_admin', id), id).to.equal('SW_AUTH_INSUFFICIENT_PERMISSION');
      }
      expect(await slugs()).to.deep.equal(['home']);
      expect(await made.claim('partner_admin', 'tnt_ours')).to.equal(200);
      expect(await made.world.fleetOf('tnt_ours')).to.deep.equal({ partner: 'prt_acme', places: ['prt_acme/1'] });
    });

    it('waits for ScaiKey while it is away', async () => {
      made.world.scaikey.tenant('tnt_later', { partner_id: 'prt_acme' });
      made.world.scaikey.troubles.push(500);
      expect(await made.claim('partner_admin', 'tnt_later')).to.equal('SW_SCAIKEY_UNREACHABLE');
      expect(await slugs()).not.to.include('later');
      expect(await made.claim('partner_admin', 'tnt_later')).to.equal(200);
    });

    it('is the platform’s to make for any', async () => {
      expect(await made.claim('super_admin', 'tnt_nowhere')).to.equal(200);
    });
  });

  describe('on a node that may not', () => {
    before(async () => {
      made = await worldOf(false);
    });
    after(() => made.world.close());

    it('is the platform’s alone to make', async () => {
      expect(await made.claim('partner_admin', 'tnt_ours')).to.equal('SW_AUTH_INSUFFICIENT_PERMISSION');
      expect(await slugs()).to.deep.equal(['home']);
      expect(await made.claim('super_admin', 'tnt_ours')).to.equal(200);
    });
  });
});
