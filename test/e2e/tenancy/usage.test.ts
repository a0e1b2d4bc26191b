import { expect } from 'chai';
import { csvOf } from '../../../src/http/csv.js';
import { ACME, FleetWorld, OTHER } from '../../support/fleet-world.js';
import { eventually } from '../../support/gateway.js';
import { TestScaigrid } from '../../support/scaigrid.js';
import { MEGABYTE, putRaw, seen } from '../../support/uploads.js';

interface TenantMonth {
  readonly slug: string;
  readonly month: string;
  readonly rooms_peak: number | null;
  readonly participants_peak: number | null;
  readonly storage_mb_peak: number | null;
  readonly messages: number;
  readonly ai_tokens: number | null;
}

const NODE_KEY = 'sgk_of-the-node';

describe('the usage of a fleet in a month', function () {
  this.timeout(60_000);
  const month = new Date().toISOString().slice(0, 7);
  const scaigrid = new TestScaigrid();
  let world: FleetWorld;

  before(async () => {
    await scaigrid.start();
    scaigrid.keys.set(NODE_KEY, { tenantId: 'tnt_node', isPartner: true });
    world = await FleetWorld.open({ env: { SCAIWAVE_SCAIGRID_URL: scaigrid.url, SCAIWAVE_SCAIGRID_API_KEY: NODE_KEY, SCAIWAVE_EGRESS_ALLOW: scaigrid.address } });
  });
  after(async () => {
    await world.end();
    await scaigrid.stop();
  });

  const usage = (query = ''): Promise<TenantMonth[]> => world.gateway.ask<TenantMonth[]>(ACME, 'GET', `/v1/admin/partners/prt_acme/usage${query}`);
  const csv = async (query = ''): Promise<string> => {
    const response = await fetch(`${world.gateway.url}/v1/admin/partners/prt_acme/usage${query}`, { headers: { authorization: `Bearer ${ACME}`, accept: 'text/csv' } });
    expect(response.headers.get('content-type')).to.match(/^text\/csv/);
    return response.text();
  };
  const nextTurn = (): Promise<unknown> => world.gateway.database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:usage' and not leased");

  it('has the peak of everything that is counted, also of what is gone again, as JSON and as CSV', async () => {
    scaigrid.tokens.set('tnt_customer-1', 4_711);
    const tenant = await world.tenant(ACME, { name: '=1+1, "Ltd"' });
    await world.tenant(OTHER);
    const [eve, adam] = [`mock:${tenant.slug}:eve`, `mock:${tenant.slug}:adam`];
    const rooms = await Promise.all([1, 2].map(() => world.gateway.ask<{ id: string }>(eve, 'POST', '/v1/rooms', { room_type: 'public', is_public: true, name: 'A room' })));
    const [kept, left] = rooms.map(({ id }) => id);
    await world.gateway.ask(adam, 'POST', `/v1/rooms/${left}/join`);
    for (const body of ['one', 'two', 'three']) await world.gateway.ask(eve, 'POST', `/v1/rooms/${kept}/send`, { content: { body } });
    const file = seen(await putRaw(world.gateway, eve, Buffer.alloc(MEGABYTE + 1)));
    await world.gateway.ask(eve, 'DELETE', `/v1/media/${file.media_id}`);
    await world.gateway.ask(adam, 'POST', `/v1/rooms/${left}/leave`);
    await world.gateway.ask(eve, 'POST', `/v1/rooms/${left}/close`);

    const whole = { tenant_id: tenant.id, slug: tenant.slug, name: '=1+1, "Ltd"', month, rooms_peak: 2, participants_peak: 2, storage_mb_peak: 2, messages: 3, ai_tokens: 4_711 };
    await eventually(async () => (await nextTurn(), (await usage(`?month=${month}`)).some(({ messages, ai_tokens }) => messages === 3 && ai_tokens !== null)));
    expect(await usage(`?month=${month}`)).to.deep.equal([whole]);
    expect(await csv(`?month=${month}`)).to.equal(
      `tenant_id,slug,name,month,rooms_peak,participants_peak,storage_mb_peak,messages,ai_tokens\r\n${tenant.id},${tenant.slug},"'=1+1, ""Ltd""",${month},2,2,2,3,4711\r\n`,
    );
  });

  it('is that of this month unless another is asked for', async () => {
    expect((await usage())[0]).to.include({ month, rooms_peak: 2, messages: 3 });
    expect(await usage()).to.deep.equal(await usage(`?month=${month}`));
    expect(await csv()).to.equal(await csv(`?month=${month}`));
  });

  it('is like the end of the month before where nothing changed, and leaves out who was not there yet', async () => {
    const [later] = await usage('?month=2099-01');
    expect(later).to.include({ month: '2099-01', rooms_peak: 1, participants_peak: 1, storage_mb_peak: 0, messages: 0, ai_tokens: null });
    expect(await usage('?month=2001-01')).to.deep.equal([]);
  });

  it('is refused of what is no month and of another partner', async () => {
    for (const query of ['?month=2026', '?month=2026-13']) expect(await world.outcome(ACME, 'GET', `/v1/admin/partners/prt_acme/usage${query}`)).to.equal('SW_BAD_REQUEST');
    expect(await world.outcome(ACME, 'GET', `/v1/admin/partners/prt_other/usage?month=${month}`)).to.equal('SW_PARTNER_NOT_FOUND');
  });
});

describe('CSV', () => {
  it('is quoted as RFC 4180 says, and holds no formula', () => {
    expect(csvOf(['a', 'b'], [{ a: 'x,"y"\n', b: null }, { a: '@SUM(1)', b: -1 }])).to.equal('a,b\r\n"x,""y""\n",\r\n\'@SUM(1),-1\r\n');
  });
});
