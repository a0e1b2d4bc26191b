import { createServer, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { Meter } from '../../../src/kernel/ports.js';
import { systemTimers } from '../../../src/kernel/system-ports.js';
import { systemContext } from '../../../src/kernel/tenant-context.js';
import { assertOutsideTransaction } from '../../../src/kernel/transaction-scope.js';
import { Database, TenantMoved, type Tx } from '../../../src/store/database.js';
import { q, sql } from '../../../src/store/queries.js';
import { DataError, SqlError } from '../../../src/store/sql-error.js';
import { anyTenantId, freshDatabase, type TestDatabase } from '../../support/database.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';
import { SMALL_SCHEMA } from '../../support/small-schema.js';

interface Note {
  readonly tenant_id: string;
  readonly note_id: number;
  readonly big: number | null;
  readonly body: unknown;
}

/** What a server writes (PostgreSQL 53.7): AuthenticationOk and ReadyForQuery; then a fatal ErrorResponse. */
const READY = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1');
const THROWN_OUT = Buffer.from('E\0\0\0\x16SFATAL\0C57P01\0Mx\0\0', 'latin1');

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const notesOf = (tx: Tx): Promise<Note[]> => tx.rows<Note>(q('notes').select('*').orderBy('note_id'));

describe('the database', () => {
  let store: TestDatabase;
  let db: Database;
  const a = { tenantId: anyTenantId() };
  const b = { tenantId: anyTenantId() };
  const add = (tx: Tx, scope: typeof a, id: number): Promise<unknown> =>
    tx.rows(q('notes').insert({ tenant_id: scope.tenantId, note_id: id, body: JSON.stringify({ of: id }) }));

  before(async () => {
    store = await freshDatabase(SMALL_SCHEMA);
    db = store.database;
  });
  beforeEach(() => store.asOwner('delete from notes'));
  after(() => store.drop());

  describe('a tenant', () => {
    it('cannot write a row of another tenant', async () => {
      const error = await thrownBy(db.transact(a, (tx) => add(tx, b, 1)));
      expect(error).to.be.instanceOf(SqlError).with.property('sqlstate', '42501');
      expect(await db.transact(b, notesOf)).to.deep.equal([]);
    });

    it('cannot move a row to another tenant', async () => {
      await db.transact(a, (tx) => add(tx, a, 1));
      const error = await thrownBy(db.transact(a, (tx) => tx.rows(q('notes').update({ tenant_id: b.tenantId }))));
      expect(error).to.be.instanceOf(SqlError).with.property('sqlstate', '42501');
    });

    it('sees nothing of another tenant, and deletes nothing of it', async () => {
      await db.transact(a, (tx) => add(tx, a, 1));
      expect(await db.read(b, notesOf)).to.deep.equal([]);
      await db.transact(b, (tx) => tx.rows(q('notes').delete()));
      expect(await db.read(a, notesOf)).to.have.length(1);
    });

    it('cannot read a partition past its parent', async () => {
      await db.transact(a, (tx) => tx.rows(q('logs').insert({ tenant_id: a.tenantId, at: 1 })));
      const error = await thrownBy(db.transact(b, (tx) => tx.rows(q('logs_1').select('*'))));
      expect(error).to.be.instanceOf(SqlError).with.property('sqlstate', '42501');
    });

    it('is not left behind on the connection for the next caller', async () => {
      await db.transact(a, (tx) => add(tx, a, 1));
      const single = new Database({ url: store.appUrl, roles: store.roles, log: silentLog, meter: silentMeter, timers: systemTimers, poolMax: 1 });
      await single.transact(a, notesOf);
      const seen = await single.spanning(systemContext('find-due'), (tx) => tx.rows(sql(`select current_setting('app.tenant', true) as tenant`)));
      await single.close();
      expect(seen).to.deep.equal([{ tenant: '' }]);
    });

    it('is refused when its id is not one, before it becomes SQL', async () => {
      const evil = { tenantId: "x'; drop table notes; --" as typeof a.tenantId };
      expect(await thrownBy(db.transact(evil, notesOf))).to.be.instanceOf(GatewayError).with.property('code', 'SW_BAD_REQUEST');
    });
  });

  describe('a transaction', () => {
    it('keeps nothing of a work that fails', async () => {
      const thrown = new GatewayError('SW_ROOM_FROZEN', 'test');
      const error = await thrownBy(db.transact(a, async (tx) => {
        await add(tx, a, 1);
        throw thrown;
      }));
      expect(error).to.equal(thrown);
      expect(await db.read(a, notesOf)).to.deep.equal([]);
    });

    it('does not commit after a failed statement whose failure was swallowed', async () => {
      const error = await thrownBy(db.transact(a, async (tx) => {
        await add(tx, a, 1);
        await thrownBy(add(tx, a, 1));
      }));
      expect(error).to.be.instanceOf(DataError);
      expect(await db.read(a, notesOf)).to.deep.equal([]);
    });

    it('lets the work say in its own words why a constraint refused', async () => {
      const error = await thrownBy(db.transact(a, async (tx) => {
        await add(tx, a, 1);
        const refused = await thrownBy(add(tx, a, 1));
        if (refused instanceof DataError && refused.violates('notes_pkey')) throw new GatewayError('SW_EVENT_CONFLICT', 'taken');
      }));
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'SW_EVENT_CONFLICT');
    });

    it('cannot be used after its end', async () => {
      let escaped: Tx | undefined;
      await db.transact(a, async (tx) => {
        escaped = tx;
      });
      const error = await thrownBy(notesOf(escaped as Tx));
      expect(error).to.be.instanceOf(Error).with.property('message', 'a transaction was used after its end');
    });

    it('is undone when a statement in it was not awaited', async () => {
      let stray: Promise<unknown> | undefined;
      const error = await thrownBy(db.transact(a, async (tx) => {
        stray = add(tx, a, 1);
      }));
      await thrownBy(stray as Promise<unknown>);
      expect(error).to.be.instanceOf(Error).with.property('message', 'a statement of a transaction was not awaited');
      expect(await db.read(a, notesOf)).to.deep.equal([]);
    });

    it('is not opened inside another, however deep', async () => {
      const error = await thrownBy(db.transact(a, async () => {
        await Promise.resolve();
        await db.read(b, notesOf);
      }));
      expect(error).to.be.instanceOf(Error).and.not.instanceOf(GatewayError);
    });

    it('is known to calls that must stay outside, and forgotten afterwards', async () => {
      expect(await thrownBy(db.transact(a, async () => assertOutsideTransaction()))).to.be.instanceOf(Error);
      expect(() => assertOutsideTransaction()).not.to.throw();
    });

    it('for reading cannot write', async () => {
      const error = await thrownBy(db.read(a, (tx) => add(tx, a, 1)));
      expect(error).to.be.instanceOf(SqlError).with.property('sqlstate', '25006');
    });

    it('runs at read committed with every wait bounded', async () => {
      const [row] = await db.transact(a, (tx) => tx.rows<object>(sql(`select current_setting('transaction_isolation') as isolation,
        current_setting('lock_timeout') as locks, current_setting('statement_timeout') as statements,
        current_setting('idle_in_transaction_session_timeout') as idle`)));
      expect(row).to.deep.equal({ isolation: 'read committed', locks: '2s', statements: '10s', idle: '5s' });
    });
  });

  describe('a failure', () => {
    it('of the values says which constraint, and none of the values', async () => {
      const error = await thrownBy(db.transact(a, (tx) => tx.rows(q('notes').insert({ tenant_id: a.tenantId, note_id: 4711, secret: 'marker' }))));
      expect(error).to.be.instanceOf(DataError).with.property('constraint', 'notes_small');
      expect(JSON.stringify(error) + String(error)).not.to.match(/marker|4711/);
      expect(error).not.to.have.property('cause');
    });

    it('of a bigint beyond 2^53 is not rounded away', async () => {
      await store.asOwner('insert into notes (tenant_id, note_id, big) values ($1, 1, 9007199254740993)', [a.tenantId]);
      expect(await thrownBy(db.read(a, notesOf))).to.be.instanceOf(RangeError);
    });

    it('does not take the connection with it', async () => {
      for (let n = 0; n < 20; n += 1) await thrownBy(db.transact(a, (tx) => tx.rows(sql('select 1 / 0'))));
      expect(await db.read(a, notesOf)).to.deep.equal([]);
    });
  });

  describe('doing it again', () => {
    it('happens once after a deadlock, and both sides succeed', async () => {
      await db.transact(a, async (tx) => {
        await add(tx, a, 1);
        await add(tx, a, 2);
      });
      let runs = 0;
      const lockBoth = (first: number, second: number): Promise<void> =>
        db.transact(a, async (tx) => {
          runs += 1;
          await tx.rows(q('notes').where({ note_id: first }).update({ big: first }));
          await new Promise((resolve) => setTimeout(resolve, 100));
          await tx.rows(q('notes').where({ note_id: second }).update({ big: second }));
        });
      await Promise.all([lockBoth(1, 2), lockBoth(2, 1)]);
      expect(runs).to.equal(3);
    });

    it('happens once after a lost connection', async () => {
      let runs = 0;
      await db.transact(a, async (tx) => {
        runs += 1;
        const [self] = await tx.rows<{ pid: number }>(sql('select pg_backend_pid() as pid'));
        await add(tx, a, runs);
        if (runs === 1) await store.asOwner('select pg_terminate_backend($1)', [self?.pid]);
        await notesOf(tx);
      });
      expect(runs).to.equal(2);
      expect((await db.read(a, notesOf)).map(({ note_id }) => note_id)).to.deep.equal([2]);
    });

    it('does not happen a second time then: the caller is told to come back', async () => {
      let runs = 0;
      const error = await thrownBy(db.transact(a, async (tx) => {
        runs += 1;
        const [self] = await tx.rows<{ pid: number }>(sql('select pg_backend_pid() as pid'));
        await store.asOwner('select pg_terminate_backend($1)', [self?.pid]);
        await notesOf(tx);
      }));
      expect(runs).to.equal(2);
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'SW_UNAVAILABLE');
      expect(error).to.have.property('retryAfterSeconds').that.is.greaterThan(0);
    });

    it('happens more often when the tenant changes under the work, and that comes to an end too', async () => {
      const movedTimes = async (times: number): Promise<{ readonly runs: number; readonly outcome: unknown }> => {
        let runs = 0;
        const outcome = await db.transact(a, async (tx) => {
          runs += 1;
          await add(tx, a, runs);
          if (runs <= times) throw new TenantMoved();
          return 'written';
        }).catch((error: unknown) => error);
        return { runs, outcome };
      };
      expect(await movedTimes(LIMITS.movedRepeatsMax)).to.deep.equal({ runs: LIMITS.movedRepeatsMax + 1, outcome: 'written' });
      expect((await db.read(a, notesOf)).map(({ note_id }) => note_id)).to.deep.equal([LIMITS.movedRepeatsMax + 1]);
      await store.asOwner('delete from notes');
      const restless = await movedTimes(Infinity);
      expect(restless.runs).to.equal(LIMITS.movedRepeatsMax + 1);
      expect(restless.outcome).to.include({ code: 'SW_UNAVAILABLE', retryAfterSeconds: 1 });
    });

    it('does not happen when the answer to a commit is lost, since it may have committed', async () => {
      await store.asOwner(`
        create or replace function die() returns trigger language plpgsql as
          $$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return null; end $$;
        create constraint trigger die after insert on notes deferrable initially deferred for each row execute function die();
        grant pg_signal_backend to ${store.roles.app}`);
      let runs = 0;
      const error = await thrownBy(db.transact(a, async (tx) => {
        runs += 1;
        await add(tx, a, 1);
      }));
      await store.asOwner(`drop trigger die on notes; revoke pg_signal_backend from ${store.roles.app}`);
      expect(runs).to.equal(1);
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'SW_UNAVAILABLE');
    });

    it('does not happen after a refusal of the values', async () => {
      let runs = 0;
      await thrownBy(db.transact(a, async (tx) => {
        runs += 1;
        await add(tx, a, 5_000);
      }));
      expect(runs).to.equal(1);
    });
  });

  describe('a spanning call', () => {
    it('sees the listed columns of all tenants', async () => {
      await db.transact(a, (tx) => add(tx, a, 1));
      await db.transact(b, (tx) => add(tx, b, 2));
      const rows = await db.spanning(systemContext('find-due'), (tx) => tx.rows(q('notes').select('tenant_id', 'note_id').orderBy('note_id')));
      expect(rows).to.deep.equal([{ tenant_id: a.tenantId, note_id: 1 }, { tenant_id: b.tenantId, note_id: 2 }]);
    });

    it('sees no other column', async () => {
      const error = await thrownBy(db.spanning(systemContext('find-due'), (tx) => tx.rows(q('notes').select('body'))));
      expect(error).to.be.instanceOf(SqlError).with.property('sqlstate', '42501');
    });

    it('cannot write', async () => {
      const error = await thrownBy(db.spanning(systemContext('find-due'), (tx) => tx.rows(q('notes').delete())));
      expect(error).to.be.instanceOf(SqlError).with.property('sqlstate').that.is.oneOf(['25006', '42501']);
    });

    it('is counted by its purpose', async () => {
      const counted: unknown[] = [];
      const meter: Pick<Meter, 'count'> = { count: (name, labels) => void counted.push([name, labels]) };
      const metered = new Database({ url: store.appUrl, roles: store.roles, log: silentLog, meter, timers: systemTimers, poolMax: 1 });
      await metered.spanning(systemContext('resolve-tenant'), async () => undefined);
      await metered.close();
      expect(counted).to.deep.equal([['store_spanning_calls_total', { purpose: 'resolve-tenant' }]]);
    });
  });

  describe('a statement of its own', () => {
    it('runs for the tenant that is its first value, and for no other', async () => {
      await store.asOwner(`create function note(p_tenant uuid, p_id integer) returns integer language plpgsql as $$ begin
        perform set_config('app.tenant', p_tenant::text, true);
        insert into notes (tenant_id, note_id) values (p_tenant, p_id); return p_id; end $$`);
      await db.prepared(a, 'note', 'select note($1, $2)', [a.tenantId, 7]);
      expect(await db.read(a, notesOf)).to.have.length(1);
      expect(await thrownBy(db.prepared(a, 'note', 'select note($1, $2)', [b.tenantId, 8]))).to.be.instanceOf(Error);
      expect(await db.read(b, notesOf)).to.deep.equal([]);
    });
  });

  describe('a PostgreSQL that is away', () => {
    it('is a 503 with a time to come back', async () => {
      const away = new Database({ url: 'postgresql://x_app@127.0.0.1:1/x', roles: store.roles, log: silentLog, meter: silentMeter, timers: systemTimers, poolMax: 1 });
      const error = await thrownBy(away.read(a, notesOf));
      await away.close();
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'SW_UNAVAILABLE');
      expect(error).to.have.property('retryAfterSeconds').that.is.greaterThan(0);
    });

    it('ends no process when it cuts idle connections, and is used again by itself', async () => {
      await db.read(a, notesOf);
      await store.asOwner(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'scaiwave'`, [store.name]);
      expect(await db.read(a, notesOf)).to.deep.equal([]);
    });

    it('ends no process when it shuts a connection in the breath in which it opened it', async () => {
      const fickle = createServer((socket) => socket.once('data', () => socket.end(Buffer.concat([READY, THROWN_OUT]))).on('error', () => undefined));
      await new Promise<void>((resolve) => fickle.listen(0, '127.0.0.1', resolve));
      const away = new Database({ url: `postgresql://x_app@127.0.0.1:${(fickle.address() as AddressInfo).port}/x`, roles: store.roles, log: silentLog, meter: silentMeter, timers: systemTimers, poolMax: 1 });
      const error = await thrownBy(away.read(a, notesOf));
      await away.close();
      fickle.close();
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'SW_UNAVAILABLE');
    });

    it('is the answer too when all connections are taken for too long', async function () {
      this.timeout(15_000);
      const small = new Database({ url: store.appUrl, roles: store.roles, log: silentLog, meter: silentMeter, timers: systemTimers, poolMax: 1 });
      let free: (() => void) | undefined;
      const holding = small.read(a, () => new Promise<void>((resolve) => (free = resolve)));
      const error = await thrownBy(small.read(b, notesOf));
      free?.();
      await thrownBy(holding);
      await small.close();
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'SW_UNAVAILABLE');
    });
  });

  it('closes twice without complaint', async () => {
    const closing = new Database({ url: store.appUrl, roles: store.roles, log: silentLog, meter: silentMeter, timers: systemTimers });
    await closing.close();
    await closing.close();
  });
});
