import type { Finding } from '../start-refusal.js';
import type { Examined } from './examined.js';
import { SCOPE, SYSTEM_SCHEMAS } from './scope.js';

/** As PostgreSQL prints the condition that migrations write. */
const OWN_TENANT = `(tenant_id = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid)`;

interface Policy {
  readonly table: string;
  readonly name: string;
  readonly shape: string;
}

const POLICIES = `${SCOPE}
  select s.name as table, p.policyname::text as name,
    concat_ws(' ', p.permissive, p.cmd, array_to_string(p.roles, ','), p.qual, p.with_check) as shape
  from scope s join pg_class c on c.oid = s.oid join pg_namespace n on n.oid = c.relnamespace
  join pg_policies p on p.schemaname = n.nspname and p.tablename = c.relname
  order by 1, 2`;

/** Policies are OR-ed: one more of them opens a table. So exactly the declared ones may be there, word for word. */
export async function checkPolicies({ ask, roles, locks }: Examined): Promise<Finding[]> {
  const expected = new Map<string, string>();
  for (const table of locks.tenantTables) {
    expected.set(`${table}.tenant`, `PERMISSIVE ALL ${roles.app} ${OWN_TENANT} ${OWN_TENANT}`);
  }
  for (const table of locks.spanning.keys()) expected.set(`${table}.spanning`, `PERMISSIVE SELECT ${roles.system} true`);
  const findings: Finding[] = [];
  for (const { table, name, shape } of await ask<Policy>(POLICIES, [[roles.app, roles.system]])) {
    const key = `${table}.${name}`;
    if (expected.get(key) === shape) expected.delete(key);
    else findings.push({ rule: 'policy-unlisted', sentence: `The policy ${name} on ${table} is not one of ours: ${shape}.` });
  }
  for (const key of expected.keys()) {
    findings.push({ rule: 'policy-missing', sentence: `The policy ${key} is missing or was changed.` });
  }
  return findings;
}

const SYSTEM_RIGHTS = `${SCOPE}
  select s.name as table, a.attname::text as column, r.privilege
  from scope s join pg_attribute a on a.attrelid = s.oid and a.attnum > 0 and not a.attisdropped,
    unnest(array['SELECT', 'INSERT', 'UPDATE']) as r (privilege)
  where has_column_privilege($2, s.oid, a.attnum, r.privilege)
  union all
  select s.name, '', 'DELETE' from scope s where has_table_privilege($2, s.oid, 'DELETE')
  order by 1, 2, 3`;

/** Spanning calls see the declared columns; a further one could be content. */
export async function checkSpanning({ ask, roles, locks }: Examined): Promise<Finding[]> {
  const rights = await ask<{ table: string; column: string; privilege: string }>(SYSTEM_RIGHTS, [
    [roles.app, roles.system],
    roles.system,
  ]);
  return rights
    .filter(({ table, column, privilege }) => privilege !== 'SELECT' || !locks.spanning.get(table)?.includes(column))
    .map(({ table, column, privilege }) => ({
      rule: 'system-sees-more',
      sentence: `The role ${roles.system} must not have ${privilege} on ${table} ${column}`.trimEnd() + '.',
    }));
}

const DEFINERS = `
  select p.oid::regprocedure::text as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where p.prosecdef and n.nspname not in ${SYSTEM_SCHEMAS}
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  order by 1`;

/** Such a function acts as its owner, behind every lock. We have none. */
export async function checkDefiners({ ask }: Examined): Promise<Finding[]> {
  const definers = await ask<{ name: string }>(DEFINERS);
  return definers.map(({ name }) => ({ rule: 'definer-function', sentence: `The function ${name} must not be SECURITY DEFINER.` }));
}
