import { expect } from 'chai';
import { migrate } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { MIGRATIONS } from '../../../src/store/migrations/index.js';
import { startCheck } from '../../../src/store/start-check/start-check.js';
import { checkServer } from '../../../src/store/start-check/version.js';
import { StartRefusal, type Rule } from '../../../src/store/start-refusal.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { isRealStack } from '../../support/services.js';
import { SMALL_SCHEMA } from '../../support/small-schema.js';

/** One fault: how it is planted, and how it is taken away again where it would outlive the database. */
interface Plant {
  readonly fault: string;
  readonly rule: Rule;
  readonly plant: string;
  readonly undo?: string;
}

/** `{app}`, `{system}` and `{owner}` stand for the roles of the run, `{database}` for the database. */
const PLANTS: readonly Plant[] = [
  { fault: 'a login that is a superuser', rule: 'role-power', plant: 'alter role {app} superuser', undo: 'alter role {app} nosuperuser' },
  { fault: 'a login with BYPASSRLS', rule: 'role-power', plant: 'alter role {app} bypassrls', undo: 'alter role {app} nobypassrls' },
  { fault: 'a login with CREATEROLE', rule: 'role-power', plant: 'alter role {app} createrole', undo: 'alter role {app} nocreaterole' },
  { fault: 'a login with REPLICATION', rule: 'role-power', plant: 'alter role {app} replication', undo: 'alter role {app} noreplication' },
  { fault: 'a system role with BYPASSRLS', rule: 'role-power', plant: 'alter role {system} bypassrls', undo: 'alter role {system} nobypassrls' },
  { fault: 'a login with INHERIT', rule: 'role-inherits', plant: 'alter role {app} inherit', undo: 'alter role {app} noinherit' },
  { fault: 'a login in the owner role', rule: 'role-membership', plant: 'grant {owner} to {app}', undo: 'revoke {owner} from {app}' },
  { fault: 'a login in a role of the server', rule: 'role-membership', plant: 'grant pg_read_all_data to {app}', undo: 'revoke pg_read_all_data from {app}' },
  { fault: 'a system role in another role', rule: 'role-membership', plant: 'grant pg_read_all_data to {system}', undo: 'revoke pg_read_all_data from {system}' },
  { fault: 'a table that the login owns', rule: 'role-owns', plant: 'alter table notes owner to {app}' },
  { fault: 'a table that the system role owns', rule: 'role-owns', plant: 'alter table notes owner to {system}' },
  { fault: 'a function that the login owns', rule: 'role-owns', plant: 'create function f() returns int language sql return 1; alter function f owner to {app}' },
  { fault: 'a schema that the login owns', rule: 'role-owns', plant: 'create schema own authorization {app}' },
  { fault: 'a database that the login owns', rule: 'role-owns', plant: 'alter database {database} owner to {app}' },
  { fault: 'a login that may create tables', rule: 'role-owns', plant: 'grant create on schema public to {app}' },
  { fault: 'everybody being allowed to create tables', rule: 'role-owns', plant: 'grant create on schema public to public' },
  { fault: 'TRUNCATE granted', rule: 'role-privilege', plant: 'grant truncate on notes to {app}' },
  { fault: 'REFERENCES granted', rule: 'role-privilege', plant: 'grant references on notes to {app}' },
  { fault: 'TRIGGER granted to everybody', rule: 'role-privilege', plant: 'grant trigger on notes to public' },
  { fault: 'TRUNCATE granted to the system role', rule: 'role-privilege', plant: 'grant truncate on notes to {system}' },
  { fault: 'a table without ENABLE', rule: 'table-unlocked', plant: 'alter table notes disable row level security' },
  { fault: 'a table without FORCE', rule: 'table-unlocked', plant: 'alter table notes no force row level security' },
  { fault: 'a partition without ENABLE', rule: 'table-unlocked', plant: 'alter table logs_1 disable row level security' },
  { fault: 'a new partition without locks', rule: 'table-unlocked', plant: 'create table logs_2 partition of logs for values from (100) to (200)' },
  { fault: 'a table without a tenant', rule: 'table-without-tenant', plant: 'create table stray (id int primary key); alter table stray enable row level security; alter table stray force row level security' },
  { fault: 'an open table in another schema', rule: 'table-unlocked', plant: 'create schema side; create table side.stray (tenant_id uuid primary key); grant select on side.stray to {app}' },
  { fault: 'a materialized view', rule: 'relation-unlockable', plant: 'create materialized view copies as select * from notes' },
  { fault: 'a foreign table', rule: 'relation-unlockable', plant: 'create foreign data wrapper w; create server s foreign data wrapper w; create foreign table elsewhere (tenant_id uuid) server s' },
  { fault: 'a view that acts as its owner', rule: 'view-without-invoker', plant: 'create view peek as select * from notes' },
  { fault: 'a second policy', rule: 'policy-unlisted', plant: 'create policy wide on notes for select to {app} using (true)' },
  { fault: 'a policy for everybody', rule: 'policy-unlisted', plant: 'create policy wide on notes using (true)' },
  { fault: 'a policy on a partition', rule: 'policy-unlisted', plant: 'create policy tenant on logs_1 using (true)' },
  { fault: 'a spanning policy on a table that is not listed', rule: 'policy-unlisted', plant: 'create policy spanning on logs for select to {system} using (true)' },
  { fault: 'a policy with another condition', rule: 'policy-unlisted', plant: 'alter policy tenant on notes using (true)' },
  { fault: 'a policy without its WITH CHECK', rule: 'policy-unlisted', plant: 'alter policy tenant on notes with check (true)' },
  { fault: 'a policy that is gone', rule: 'policy-missing', plant: 'drop policy tenant on notes' },
  { fault: 'a further column for spanning calls', rule: 'system-sees-more', plant: 'grant select (body) on notes to {system}' },
  { fault: 'a whole table for spanning calls', rule: 'system-sees-more', plant: 'grant select on notes to {system}' },
  { fault: 'a table that everybody may read', rule: 'system-sees-more', plant: 'grant select on notes to public' },
  { fault: 'spanning calls that may write', rule: 'system-sees-more', plant: 'grant update (note_id) on notes to {system}' },
  { fault: 'spanning calls that may delete', rule: 'system-sees-more', plant: 'grant delete on notes to {system}' },
  { fault: 'UPDATE granted on what only grows', rule: 'table-not-append-only', plant: 'grant update (word) on trail to {app}' },
  { fault: 'DELETE granted on what only grows', rule: 'table-not-append-only', plant: 'grant delete on trail to {app}' },
  { fault: 'a number that the login may choose', rule: 'table-not-append-only', plant: 'grant insert (seq) on trail to {app}' },
  { fault: 'a trigger put to sleep', rule: 'table-not-append-only', plant: 'alter table trail disable trigger trail_kept' },
  { fault: 'a SECURITY DEFINER function', rule: 'definer-function', plant: 'create function f() returns int language sql security definer return 1' },
  { fault: 'a primary key without the tenant first', rule: 'key-without-tenant', plant: 'alter table notes drop constraint notes_pkey, add primary key (note_id, tenant_id)' },
  { fault: 'a unique key without the tenant first', rule: 'key-without-tenant', plant: 'create unique index on notes (note_id)' },
  { fault: 'a unique key on an expression', rule: 'key-without-tenant', plant: 'create unique index on notes (lower(secret))' },
  { fault: 'a foreign key without the tenant first', rule: 'key-without-tenant', plant: 'alter table notes add column parent integer, add foreign key (parent, tenant_id) references notes (note_id, tenant_id)' },
  { fault: 'a second table with keys like tenant_names', rule: 'key-without-tenant', plant: 'create table aliases (value text primary key, tenant_id uuid); alter table aliases enable row level security; alter table aliases force row level security' },
  { fault: 'an older schema', rule: 'schema-old', plant: 'delete from scaiwave_migrations.applied' },
  { fault: 'no schema at all', rule: 'schema-old', plant: 'drop schema scaiwave_migrations cascade' },
];

describe('the start check', () => {
  let store: TestDatabase;

  const check = async (): Promise<readonly Rule[]> => {
    try {
      await startCheck({ url: store.appUrl, roles: store.roles, migrations: SMALL_SCHEMA });
      return [];
    } catch (error) {
      if (!(error instanceof StartRefusal)) throw error;
      for (const { sentence } of error.findings) expect(sentence).to.match(/^[A-Za-z].*\.$/);
      return error.findings.map(({ rule }) => rule);
    }
  };
  const named = (statement: string): string =>
    statement.replace('{database}', store.name).replace(/\{(app|system|owner)\}/g, (_, role: keyof typeof store.roles) => store.roles[role]);

  beforeEach(async () => {
    store = await freshDatabase(SMALL_SCHEMA);
  });
  afterEach(() => store.drop());

  it('lets a node start on what the migrations made', async () => {
    expect(await check()).to.deep.equal([]);
  });

  for (const { fault, rule, plant, undo } of PLANTS) {
    it(`refuses ${fault}`, async () => {
      await store.asOwner(named(plant));
      try {
        expect(await check()).to.include(rule);
      } finally {
        if (undo !== undefined) await store.asOwner(named(undo));
      }
    });
  }

  it('refuses a login that inherits by the grant itself, as a server of 16 or newer has it', async () => {
    const [server] = await store.asOwner<{ version: number }>("select current_setting('server_version_num')::int as version");
    if ((server?.version ?? 0) < 160_000) return void expect(isRealStack(), 'the embedded server is newer').to.equal(true);
    await store.asOwner(named('grant {system} to {app} with inherit true'));
    try {
      expect(await check()).to.deep.equal(['role-inherits']);
    } finally {
      await store.asOwner(named('grant {system} to {app} with inherit false'));
    }
  });

  it('takes a server from 15 on', async () => {
    const rules = async (version: number): Promise<readonly Rule[]> => (await checkServer(async () => [{ encoding: 'UTF8', version }] as never)).map(({ rule }) => rule);
    expect([await rules(149_999), await rules(150_000)]).to.deep.equal([['server-old'], []]);
  });

  it('takes a view that acts as its reader', async () => {
    await store.asOwner('create view peek with (security_invoker = true) as select * from notes');
    expect(await check()).to.deep.equal([]);
  });

  it('takes a schema that a newer node has carried further', async () => {
    await store.asOwner(`insert into scaiwave_migrations.applied (name, batch, migration_time) values ('9999-later', 1, now())`);
    expect(await check()).to.deep.equal([]);
  });

  it('tells all faults at once', async () => {
    await store.asOwner(named('alter table notes disable row level security; grant truncate on notes to {app}'));
    expect(await check()).to.include.members(['table-unlocked', 'role-privilege']);
  });

  it('refuses a database that is not there, without its password', async () => {
    const url = new URL(store.appUrl);
    url.pathname = '/nowhere';
    const error = await startCheck({ url: url.href, roles: store.roles, migrations: SMALL_SCHEMA }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(StartRefusal);
    expect(String(error)).to.match(/3D000/).and.not.include(url.password);
  });

  it('refuses a database whose text is not UTF-8', async () => {
    const name = `${store.name}_ascii`;
    await store.asOwner(`create database ${name} template template0 encoding 'SQL_ASCII' locale 'C'`);
    try {
      const url = Object.assign(new URL(store.appUrl), { pathname: `/${name}` }).href;
      const error = await startCheck({ url, roles: store.roles, migrations: SMALL_SCHEMA }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(StartRefusal);
      expect((error as StartRefusal).findings.map(({ rule }) => rule)).to.include('server-old');
    } finally {
      await store.asOwner(`drop database ${name} with (force)`);
    }
  });

  it('is not reached by a migration that has no login of an owner', async () => {
    const error = await migrate(loadConfig({ SCAIWAVE_DB_URL: store.appUrl, SCAIWAVE_LOG_LEVEL: 'silent' })).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(StartRefusal);
    expect((error as StartRefusal).findings.map(({ rule }) => rule)).to.deep.equal(['owner-url']);
  });
});

describe('the schema of the node', () => {
  it('passes its own start check', async () => {
    const store = await freshDatabase();
    try {
      await startCheck({ url: store.appUrl, roles: store.roles, migrations: MIGRATIONS });
    } finally {
      await store.drop();
    }
  });
});
