import { expect } from 'chai';
import pg from 'pg';
import type { Log } from '../../../src/kernel/ports.js';
import { silentLog, systemRandomness } from '../../../src/kernel/system-ports.js';
import { migrate } from '../../../src/store/migrate.js';
import type { Migration } from '../../../src/store/migrations/migration.js';
import { roleNames } from '../../../src/store/roles.js';
import { startCheck } from '../../../src/store/start-check/start-check.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { SMALL_SCHEMA } from '../../support/small-schema.js';

const NOTHING: readonly Migration[] = [];
const SECOND: Migration = { name: '0002-more', up: ({ run }) => run(`alter table notes add column more jsonb default '{"a": 1}' check (more ? 'a')`) };
const BROKEN: Migration = { name: '0003-broken', up: ({ run }) => run('create table half (tenant_id uuid); select no_such_function()') };

describe('migrate', () => {
  let store: TestDatabase;
  const go = (migrations: readonly Migration[], log: Pick<Log, 'warn'> = silentLog): ReturnType<typeof migrate> =>
    migrate({ ownerUrl: store.ownerUrl, appUrl: store.appUrl, migrations, randomness: systemRandomness, log });

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

  it('keeps nothing of a run in which a step fails, and can be run again', async () => {
    const failed = await go([...SMALL_SCHEMA, BROKEN]).then(
      () => false,
      () => true,
    );
    expect(failed).to.equal(true);
    expect(await store.asOwner(`select to_regclass('half') as half, to_regclass('notes')::text as notes`)).to.deep.equal([{ half: null, notes: null }]);
    expect((await go([...SMALL_SCHEMA, SECOND])).applied).to.deep.equal(['0001-small', '0002-more']);
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
      const options = { ownerUrl, appUrl, randomness: systemRandomness, log: silentLog };
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
