import { expect } from 'chai';
import { routeTable } from '../../src/http/routes/table.js';
import { ERRORS, type ErrorCode } from '../../src/kernel/errors.js';
import { FleetWorld, OTHER, ROOT, type Tenant } from '../support/fleet-world.js';
import { recordingApis } from '../support/recording-apis.js';

interface Cell {
  /** `theirs`: tells of the tenant or the partner that was asked for. */
  readonly answer: ErrorCode | 'theirs';
  readonly body?: object;
  /** What is seen of tenant and partner afterwards, where it is something else. */
  readonly then?: Readonly<Record<string, unknown>>;
}

/** What the platform, at home in another tenant, is answered of a tenant and of the partner whose it is; in this order. */
const PLATFORM: Readonly<Record<string, Cell>> = {
  'GET /v1/admin/tenants': { answer: 'theirs' },
  'POST /v1/admin/tenants': { answer: 'SW_TENANT_NAME_TAKEN', body: { slug: 'customer-1', name: 'taken', scaikey_tenant_id: 'tnt_new' } },
  'GET /v1/admin/tenants/{tenant_id}': { answer: 'theirs' },
  'PATCH /v1/admin/tenants/{tenant_id}': { answer: 'theirs', body: { name: 'By the platform' }, then: { tenant: 'By the platform' } },
  'POST /v1/admin/tenants/{tenant_id}/suspend': { answer: 'theirs', then: { status: 'suspended' } },
  'POST /v1/admin/tenants/{tenant_id}/resume': { answer: 'theirs', then: { status: 'active' } },
  'GET /v1/admin/partners': { answer: 'theirs' },
  'POST /v1/admin/partners': { answer: 'SW_TENANT_NAME_TAKEN', body: { partner_id: 'prt_other', name: 'taken' } },
  'GET /v1/admin/partners/{partner_id}': { answer: 'theirs' },
  'PUT /v1/admin/partners/{partner_id}': { answer: 'theirs', body: { name: 'Also', limits: { max_tenants: 7 } }, then: { partner: 'Also', limits: { max_tenants: 7 } } },
  'GET /v1/admin/partners/{partner_id}/tenants': { answer: 'theirs' },
  'GET /v1/admin/partners/{partner_id}/usage': { answer: 'theirs' },
};

/** What an admin of that very partner is answered, at home in another tenant too. */
const PARTNER: Readonly<Record<string, Cell>> = {
  ...PLATFORM,
  'PATCH /v1/admin/tenants/{tenant_id}': { answer: 'theirs', body: { name: 'By its partner' }, then: { tenant: 'By its partner' } },
  'POST /v1/admin/partners': { answer: 'SW_AUTH_INSUFFICIENT_PERMISSION', body: { partner_id: 'prt_new', name: 'new' } },
  'PUT /v1/admin/partners/{partner_id}': { answer: 'theirs', body: { name: 'Ours' }, then: { partner: 'Ours' } },
};

describe('tenants and partners that are not at home where their administrator is', function () {
  this.timeout(60_000);
  let world: FleetWorld;
  let theirs: Tenant;

  before(async () => {
    world = await FleetWorld.open();
    theirs = await world.tenant(OTHER);
  });
  after(() => world.end());

  const standing = async (id: string): Promise<object> => {
    const text = 'select t.name as tenant, t.status, p.name as partner, p.limits from tenants t left join partners p using (partner_id) where t.tenant_id = $1';
    return { ...(await world.gateway.database.asOwner(text, [id]))[0] };
  };

  it('have a cell for every route of partners and of the platform', () => {
    const routes = routeTable(recordingApis([])).filter(({ who }) => who === 'partner_admin' || who === 'super_admin');
    for (const cells of [PLATFORM, PARTNER]) expect(Object.keys(cells)).to.have.members(routes.map(({ method, path }) => `${method} ${path}`));
  });

  for (const [who, by, cells] of [['the platform', ROOT, PLATFORM], ['an admin of its partner', OTHER, PARTNER]] as const) {
    for (const [name, { answer, body, then = {} }] of Object.entries(cells)) {
      it(`${name} by ${who}: ${answer === 'theirs' ? 'is let in' : answer}`, async () => {
        const before = await standing(theirs.id);
        const [method = '', path = ''] = name.split(' ');
        const { status, body: said } = await world.gateway.call(by, method, path.replace('{tenant_id}', theirs.id).replace('{partner_id}', 'prt_other'), body);
        if (answer === 'theirs') expect(JSON.stringify(said.data)).to.match(new RegExp(`${theirs.id}|prt_other`));
        expect([status, said.error?.code]).to.deep.equal(answer === 'theirs' ? [200, undefined] : [ERRORS[answer].status, answer]);
        expect(await standing(theirs.id)).to.deep.equal({ ...before, ...then });
      });
    }
  }

  it('are not administered by a partner admin at home in a tenant of no fleet, their own home included', async () => {
    const [{ tenant_id: home = '' } = {}] = await world.gateway.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where slug = 'first'");
    const before = await standing(home);
    const attempts = [['GET', ''], ['PATCH', '', { name: 'Mine' }], ['POST', '/suspend'], ['POST', '/resume']] as const;
    for (const [method, path, body] of attempts) expect(await world.outcome(OTHER, method, `/v1/admin/tenants/${home}${path}`, body), `${method} ${path}`).to.equal('SW_TENANT_NOT_FOUND');
    expect(await standing(home)).to.deep.equal(before);
  });
});
