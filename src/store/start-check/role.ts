import type { Finding } from '../start-refusal.js';
import type { Examined } from './examined.js';
import { SYSTEM_SCHEMAS } from './scope.js';

interface RoleFacts {
  readonly name: string;
  readonly powers: readonly string[];
  readonly inherits: boolean;
  readonly memberships: readonly string[];
}

const ROLE = `
  select r.rolname as name,
    array_remove(array[
      case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
      case when r.rolcreaterole then 'CREATEROLE' end, case when r.rolreplication then 'REPLICATION' end
    ], null) as powers,
    r.rolinherit as inherits,
    array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid order by 1) as memberships
  from pg_roles r where r.rolname = `;

/** The login itself: row-level security holds nobody who is mightier than this. */
export async function checkRole({ ask, roles }: Examined): Promise<Finding[]> {
  const findings: Finding[] = [];
  const [app] = await ask<RoleFacts>(`${ROLE} session_user`);
  const [system] = await ask<RoleFacts>(`${ROLE} $1`, [roles.system]);
  for (const role of [app, system]) findings.push(...powersOf(role));
  if (app === undefined) return findings;
  const [reach] = await ask<{ inherits: boolean }>(
    `select coalesce((select pg_has_role(session_user, oid, 'USAGE') from pg_roles where rolname = $1), false) as inherits`,
    [roles.system],
  );
  if (app.inherits || (reach?.inherits ?? false)) {
    findings.push({ rule: 'role-inherits', sentence: `The login "${app.name}" inherits the rights of its roles; make it NOINHERIT.` });
  }
  const wrong = [
    ...app.memberships.filter((name) => name !== roles.system).map((name) => `"${app.name}" in "${name}"`),
    ...(system?.memberships ?? []).map((name) => `"${roles.system}" in "${name}"`),
  ];
  for (const membership of wrong) {
    findings.push({ rule: 'role-membership', sentence: `The membership of ${membership} must be revoked.` });
  }
  return findings;
}

function powersOf(role: RoleFacts | undefined): Finding[] {
  if (role === undefined || role.powers.length === 0) return [];
  return [{ rule: 'role-power', sentence: `The role "${role.name}" must not be ${role.powers.join(' or ')}.` }];
}

const OWNED = `
  select 'relation ' || c.oid::regclass as what from pg_class c where c.relowner = me.oid and c.relpersistence <> 't'
  union all select 'function ' || p.oid::regprocedure from pg_proc p where p.proowner = me.oid
  union all select 'schema ' || n.nspname from pg_namespace n where n.nspowner = me.oid and n.nspname !~ '^pg_'
  union all select 'database ' || d.datname from pg_database d where d.datdba = me.oid`;

const CREATES = `
  select n.nspname as what from pg_namespace n
  where n.nspname !~ '^pg_' and has_schema_privilege(session_user, n.oid, 'CREATE')`;

const DANGEROUS = `
  select distinct a.privilege_type || ' on ' || c.oid::regclass as what
  from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
  where n.nspname not in ${SYSTEM_SCHEMAS} and a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
    and (a.grantee = 0 or a.grantee in (select oid from pg_roles where rolname = any ($1)))
  order by 1`;

/** Owners may switch row-level security off; TRUNCATE ignores it; REFERENCES and TRIGGER look behind it. */
export async function checkRights({ ask, roles }: Examined): Promise<Finding[]> {
  const pair = [roles.app, roles.system];
  const owned = await ask<{ what: string }>(
    `select o.what from pg_roles me, lateral (${OWNED}) o where me.rolname = any ($1) order by 1`,
    [pair],
  );
  const creates = await ask<{ what: string }>(CREATES);
  const dangerous = await ask<{ what: string }>(DANGEROUS, [pair]);
  return [
    ...owned.map(({ what }): Finding => ({ rule: 'role-owns', sentence: `The service must not own ${what}.` })),
    ...creates.map(({ what }): Finding => ({ rule: 'role-owns', sentence: `The service must not be able to create in schema ${what}.` })),
    ...dangerous.map(({ what }): Finding => ({ rule: 'role-privilege', sentence: `The service must not have ${what}.` })),
  ];
}
