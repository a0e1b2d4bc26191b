import { BOOKKEEPING } from '../owner-roles.js';
import type { Migration } from '../migrations/migration.js';
import type { Finding } from '../start-refusal.js';
import type { Ask } from './examined.js';

/** An older schema than the code needs is refused; a newer one only adds, and is taken. */
export async function checkVersion(ask: Ask, migrations: readonly Migration[]): Promise<Finding[]> {
  const applied = await appliedSteps(ask);
  const missing = migrations.filter(({ name }) => !applied.has(name)).map(({ name }) => name);
  if (missing.length === 0) return [];
  return [{ rule: 'schema-old', sentence: `The schema lacks ${missing.join(', ')}; run "scaiwave migrate" first.` }];
}

async function appliedSteps(ask: Ask): Promise<ReadonlySet<string>> {
  const [books] = await ask<{ readable: boolean }>(
    `select coalesce(bool_or(has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')), false) as readable
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [BOOKKEEPING.schema, BOOKKEEPING.table],
  );
  if (books?.readable !== true) return new Set();
  const rows = await ask<{ name: string }>(`select name from ${BOOKKEEPING.schema}.${BOOKKEEPING.table}`);
  return new Set(rows.map(({ name }) => name));
}

/** Text is compared and hashed as UTF-8; an older server lacks what the locks rest on. */
export async function checkServer(ask: Ask): Promise<Finding[]> {
  const [server] = await ask<{ encoding: string; version: number }>(
    `select current_setting('server_encoding') as encoding, current_setting('server_version_num')::int as version`,
  );
  if (server?.encoding === 'UTF8' && server.version >= 150_000) return [];
  return [{ rule: 'server-old', sentence: 'The database must be PostgreSQL 15 or newer with encoding UTF8.' }];
}
