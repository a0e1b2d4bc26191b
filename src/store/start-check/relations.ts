import type { Finding } from '../start-refusal.js';
import type { Examined } from './examined.js';
import { SCOPE } from './scope.js';

const RELATIONS = `${SCOPE}
  select s.name, s.kind, s.relrowsecurity and s.relforcerowsecurity as locked,
    exists (select from pg_attribute a where a.attrelid = s.oid and a.attname = 'tenant_id' and not a.attisdropped) as has_tenant,
    coalesce((select bool_or(o.option_value::boolean) from pg_options_to_table(s.reloptions) o where o.option_name = 'security_invoker'), false) as invoker
  from scope s order by 1`;

interface Relation {
  readonly name: string;
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f';
  readonly locked: boolean;
  readonly has_tenant: boolean;
  readonly invoker: boolean;
}

/** Every table and partition has a tenant and both locks; nothing reads around them. */
export async function checkRelations({ ask, roles }: Examined): Promise<Finding[]> {
  const relations = await ask<Relation>(RELATIONS, [[roles.app, roles.system]]);
  return relations.flatMap(findingsOf);
}

function findingsOf({ name, kind, locked, has_tenant, invoker }: Relation): Finding[] {
  if (kind === 'v') {
    return invoker ? [] : [{ rule: 'view-without-invoker', sentence: `The view ${name} must be security_invoker.` }];
  }
  if (kind === 'm' || kind === 'f') {
    return [{ rule: 'relation-unlockable', sentence: `${name} cannot have row-level security; it must not be in this database.` }];
  }
  const findings: Finding[] = [];
  if (!has_tenant) findings.push({ rule: 'table-without-tenant', sentence: `The table ${name} has no tenant_id.` });
  if (!locked) findings.push({ rule: 'table-unlocked', sentence: `Row-level security of ${name} must be enabled and forced.` });
  return findings;
}

const FIRST_OF_UNIQUE = `
  select s.relname, s.name, i.indexrelid::regclass::text as key
  from scope s join pg_index i on i.indrelid = s.oid
  left join pg_attribute a on a.attrelid = s.oid and a.attnum = i.indkey[0]
  where i.indisunique and a.attname is distinct from 'tenant_id'`;

const FIRST_OF_FOREIGN = `
  select s.relname, s.name, c.conname::text as key
  from scope s join pg_constraint c on c.conrelid = s.oid and c.contype = 'f'
  join pg_attribute a on a.attrelid = s.oid and a.attnum = c.conkey[1]
  join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.confkey[1]
  where a.attname <> 'tenant_id' or b.attname <> 'tenant_id'`;

/** A key that does not begin with the tenant tells one tenant what another has, or points at it. */
export async function checkKeys({ ask, roles, locks }: Examined): Promise<Finding[]> {
  const keys = await ask<{ relname: string; name: string; key: string }>(
    `${SCOPE} ${FIRST_OF_UNIQUE} union all ${FIRST_OF_FOREIGN} order by 2, 3`,
    [[roles.app, roles.system]],
  );
  return keys
    .filter(({ relname }) => !locks.nameTables.has(relname))
    .map(({ name, key }) => ({ rule: 'key-without-tenant', sentence: `The key ${key} of ${name} must begin with tenant_id.` }));
}
