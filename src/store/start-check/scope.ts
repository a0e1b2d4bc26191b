import { BOOKKEEPING } from '../owner-roles.js';

/** Schemas that hold no relations of ours. Bookkeeping is the one exception with a name of its own. */
const FOREIGN_SCHEMAS = `('pg_catalog', 'information_schema', 'pg_toast', '${BOOKKEEPING.schema}')`;

/**
 * The relations a check is about, as a CTE `scope (oid, name, kind, …)`: all of `public`, and whatever elsewhere the
 * service or spanning calls were given rights on. `$1` is the array of those two roles. Parts of extensions are left out.
 */
export const SCOPE = `
  with scope as (
    select c.oid, c.relname, case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname as name,
      c.relkind as kind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ${FOREIGN_SCHEMAS} and c.relpersistence <> 't'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      and (n.nspname = 'public' or exists (
        select from aclexplode(c.relacl) a where a.grantee = 0 or a.grantee in (select oid from pg_roles where rolname = any ($1))
      ))
  )`;

export const SYSTEM_SCHEMAS = `('pg_catalog', 'information_schema')`;
