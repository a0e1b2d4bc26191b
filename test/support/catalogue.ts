import type { RoleNames } from '../../src/store/roles.js';

type Ask = <R extends object>(text: string, values?: readonly unknown[]) => Promise<R[]>;

/** All that decides who may read and write what, read from the catalogue, for review. Same schema, same text. */
export async function schemaPicture(ask: Ask, roles: RoleNames): Promise<string> {
  const lines: string[] = [];
  for (const part of [TABLES, FUNCTIONS]) {
    for (const { text } of await ask<{ text: string }>(part, [roles.owner])) lines.push(text.trimEnd(), '');
  }
  return lines.join('\n').replaceAll(roles.app, '{app}').replaceAll(roles.system, '{system}');
}

const COLUMNS = `
  select string_agg(format(E'  %s %s%s%s\\n', a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then ' not null' else '' end, ' default ' || pg_get_expr(d.adbin, d.adrelid)), '' order by a.attnum)
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped`;

/** Not-null constraints are rows of their own from PostgreSQL 18 on; the columns already say them. */
const CONSTRAINTS = `
  select string_agg(format(E'  %s: %s\\n', k.conname, pg_get_constraintdef(k.oid)), '' order by k.contype, k.conname)
  from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n'`;

const INDEXES = `
  select string_agg(format(E'  %s\\n', pg_get_indexdef(i.indexrelid)), '' order by i.indexrelid::regclass::text)
  from pg_index i where i.indrelid = c.oid and not exists (select from pg_constraint k where k.conindid = i.indexrelid)`;

const POLICIES = `
  select string_agg(format(E'  policy %s: %s %s to %s using %s%s\\n', p.policyname, p.permissive, p.cmd,
    array_to_string(p.roles, ', '), p.qual, ' with check ' || p.with_check), '' order by p.policyname)
  from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname`;

const GRANTS = `
  select string_agg(format(E'  grant %s to %s\\n', g.what, g.whom), '' order by g.whom, g.what) from (
    select string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as what, coalesce(r.rolname, 'public') as whom
    from aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee where r.rolname is distinct from $1 group by r.rolname
    union all
    select format('%s (%s)', lower(a.privilege_type), string_agg(t.attname, ', ' order by t.attnum)), coalesce(r.rolname, 'public')
    from pg_attribute t, aclexplode(t.attacl) a left join pg_roles r on r.oid = a.grantee
    where t.attrelid = c.oid group by r.rolname, a.privilege_type) g`;

const TRIGGERS = `
  select string_agg(format(E'  %s%s\\n', pg_get_triggerdef(t.oid), case t.tgenabled when 'O' then '' else ' ASLEEP' end), '' order by t.tgname)
  from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal`;

const TABLES = `
  select concat(case c.relkind when 'v' then 'view ' else 'table ' end, c.relname,
    ' with (' || array_to_string(c.reloptions, ', ') || ')',
    case when c.relrowsecurity and c.relforcerowsecurity then ' row level security forced' else ' OPEN' end, E'\\n',
    (${COLUMNS}), (${CONSTRAINTS}), (${INDEXES}), (${TRIGGERS}), (${POLICIES}), (${GRANTS})) as text
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
  order by c.relname collate "C"`;

const FUNCTIONS = `
  select concat('function ', p.oid::regprocedure, E'\\n', pg_get_functiondef(p.oid),
    (select string_agg(format(E'  grant execute to %s\\n', coalesce(r.rolname, 'public')), '' order by r.rolname)
     from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a left join pg_roles r on r.oid = a.grantee
     where r.rolname is distinct from $1)) as text
  from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prokind in ('f', 'p')
  order by p.proname collate "C", p.oid::regprocedure::text collate "C"`;
