import { expect } from 'chai';
import pg from 'pg';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { Timers } from '../../../src/kernel/ports.js';
import { systemRandomness, systemTimers } from '../../../src/kernel/system-ports.js';
import { migrate } from '../../../src/store/migrate.js';
import type { Migration } from '../../../src/store/migrations/migration.js';
import { roleNames } from '../../../src/store/roles.js';
import { startCheck } from '../../../src/store/start-check/start-check.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { silentLog } from '../../support/silent-ports.js';
import { SMALL_SCHEMA } from '../../support/small-schema.js';

const NOBODY = '00000000-0000-4000-8000-000000000000';
const NOTHING: readonly Migration[] = [];
const SECOND: Migration = { name: '0002-more', up: ({ run }) => run(`alter table notes add column more jsonb default '{"a": 1}' check (more ? 'a')`) };
const BROKEN: Migration = { name: '0003-broken', up: ({ run }) => run('create table half (tenant_id uuid); select no_such_function()') };

describe('migrate', () => {
  let store: TestDatabase;
  const go = (migrations: readonly Migration[], timers: Pick<Timers, 'sleep'> = systemTimers): ReturnType<typeof migrate> =>
    migrate({ ownerUrl: store.ownerUrl, appUrl: store.appUrl, migrations, randomness: systemRandomness, timers, log: silentLog });

  beforeEach(async () => {
    store = await freshDatabase(NOTHING);
  });
  afterEach(() => store.drop());

  it('applies what is missing, in order, and nothing twice', async () => {
    expect((await go(SMALL_SCHEMA)).applied).to.deep.equal(['0001-small']);
    expect((await go([...SMALL_SCHEMA, SECOND])).applied).to.deep.equal(['0002-more']);
    expect((await go([...SMALL_SCHEMA, SECOND])).applied).to.deep.equal([]);
  });

  it('may run in several processes at once: one does it, the others wait', async () => {
    const runs = await Promise.all(Array.from({ length: 6 }, () => go([...SMALL_SCHEMA, SECOND])));
    expect(runs.flatMap(({ applied }) => applied)).to.deep.equal(['0001-small', '0002-more']);
  });

  it('keeps nothing of a step that fails, and goes on from there when it is run again', async () => {
    expect(await failureOf(go([...SMALL_SCHEMA, BROKEN]))).to.have.property('code', '42883');
    expect(await store.asOwner(`select to_regclass('half') as half, to_regclass('notes')::text as notes`)).to.deep.equal([{ half: null, notes: 'notes' }]);
    expect((await go([...SMALL_SCHEMA, SECOND])).applied).to.deep.equal(['0002-more']);
  });

  it('gives way to those who use a table that a step needs whole, and has its turn after them', async () => {
    await go(SMALL_SCHEMA);
    const user = new pg.Client({ connectionString: store.ownerUrl });
    await user.connect();
    await user.query('begin');
    const note = (id: number): string => `insert into notes (tenant_id, note_id) values ('${NOBODY}', ${id})`;
    await user.query(note(1));
    let pauses = 0;
    const sleep = async (): Promise<void> => {
      pauses += 1;
      // Nothing stands before the table meanwhile.
      await store.asOwner(`set local lock_timeout = 100; ${note(1 + pauses)}`);
      if (pauses === 2) await user.query('commit');
    };
    try {
      expect((await go([...SMALL_SCHEMA, SECOND], { sleep })).applied).to.deep.equal(['0002-more']);
    } finally {
      await user.end();
    }
    expect(pauses).to.equal(2);
    expect(await store.asOwner('select count(*)::int as notes from notes')).to.deep.equal([{ notes: 3 }]);
  });

  it('repeats a step that was given up for a deadlock, a bounded number of times', async () => {
    let [tries, pauses] = [0, 0];
    const failing = (times: number): Migration => ({
      name: '0002-raced',
      async up({ run }) {
        tries += 1;
        await run('create table raced (tenant_id uuid)');
        if (tries <= times) await run("do $$ begin raise exception using errcode = '40P01'; end $$");
      },
    });
    const timers = { sleep: async (ms: number) => void (pauses += ms) };
    expect((await go([...SMALL_SCHEMA, failing(3)], timers)).applied).to.deep.equal(['0001-small', '0002-raced']);
    expect([tries, pauses]).to.deep.equal([4, 3 * LIMITS.migrationPauseMs]);

    await store.asOwner("drop table raced; delete from scaiwave_migrations.applied where name = '0002-raced'");
    tries = 0;
    expect(await failureOf(go([...SMALL_SCHEMA, failing(Infinity)], timers))).to.have.property('code', '40P01');
    expect(tries).to.equal(LIMITS.migrationTriesMax);
  });

  it('goes on after one that was killed with its lock in the books', async () => {
    await go(SMALL_SCHEMA);
    await store.asOwner('update scaiwave_migrations.applied_lock set is_locked = 1');
    expect((await go([...SMALL_SCHEMA, SECOND])).applied).to.deep.equal(['0002-more']);
  });

  it('leaves the schema to the owner role, and the service without a right to change it', async () => {
    await go(SMALL_SCHEMA);
    const [row] = await store.asOwner(`select tableowner as owner from pg_tables where tablename = 'notes'`);
    expect(row).to.deep.equal({ owner: store.roles.owner });
    for (const statement of ['drop table notes', 'create table mine (id int)', `set role ${store.roles.owner}`, 'truncate notes', 'delete from scaiwave_migrations.applied']) {
      expect(await sqlstateOf(store.appUrl, statement), statement).to.equal('42501');
    }
  });

  it('lets a login that is no superuser migrate, if it may make roles and owns the database', async () => {
    const name = `${store.name}_plain`;
    const roles = roleNames(name);
    await store.asOwner(`create role ${name} login createrole password 'test-only'`);
    await store.asOwner(`create database ${name} owner ${name} template template0`);
    try {
      const ownerUrl = loginAs(store.ownerUrl, name, name);
      const appUrl = loginAs(store.ownerUrl, roles.app, name);
      const options = { ownerUrl, appUrl, randomness: systemRandomness, timers: systemTimers, log: silentLog };
      expect((await migrate({ ...options, migrations: SMALL_SCHEMA })).applied).to.deep.equal(['0001-small']);
      expect((await migrate({ ...options, migrations: [...SMALL_SCHEMA, SECOND] })).applied).to.deep.equal(['0002-more']);
      await startCheck({ url: appUrl, roles, migrations: [...SMALL_SCHEMA, SECOND] });
    } finally {
      await store.asOwner(`drop database ${name} with (force)`);
      for (const role of [roles.owner, roles.system, roles.app, name]) await store.asOwner(`drop role if exists ${role}`);
    }
  });

  it('sends a password as its verifier only', async () => {
    const [row] = await store.asOwner('select rolpassword as verifier from pg_authid where rolname = $1', [store.roles.app]);
    expect(row?.['verifier']).to.match(/^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/);
  });
});

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error,
  );
}

function loginAs(url: string, login: string, database: string): string {
  const changed = new URL(url);
  [changed.username, changed.password, changed.pathname] = [login, 'test-only', `/${database}`];
  return changed.href;
}

async function sqlstateOf(url: string, statement: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
    return undefined;
  } catch (error) {
    return error instanceof pg.DatabaseError ? error.code : error;
  } finally {
    await client.end();
  }
}
