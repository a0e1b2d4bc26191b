import { expect } from 'chai';
import { openSync } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { eventually } from '../../support/gateway.js';
import { scaikeyEvent } from '../../support/scaikey-admin.js';
import { ScaikeyWorld } from '../../support/scaikey-node.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

type Sync = Awaited<ReturnType<typeof openSync>>;

describe('the reconciliation with ScaiKey', function () {
  this.timeout(60_000);
  let world: ScaikeyWorld;
  let sync: Sync;

  before(async () => {
    world = await ScaikeyWorld.open();
    world.scaikey.tenant('tnt_acme', { name: 'Acme' });
    world.scaikey.tenant('tnt_other', { name: 'Other' });
    world.scaikey.tenant('tnt_gone', { status: 'SUSPENDED' });
    for (const name of ['anna', 'ben', 'cleo']) world.scaikey.user(`usr_${name}`, 'tnt_acme');
    world.scaikey.user('usr_dora', 'tnt_other');
    world.scaikey.user('usr_never', 'tnt_acme', { status: 'SUSPENDED' });
    const env = { ...world.scaikey.env(), SCAIWAVE_DB_URL: world.node.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: 'node.example', SCAIWAVE_PUBLIC_URL: 'https://node.example', SCAIWAVE_LOG_LEVEL: 'silent' };
    sync = await openSync(loadConfig(env));
  });
  after(async () => {
    await sync.close();
    await world.close();
  });

  /** Runs it; what changed, in words, and what could not be done. */
  async function run(): Promise<{ readonly changes: string[]; readonly failed: readonly { readonly tenant: string; readonly code: string }[] }> {
    const changes: string[] = [];
    const failed = await sync.run(({ act, resource }) => void changes.push(`${act} ${resource}`));
    return { changes, failed };
  }

  const statusOf = async (subject: string): Promise<string | undefined> => (await world.people('tnt_acme')).find((person) => person.subject === subject)?.status;

  it('makes tenants and their people from nothing, and again changes nothing', async () => {
    const { changes, failed } = await run();
    expect(failed).to.deep.equal([]);
    expect(changes).to.have.members(['tenant.created tnt_acme', 'tenant.created tnt_other', 'participant.created usr_anna', 'participant.created usr_ben', 'participant.created usr_cleo', 'participant.created usr_dora']);
    expect((await world.people('tnt_other')).map(({ subject }) => subject)).to.deep.equal(['usr_dora']);
    expect(await run()).to.deep.equal({ changes: [], failed: [] });
  });

  it('finds what no event told: names, suspensions, deletions, and what was taken back', async () => {
    const [anna, ben] = world.scaikey.records.users;
    Object.assign(anna ?? {}, { display_name: 'Anna B.' });
    Object.assign(ben ?? {}, { status: 'SUSPENDED' });
    world.scaikey.records.users = world.scaikey.records.users.filter(({ id }) => id !== 'usr_cleo');
    expect((await run()).changes).to.have.members(['participant.changed usr_anna', 'participant.deactivated usr_ben', 'participant.deactivated usr_cleo']);
    expect(await world.as(await world.token('usr_never', 'tnt_acme'), 'GET', '/v1/me')).to.include({ code: 'SW_AUTH_DEACTIVATED' });
    Object.assign(ben ?? {}, { status: 'ACTIVE' });
    expect((await run()).changes).to.deep.equal(['participant.restored usr_ben']);
  });

  it('reads pages however the server cuts them', async () => {
    for (let index = 0; index < 7; index += 1) world.scaikey.user(`usr_more${index}`, 'tnt_acme');
    Object.assign(world.scaikey, { perPageMax: 2, tellsTotal: false });
    expect((await run()).changes).to.have.length(7);
    Object.assign(world.scaikey, { perPageMax: 100, tellsTotal: true });
    expect(await run()).to.deep.equal({ changes: [], failed: [] });
  });

  it('bars nobody because a list is empty', async () => {
    const users = world.scaikey.records.users;
    world.scaikey.records.users = [];
    expect((await run()).changes).to.deep.equal([]);
    world.scaikey.records.users = users;
    expect(await statusOf('usr_anna')).to.equal('active');
  });

  it('takes no person that the list names for another tenant', async () => {
    world.scaikey.ignoresFilters = true;
    expect((await run()).changes).to.deep.equal([]);
    expect((await world.people('tnt_acme')).map(({ subject }) => subject)).not.to.include('usr_dora');
    world.scaikey.ignoresFilters = false;
  });

  it('does not undo an event that comes while it reads', async () => {
    const anna = world.scaikey.records.users.find(({ id }) => id === 'usr_anna');
    expect(await world.send(scaikeyEvent('user.suspended', 'usr_anna', 'tnt_acme'))).to.include({ outcome: 'applied' });
    expect(anna).to.include({ status: 'ACTIVE' });
    expect((await run()).changes).to.deep.equal([]);
    expect(await statusOf('usr_anna')).to.equal('deactivated');
  });

  it('keeps what it has while ScaiKey is in trouble, says so, and goes on afterwards', async () => {
    world.scaikey.user('usr_late', 'tnt_acme');
    // The directory, the first tenant itself, and then its people.
    world.scaikey.meanwhile = (path) => {
      if (path.endsWith('/users/')) world.scaikey.troubles.push(503);
    };
    const { failed } = await run();
    world.scaikey.meanwhile = () => {};
    world.scaikey.troubles.length = 0;
    expect(failed.map(({ code }) => code)).to.include('SW_SCAIKEY_UNREACHABLE');
    const trouble = (await sync.status()).filter(({ lastError }) => lastError !== null);
    expect(trouble).not.to.deep.equal([]);
    expect(trouble[0]).to.include({ part: 'people', lastError: 'SW_SCAIKEY_UNREACHABLE' });
    expect(await statusOf('usr_ben')).to.equal('active');
    expect((await run()).changes).to.deep.equal(['participant.created usr_late']);
    expect((await sync.status()).filter(({ lastError }) => lastError !== null)).to.deep.equal([]);
  });

  it('asks for a new token when ScaiKey has forgotten the old one', async () => {
    world.scaikey.troubles.push(401);
    expect(await run()).to.deep.equal({ changes: [], failed: [] });
  });

  it('suspends a tenant that is gone, and resumes one that is active again', async () => {
    const tenants = world.scaikey.records.tenants;
    world.scaikey.records.tenants = tenants.filter(({ id }) => id !== 'tnt_other');
    expect((await run()).changes).to.deep.equal(['tenant.suspended tnt_other']);
    world.scaikey.records.tenants = tenants;
    expect((await run()).changes).to.deep.equal(['tenant.resumed tnt_other']);
  });

  describe('about partners', () => {
    const partners = (): Promise<{ id: string; name: string; status: string }[]> => world.partners();

    it('makes and changes them, suspends who is suspended or gone there, and lets them go on', async () => {
      const [widget, gadget] = [world.scaikey.partner('prt_widget', { name: 'Widget' }), world.scaikey.partner('prt_gadget', { name: 'Gadget' })];
      expect((await run()).changes).to.have.members(['partner.created prt_widget', 'partner.created prt_gadget']);
      expect(await run()).to.deep.equal({ changes: [], failed: [] });
      Object.assign(gadget, { name: 'Gadget Inc', status: 'SUSPENDED' });
      world.scaikey.records.partners = [gadget];
      expect((await run()).changes).to.have.members(['partner.changed prt_widget', 'partner.changed prt_gadget']);
      expect(await partners()).to.deep.equal([{ id: 'prt_gadget', name: 'Gadget Inc', status: 'suspended' }, { id: 'prt_widget', name: 'Widget', status: 'suspended' }]);
      world.scaikey.records.partners = [widget, Object.assign(gadget, { status: 'ACTIVE' })];
      expect((await run()).changes).to.have.members(['partner.changed prt_widget', 'partner.changed prt_gadget']);
      expect((await partners()).map(({ status }) => status)).to.deep.equal(['active', 'active']);
    });

    it('suspends none because the list is empty, or is not to be seen', async () => {
      const all = world.scaikey.records.partners;
      world.scaikey.records.partners = [];
      expect(await run()).to.deep.equal({ changes: [], failed: [] });
      world.scaikey.records.partners = all;
      world.scaikey.showsPartners = false;
      expect(await run()).to.deep.equal({ changes: [], failed: [] });
      world.scaikey.showsPartners = true;
    });

    it('leaves alone whom ScaiKey never named', async () => {
      const [keeper] = await world.node.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where scaikey_tenant_id = 'tnt_acme'");
      await world.node.database.asOwner("insert into partners (tenant_id, partner_id, name, created_at) values ($1, 'prt_ours', 'Ours', 1)", [keeper?.tenant_id]);
      await world.node.database.asOwner("insert into tenant_names (kind, value, tenant_id) values ('partner', 'prt_ours', $1)", [keeper?.tenant_id]);
      expect((await run()).changes).to.deep.equal([]);
      expect(await partners()).to.deep.include({ id: 'prt_ours', name: 'Ours', status: 'active' });
    });

    it('keeps no tenant from its turn while they cannot be had, and says so', async () => {
      world.scaikey.meanwhile = (path) => void (path.endsWith('/partners/') && world.scaikey.troubles.push(500));
      world.scaikey.user('usr_frida', 'tnt_other');
      const { changes, failed } = await run();
      world.scaikey.meanwhile = () => {};
      expect(changes).to.deep.equal(['participant.created usr_frida']);
      expect(failed.map(({ code }) => code)).to.deep.equal(['SW_SCAIKEY_UNREACHABLE']);
      expect((await sync.status()).filter(({ lastError }) => lastError !== null).map(({ part }) => part)).to.deep.equal(['partners']);
      expect(await run()).to.deep.equal({ changes: [], failed: [] });
    });

    it('follows a tenant into a fleet, to another and out of it', async () => {
      const other = world.scaikey.records.tenants.find(({ id }) => id === 'tnt_other') ?? {};
      for (const [partner, places] of [['prt_widget', ['prt_widget/1']], ['prt_gadget', ['prt_gadget/1']], [null, []]] as const) {
        Object.assign(other, { partner_id: partner });
        expect((await run()).changes).to.deep.equal(['tenant.changed tnt_other']);
        expect(await world.fleetOf('tnt_other')).to.deep.equal({ partner, places: [...places] });
      }
      expect(await run()).to.deep.equal({ changes: [], failed: [] });
      const told = await world.node.database.asOwner<{ detail: unknown }>(
        "select a.detail from audit a join tenants t using (tenant_id) where t.scaikey_tenant_id = 'tnt_other' and a.act = 'tenant.changed' order by a.seq",
      );
      expect(told.map(({ detail }) => detail)).to.deep.equal([{ partner_id: 'prt_widget' }, { partner_id: 'prt_gadget' }, { partner_id: null }]);
    });
  });

  it('registers the webhook once', async () => {
    expect(await sync.register()).to.deep.equal({ url: 'https://node.example/v1/webhooks/scaikey', outcome: 'registered', lacking: [] });
    expect(await sync.register()).to.include({ outcome: 'there' });
    expect(world.scaikey.records.webhooks).to.have.length(1);
    expect(world.scaikey.records.webhooks[0]).to.include({ secret: world.scaikey.webhookSecret });
    Object.assign(world.scaikey.records.webhooks[0] ?? {}, { events: ['tenant.created', 'user.created'] });
    expect((await sync.register()).lacking).to.include('partner.created').and.not.include('tenant.created');
  });

  it('writes each change into the audit of its tenant, as ScaiKey', async () => {
    const rows = await world.node.database.asOwner<{ act: string }>(
      "select a.act from audit a join tenants t using (tenant_id) where t.scaikey_tenant_id = 'tnt_other' and a.actor ->> 'name' = 'scaikey' order by a.seq",
    );
    expect(rows.map(({ act }) => act)).to.include.members(['tenant.created', 'participant.created', 'tenant.suspended', 'tenant.resumed']);
  });
});

describe('the duty that reconciles with ScaiKey', function () {
  this.timeout(60_000);

  it('runs by itself on a node that may ask, and again every ten minutes', async () => {
    const world = await ScaikeyWorld.open({});
    world.scaikey.tenant('tnt_acme');
    world.scaikey.user('usr_anna', 'tnt_acme');
    // The duty begins with the tenant; the first tenant comes by an event.
    await world.tell('tenant.created', 'tnt_acme', 'tnt_acme', { slug: 'acme', status: 'ACTIVE' });
    await eventually(async () => (await world.people('tnt_acme')).length === 1);
    const waits = async (): Promise<number> => {
      const text = "select (extract(epoch from due_at - now()) * 1000)::integer as ms from consumers where consumer_id = 'duty:scaikey' and not leased and due_at > now()";
      return eventually(async () => (await world.node.database.asOwner<{ ms: number }>(text))[0]?.ms);
    };
    expect(await waits()).to.be.within(LIMITS.scaikeySyncPeriodMs - 60_000, LIMITS.scaikeySyncPeriodMs + 60_000);

    // Ten minutes later, as far as the node can tell.
    world.scaikey.user('usr_later', 'tnt_acme');
    await world.node.database.asOwner('update scaikey_runs set last_ok = last_ok - $1', [LIMITS.scaikeySyncPeriodMs]);
    await world.node.database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:scaikey'");
    await eventually(async () => (await world.people('tnt_acme')).length === 2);
    expect(await waits()).to.be.within(LIMITS.scaikeySyncPeriodMs - 60_000, LIMITS.scaikeySyncPeriodMs + 60_000);
    await world.close();
  });

  it('brings the first tenant of a node that has none', async () => {
    const world = await ScaikeyWorld.open({});
    world.scaikey.tenant('tnt_acme');
    world.scaikey.user('usr_anna', 'tnt_acme');
    await restart(world);
    await eventually(async () => (await world.people('tnt_acme')).length === 1);
    await world.close();
  });

  it('resumes the only tenant once ScaiKey has it active again, and then its duties', async () => {
    const world = await ScaikeyWorld.open({});
    const acme = world.scaikey.tenant('tnt_acme');
    await world.tell('tenant.created', 'tnt_acme', 'tnt_acme', { slug: 'acme', status: 'ACTIVE' });
    await eventually(async () => world.scaikey.asked.includes('GET /api/v1/admin/users/'));
    Object.assign(acme, { status: 'SUSPENDED' });
    await world.tell('tenant.updated', 'tnt_acme', 'tnt_acme', { status: 'SUSPENDED' });
    await longAgo(world);
    await restart(world);
    await eventually(async () => (await endedRuns(world)) > 0);
    expect((await world.tenants()).map(({ status }) => status), 'ScaiKey still bars it').to.deep.equal(['suspended']);

    Object.assign(acme, { status: 'ACTIVE' });
    world.scaikey.user('usr_anna', 'tnt_acme');
    await longAgo(world);
    await restart(world);
    await eventually(async () => (await world.tenants()).every(({ status }) => status === 'active'));
    await eventually(async () => (await world.people('tnt_acme')).length === 1);
    await world.close();
  });

  it('leaves one to its suspension that somebody here has suspended', async () => {
    const world = await ScaikeyWorld.open({});
    world.scaikey.tenant('tnt_acme');
    await world.tell('tenant.created', 'tnt_acme', 'tnt_acme', { slug: 'acme', status: 'ACTIVE' });
    await eventually(async () => world.scaikey.asked.includes('GET /api/v1/admin/users/'));
    await world.node.database.asOwner("update tenants set status = 'suspended'");
    await longAgo(world);
    await restart(world);
    await eventually(async () => (await endedRuns(world)) > 0);
    expect((await world.tenants()).map(({ status }) => status)).to.deep.equal(['suspended']);
    await world.close();
  });

  /** What a process does at its start it does every 10 minutes. */
  async function restart(world: ScaikeyWorld): Promise<void> {
    await world.node.stop();
    await world.node.start();
  }

  /** What was heard and done so far, an hour ago. */
  async function longAgo(world: ScaikeyWorld): Promise<void> {
    await world.node.database.asOwner('update scaikey_facts set standing_at = standing_at - 3600000000, described_at = described_at - 3600000000');
    await world.node.database.asOwner('update scaikey_runs set last_ok = last_ok - 3600000');
  }

  /** How many runs for all tenants have ended in the last minute. */
  async function endedRuns(world: ScaikeyWorld): Promise<number> {
    const [row] = await world.node.database.asOwner<{ ended: number }>("select count(*)::integer as ended from scaikey_runs where part = 'directory' and last_ok > $1", [Date.now() - 60_000]);
    return row?.ended ?? 0;
  }
});
