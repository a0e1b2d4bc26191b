import { expect } from 'chai';
import { ACTING_PREFIX, actingRoutes } from '../../../src/http/routes/acting.js';
import { routeTable } from '../../../src/http/routes/table.js';
import type { AuditRecord } from '../../../src/protocol/audit.js';
import { AdminActs } from '../../support/admin-acts.js';
import { ACME, FleetWorld, type Tenant } from '../../support/fleet-world.js';
import { eventually, sharedRoom, type Gateway } from '../../support/gateway.js';
import { recordingApis } from '../../support/recording-apis.js';

/** The same acts as in a tenant of one's own, done by the admin of its partner. */
describe('the acts of a partner for a customer', function () {
  this.timeout(120_000);
  let world: FleetWorld;
  let gateway: Gateway;
  let customer: Tenant;
  let home: string;
  let [room, foreign, mirror, fingerprint] = ['', '', '', ''];
  const asked = new Set<string>();

  const people = (who: string): string => `mock:${customer.slug}:${who}${who === 'admin' ? ':tenant_admin' : ''}`;
  const ask = <T>(method: string, path: string, body?: unknown): Promise<T> => {
    asked.add(`${method} ${path}`);
    return gateway.ask<T>(ACME, method, `/v1/admin/partners/prt_acme/tenants/${customer.id}/${path}`, body);
  };
  const acts = new AdminActs(() => ({ gateway, ask, owner: people('admin'), member: people('carol'), room, peer: gateway.name, foreign, mirror, fingerprint }));

  before(async () => {
    world = await FleetWorld.open({ env: { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' } });
    ({ gateway } = world);
    customer = await world.tenant(ACME);
    home = (await gateway.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where slug = 'first'"))[0]?.tenant_id ?? '';
    // The customer federates with the tenant of the partner's admin.
    const there = { name: customer.server_name, ask: <T>(who: string, method: string, path: string, body?: unknown): Promise<T> => gateway.ask<T>(people(who), method, path, body) };
    await gateway.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [there.name] });
    await there.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [gateway.name] });
    await sharedRoom(there, gateway);
    mirror = (await sharedRoom(gateway, there, 'carol')).away;
    room = (await there.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'public', name: 'A room' })).id;
    foreign = await eventually(async () => (await there.ask<{ id: string; local_id: string; server_name: string }[]>('admin', 'GET', '/v1/directory/participants?include_federated=true&limit=200')).find(({ local_id: name, server_name: server }) => name === 'bob' && server === gateway.name)?.id);
    await gateway.database.asOwner("update participants set display_name = 'Of old' where tenant_id = $1 and participant_id = $2", [customer.id, foreign]);
    fingerprint = (await gateway.ask<{ fingerprint: string }>('admin', 'GET', '/v1/admin/federation/identity')).fingerprint;
  });
  after(() => world.end());

  const audit = (who: string): Promise<AuditRecord[]> => gateway.ask<AuditRecord[]>(who, 'GET', '/v1/admin/audit?limit=200');
  /** What comes into the audit of a tenant by `work`. */
  const writtenBy = async (act: string, work: () => Promise<unknown>): Promise<{ readonly there: readonly AuditRecord[]; readonly here: readonly AuditRecord[] }> => {
    const before = new Set([...(await audit(people('admin'))), ...(await audit('admin'))].map(({ hash }) => hash));
    await work();
    const isNew = ({ hash, act: name }: AuditRecord): boolean => !before.has(hash) && name === act;
    return { there: (await audit(people('admin'))).filter(isNew), here: (await audit('admin')).filter(isNew) };
  };

  for (const { act, prepare, run, target, detail, changes, isChange = false } of acts.steps) {
    it(`${act} changes the customer’s tenant, and stands in both audits${isChange ? ', once' : ''}`, async () => {
      const rowsOf = async (tenant: string): Promise<string> => JSON.stringify(changes === undefined ? null : await gateway.database.asOwner(changes, [tenant]));
      await prepare?.();
      const before = { there: await rowsOf(customer.id), here: await rowsOf(home) };
      const { there, here } = await writtenBy(act, run);
      const actor = { name: '@ann:a.example', role: 'partner_admin' };
      expect(there).to.have.length(1);
      expect(there[0]).to.deep.include({ tenant_id: customer.id, target: await target(), detail: detail(there[0]?.detail ?? {}) });
      expect(there[0]?.actor).to.include(actor);
      expect(here).to.have.length(1);
      expect(here[0]).to.deep.include({ tenant_id: home, for_tenant_id: customer.id, request_id: there[0]?.request_id });
      expect(here[0]?.actor).to.include(actor);
      if (changes !== undefined) expect(await rowsOf(customer.id), 'the customer’s').not.to.equal(before.there);
      expect(await rowsOf(home), 'the partner’s own').to.equal(before.here);
      if (isChange) expect(await writtenBy(act, run)).to.deep.equal({ there: [], here: [] });
    });
  }

  it('are all that can change anything under the prefix', () => {
    const changing = actingRoutes(routeTable(recordingApis([]))).filter(({ method }) => method !== 'GET');
    const shapes = changing.map(({ method, path }) => `${method} ${path.slice(ACTING_PREFIX.length + 1)}`);
    const isAsked = (shape: string): boolean => [...asked].some((call) => new RegExp(`^${shape.replace(/\{[a-z_]+\}/g, '.+')}$`).test(call));
    expect(shapes.filter((shape) => !isAsked(shape))).to.deep.equal([]);
    expect(shapes).not.to.deep.equal([]);
  });
});
