import { expect } from 'chai';
import pg from 'pg';
import { actOf, EVERY_ACT } from '../../../src/kernel/audit.js';
import type { Caller } from '../../../src/kernel/caller.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import type { JsonObject } from '../../../src/kernel/events.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { AuditWalk } from '../../../src/protocol/audit.js';
import { auditRecord } from '../../../src/flows/audit/audit-record.js';
import type { AuditRow } from '../../../src/store/repositories/audit.repository.js';
import { SqlError } from '../../../src/store/sql-error.js';
import { AuditWorld, renamed } from '../../support/audit-world.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';

describe('the audit in the database', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let world: AuditWorld;
  let ctx: TenantContext;
  let caller: Caller;

  beforeEach(async () => {
    database = await freshDatabase();
    world = new AuditWorld(database);
    ctx = await world.tenant('first');
    caller = await world.admin(ctx);
  });
  afterEach(() => database.drop());

  const rowsOf = (tenant: TenantContext): Promise<readonly AuditRow[]> => world.store.read(tenant, ({ audit }) => audit.run(tenant, EVERY_ACT, 0, 1_000, 1_000));
  const faultOf = async (tenant: TenantContext): Promise<number | undefined> => {
    const walk = new AuditWalk('every row');
    return (await rowsOf(tenant)).map(auditRecord).find((record) => walk.take(record) !== undefined)?.seq;
  };
  /** One statement as the service, bound to a tenant; the SQLSTATE of its refusal. */
  const asService = async (statement: string, tenant: TenantContext = ctx): Promise<string> => {
    const client = new pg.Client({ connectionString: database.appUrl });
    await client.connect();
    try {
      await client.query(`set app.tenant = '${tenant.tenantId}'`);
      await client.query(statement);
      return 'done';
    } catch (error) {
      return error instanceof pg.DatabaseError ? (error.code ?? '') : String(error);
    } finally {
      await client.end();
    }
  };

  it('is one chain without a gap or a fork after a hundred acts at once, and hashes as the specification says', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, index) => world.act(ctx, renamed(caller, `brg-${index}`))));
    const rows = await rowsOf(ctx);
    expect(rows.map(({ seq }) => seq)).to.deep.equal(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(new Set(rows.map(({ target }) => target)).size).to.equal(100);
    expect(await faultOf(ctx)).to.equal(undefined);
  });

  it('leaves no gap where transactions fail in between', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        world.store.transact(ctx, async ({ audit }) => {
          await audit.append(ctx, renamed(caller, `brg-${index}`));
          if (index % 2 === 1) throw new Error('the act failed');
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(20);
    expect((await rowsOf(ctx)).map(({ seq }) => seq)).to.deep.equal(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(await faultOf(ctx)).to.equal(undefined);
  });

  it('hashes every kind of value as the specification says', async () => {
    const detail = { text: 'Zürich \u{1F30A} "\\/\b\f\n\r\t\u0001\u007f\u2028', list: [1, -1, 0, 0.25, 9_007_199_254_740_991, true, false, null, [], {}], b: { z: 1, a: 2, Z: 3, ä: 4 } };
    await world.act(ctx, { ...renamed(caller, 'ta"rget'), detail }, actOf('cli', 'tenant.created', null));
    expect((await rowsOf(ctx))[0]?.detail).to.deep.equal(detail);
    expect(await faultOf(ctx)).to.equal(undefined);
  });

  it('keeps a number as text that not everybody spells alike', async () => {
    const numbers = [1e300, -1e21, 9_007_199_254_740_992, 1e-7, 5e-324, Infinity];
    await world.act(ctx, { ...renamed(caller, 'brg'), detail: { numbers, within: { one: 1e300 } } }, { ...renamed(caller, 'brg'), detail: { numbers: [1e-6, -9_007_199_254_740_991, 0.1] } });
    const [asText, asIs] = await rowsOf(ctx);
    expect(asText?.detail).to.deep.equal({ numbers: ['1e+300', '-1e+21', '9007199254740992', '1e-7', '5e-324', 'Infinity'], within: { one: '1e+300' } });
    expect(asIs?.detail).to.deep.equal({ numbers: [1e-6, -9_007_199_254_740_991, 0.1] });
    expect(await faultOf(ctx)).to.equal(undefined);
  });

  it('cuts what is long where a reader sees it, and goes on', async () => {
    const servers = Array.from({ length: 1_000 }, (_, index) => `server-${index}.example`);
    const full = { text: 'x'.repeat(LIMITS.auditTextCharsMax), list: servers.slice(0, LIMITS.auditListItemsMax) };
    const details: readonly JsonObject[] = [
      full,
      { text: 'x'.repeat(LIMITS.auditTextCharsMax + 1), wave: `${'x'.repeat(LIMITS.auditTextCharsMax - 1)}\u{1F30A}`, within: { added: servers } },
      Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`member-${index}`, 'x'.repeat(100)])),
    ];
    await world.act(ctx, ...details.map((detail) => ({ ...renamed(caller, 'brg'), detail })));
    const [asIs, shorter, none] = await rowsOf(ctx);
    expect(asIs?.detail).to.deep.equal(full);
    expect(shorter?.detail).to.deep.equal({ text: `${full.text}… +1`, wave: `${'x'.repeat(LIMITS.auditTextCharsMax - 1)}… +2`, within: { added: [...full.list, '… +950'] } });
    expect(none?.detail).to.deep.equal({ left_out: `${Buffer.byteLength(JSON.stringify(details[2]))} bytes` });
    expect(await faultOf(ctx)).to.equal(undefined);
  });

  it('fails the act whose record cannot be written', async () => {
    const failed = await world.store
      .transact(ctx, async ({ tenants, audit }) => {
        await tenants.addName(ctx, 'slug', 'another');
        await audit.append(ctx, { ...renamed(caller, 'brg'), detail: { nobodyCanKeep: '\u0000' } });
      })
      .catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(SqlError);
    expect(await database.asOwner(`select from tenant_names where value = 'another'`)).to.deep.equal([]);
    expect(await rowsOf(ctx)).to.deep.equal([]);
  });

  it('fails a reading call that acts', async () => {
    const failed = await world.store.read(ctx, ({ audit }) => audit.append(ctx, renamed(caller, 'brg'))).catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(SqlError).with.property('sqlstate', '25006');
  });

  describe('in the hands of the service', () => {
    beforeEach(() => world.act(ctx, renamed(caller, 'brg-1'), renamed(caller, 'brg-2')));

    const INSERT = `'{"name": "x"}', 'bridge.paused', '{}'`;
    const REFUSALS: readonly (readonly [what: string, statement: (tenant: string) => string, sqlstate: string])[] = [
      ['updated', () => `update audit set target = 'brg-3'`, '42501'],
      ['deleted', () => 'delete from audit', '42501'],
      ['truncated', () => 'truncate audit', '42501'],
      ['given a number', (tenant) => `insert into audit (tenant_id, actor, act, detail, seq) values ('${tenant}', ${INSERT}, 9)`, '42501'],
      ['given a time', (tenant) => `insert into audit (tenant_id, actor, act, detail, at) values ('${tenant}', ${INSERT}, 9)`, '42501'],
      ['given a hash', (tenant) => `insert into audit (tenant_id, actor, act, detail, hash) values ('${tenant}', ${INSERT}, 'x')`, '42501'],
      ['given another predecessor', (tenant) => `insert into audit (tenant_id, actor, act, detail, previous_hash) values ('${tenant}', ${INSERT}, 'x')`, '42501'],
      ['replaced on conflict', (tenant) => `insert into audit (tenant_id, actor, act, detail) values ('${tenant}', ${INSERT}) on conflict (tenant_id, seq) do update set target = 'x'`, '42501'],
      ['merged', () => `merge into audit a using (select 1) s on true when matched then delete`, '42501'],
      ['freed of its triggers', () => 'alter table audit disable trigger all', '42501'],
      ['written without them', () => 'set session_replication_role = replica', '42501'],
      ['given an act that is none', (tenant) => `insert into audit (tenant_id, actor, act, detail) values ('${tenant}', '{"name": "x"}', 'Paused!', '{}')`, '23514'],
    ];
    for (const [what, statement, sqlstate] of REFUSALS) {
      it(`is not ${what}`, async () => {
        const before = await rowsOf(ctx);
        expect(await asService(statement(ctx.tenantId))).to.equal(sqlstate);
        expect(await rowsOf(ctx)).to.deep.equal(before);
      });
    }

    it('is not written for another tenant than the session’s', async () => {
      const other = await world.tenant('second');
      expect(await asService(`insert into audit (tenant_id, actor, act, detail) values ('${other.tenantId}', ${INSERT})`)).to.equal('42501');
      expect(await asService(`select append_audit('${other.tenantId}', '[{"actor": {"name": "x"}, "act": "bridge.paused", "detail": {}}]')`)).to.equal('42501');
      expect(await rowsOf(other)).to.deep.equal([]);
    });

    it('is chained by the database however it is inserted', async () => {
      expect(await asService(`insert into audit (tenant_id, actor, act, detail) select '${ctx.tenantId}', '{"name": "x"}', 'bridge.paused', '{}' from generate_series(1, 3)`)).to.equal('done');
      expect(await rowsOf(ctx)).to.have.length(5);
      expect(await faultOf(ctx)).to.equal(undefined);
    });

    it('does not fork under an isolation that cannot see the row before', async () => {
      const client = new pg.Client({ connectionString: database.appUrl });
      await client.connect();
      await client.query(`set app.tenant = '${ctx.tenantId}'; begin isolation level repeatable read`);
      await client.query('select count(*) from audit');
      await world.act(ctx, renamed(caller, 'brg-3'));
      const refused = await client.query(`insert into audit (tenant_id, actor, act, detail) values ('${ctx.tenantId}', ${INSERT})`).catch((error: unknown) => error);
      await client.end();
      expect(refused).to.be.instanceOf(pg.DatabaseError).with.property('code').that.is.oneOf(['23505', '40001']);
      expect(await faultOf(ctx)).to.equal(undefined);
    });
  });

  it('stops even its owner from changing a row by mistake', async () => {
    await world.act(ctx, renamed(caller, 'brg-1'));
    for (const statement of [`update audit set target = 'x'`, 'delete from audit', 'truncate audit']) {
      const refused = await database.asOwner(statement).catch((error: unknown) => error);
      expect(refused, statement).to.be.instanceOf(pg.DatabaseError).with.property('code', '42501');
    }
  });

  describe('tampered with by whoever owns the database', () => {
    beforeEach(() => world.act(ctx, ...Array.from({ length: 6 }, (_, index) => renamed(caller, `brg-${index}`))));

    it('shows a changed row, whatever was changed', async () => {
      const changes = ['at = at - 1', `actor = '{"name": "cli"}'`, `act = 'bridge.resumed'`, `target = 'other'`, 'target = null', `detail = '{}'`, `request_id = null`, 'for_tenant_id = tenant_id', `hash = sha256('x')`, `previous_hash = sha256('x')`];
      for (const change of changes) {
        await database.asOwner('drop table if exists kept; create table kept as select * from audit');
        await world.tamper(`update audit set ${change} where seq = 4`);
        expect(await faultOf(ctx), change).to.equal(4);
        await world.tamper('delete from audit', 'insert into audit select * from kept');
        expect(await faultOf(ctx)).to.equal(undefined);
      }
    });

    it('shows a changed row that was hashed anew', async () => {
      await world.tamper(`update audit set target = 'other' where seq = 4`, 'update audit a set hash = audit_hash(a) where seq = 4');
      expect(await faultOf(ctx)).to.equal(5);
    });

    it('shows a row taken out of the middle, and numbers moved over its place', async () => {
      await world.tamper('delete from audit where seq = 3');
      expect(await faultOf(ctx)).to.equal(4);
      await world.tamper('update audit set seq = seq - 1 where seq = 4', 'update audit set seq = seq - 1 where seq = 5', 'update audit set seq = seq - 1 where seq = 6');
      expect(await faultOf(ctx)).to.equal(3);
    });

    it('shows a row put in between', async () => {
      await world.tamper(
        'update audit set seq = 7 where seq = 6', 'update audit set seq = 6 where seq = 5', 'update audit set seq = 5 where seq = 4',
        `insert into audit select tenant_id, 4, at, actor, act, 'put in', detail, null, null, hash, hash from audit where seq = 3`,
        'update audit a set hash = audit_hash(a) where seq = 4',
      );
      expect(await faultOf(ctx)).to.equal(5);
    });

    it('no longer has the head that somebody remembers, when its end was cut off', async () => {
      const remembered = (await rowsOf(ctx)).at(-1);
      await world.tamper('delete from audit where seq > 4');
      expect(await faultOf(ctx)).to.equal(undefined);
      await world.act(ctx, renamed(caller, 'brg-a'), renamed(caller, 'brg-b'));
      const now = (await rowsOf(ctx)).at(-1);
      expect([now?.seq, now?.hash.equals(remembered?.hash ?? Buffer.alloc(0))]).to.deep.equal([6, false]);
    });
  });

  describe('of a person who acts for another tenant', () => {
    let customer: TenantContext;
    let partner: Caller;

    beforeEach(async () => {
      customer = await world.tenant('customer');
      partner = await world.admin(ctx, customer);
    });

    it('is written in both, and at home without what it was done to', async () => {
      await world.act(customer, renamed(partner, 'brg-secret-name'));
      const [there] = await rowsOf(customer);
      const [home] = await rowsOf(ctx);
      expect({ act: there?.act, target: there?.target, for: there?.for_tenant_id, name: there?.actor['name'], home: there?.actor['home_tenant_id'] }).to.deep.equal({
        act: 'bridge.paused', target: 'brg-secret-name', for: null, name: partner.fqid, home: ctx.tenantId,
      });
      expect({ act: home?.act, target: home?.target, detail: home?.detail, for: home?.for_tenant_id, request: home?.request_id }).to.deep.equal({
        act: 'bridge.paused', target: null, detail: {}, for: customer.tenantId, request: 'a-request',
      });
      expect([await faultOf(ctx), await faultOf(customer)]).to.deep.equal([undefined, undefined]);
    });

    it('is in neither when the act fails', async () => {
      const failed = world.store.transact(customer, async ({ audit }) => {
        await audit.append(customer, renamed(partner, 'brg'));
        throw new Error('the act failed');
      });
      await failed.catch(() => undefined);
      expect([await rowsOf(ctx), await rowsOf(customer)]).to.deep.equal([[], []]);
    });

    it('is refused, with the act, for a home in which they are nobody', async () => {
      const third = await world.tenant('third');
      const failed = await world.act(customer, renamed({ ...partner, homeTenantId: third.tenantId }, 'brg')).catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(SqlError).with.property('sqlstate', '42501');
      for (const tenant of [ctx, customer, third]) expect(await rowsOf(tenant)).to.deep.equal([]);
    });

    it('leaves the session where it was: nothing of the home can be read or written afterwards', async () => {
      const entries = JSON.stringify([{ actor: { name: partner.fqid, participant_id: partner.participantId, home_tenant_id: ctx.tenantId }, act: 'bridge.paused', detail: {} }]);
      const seen = await world.store.transact(customer, async ({ audit }) => {
        await audit.append(customer, renamed(partner, 'brg'));
        await audit.flush();
        return [(await audit.page(ctx, EVERY_ACT, null, 10)).length, (await audit.page(customer, EVERY_ACT, null, 10)).length];
      });
      expect(seen).to.deep.equal([0, 1]);
      expect(await asService(`begin; select append_audit('${customer.tenantId}', '${entries}'); select bind_tenant('${ctx.tenantId}')`, customer)).to.equal('42501');
    });

    it('never waits for itself: both ways at once, a hundred times', async () => {
      const back = await world.admin(customer, ctx);
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          index % 2 === 0 ? world.act(customer, actOf('system', 'bridge.ended', 'brg'), renamed(partner, 'brg')) : world.act(ctx, actOf('system', 'bridge.ended', 'brg'), renamed(back, 'brg')),
        ),
      );
      expect([(await rowsOf(ctx)).length, (await rowsOf(customer)).length]).to.deep.equal([150, 150]);
      expect([await faultOf(ctx), await faultOf(customer)]).to.deep.equal([undefined, undefined]);
      const [{ deadlocks } = { deadlocks: 'unknown' }] = await database.asOwner<{ deadlocks: string }>('select deadlocks from pg_stat_database where datname = current_database()');
      expect(Number(deadlocks)).to.equal(0);
    });
  });
});
