import type { Finding } from '../start-refusal.js';
import type { Examined } from './examined.js';

const RIGHTS = `
  select r.privilege, a.attname::text as column
  from pg_attribute a, unnest(array['INSERT', 'UPDATE']) as r (privilege)
  where a.attrelid = to_regclass($2) and a.attnum > 0 and not a.attisdropped and has_column_privilege($1, a.attrelid, a.attnum, r.privilege)
  union all
  select 'DELETE', '' where has_table_privilege($1, to_regclass($2), 'DELETE')
  order by 1, 2`;

const SLEEPING = `
  select tgname::text as name from pg_trigger where tgrelid = to_regclass($1) and not tgisinternal and tgenabled not in ('O', 'A') order by 1`;

/** What only grows may not be changed by the service, nor filled where the database itself gives the value. */
export async function checkAppendOnly({ ask, roles, locks }: Examined): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [table, columns] of locks.appendOnly) {
    const rights = await ask<{ privilege: string; column: string }>(RIGHTS, [roles.app, table]);
    const wrong = rights.filter(({ privilege, column }) => privilege !== 'INSERT' || !columns.includes(column));
    const sleeping = await ask<{ name: string }>(SLEEPING, [table]);
    findings.push(
      ...wrong.map(({ privilege, column }): Finding => ({ rule: 'table-not-append-only', sentence: `The role ${roles.app} must not have ${privilege} on ${table} ${column}`.trimEnd() + '.' })),
      ...sleeping.map(({ name }): Finding => ({ rule: 'table-not-append-only', sentence: `The trigger ${name} of ${table} must be enabled.` })),
    );
  }
  return findings;
}
