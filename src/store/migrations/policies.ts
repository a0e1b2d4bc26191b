import { quoted, type RoleNames } from '../roles.js';
import type { MigrationTools } from './migration.js';

/** A session without a tenant compares with null and sees nothing. */
const OWN_TENANT = `tenant_id = nullif(current_setting('app.tenant', true), '')::uuid`;

/** Row-level security as the tools of a migration. `execute` runs SQL as the owner. */
export function policyTools(roles: RoleNames, execute: (sql: string) => Promise<void>): MigrationTools {
  const app = quoted(roles.app);
  const system = quoted(roles.system);

  const ownTenantOnly = async (table: string): Promise<void> => {
    await execute(locked(table));
    await execute(`create policy tenant on ${quoted(table)} to ${app} using (${OWN_TENANT}) with check (${OWN_TENANT})`);
  };
  const tenantTable = async (table: string): Promise<void> => {
    await ownTenantOnly(table);
    await execute(`grant select, insert, update, delete on ${quoted(table)} to ${app}`);
  };
  const spanningMore = async (table: string, columns: readonly string[]): Promise<void> => {
    await execute(`grant select (${columns.map(quoted).join(', ')}) on ${quoted(table)} to ${system}`);
  };
  const spanning = async (table: string, columns: readonly string[]): Promise<void> => {
    await execute(`create policy spanning on ${quoted(table)} for select to ${system} using (true)`);
    await spanningMore(table, columns);
  };
  return {
    run: execute,
    tenantTable,
    spanning,
    async appendOnlyTable(table, columns) {
      await ownTenantOnly(table);
      await execute(`grant select, insert (${columns.map(quoted).join(', ')}) on ${quoted(table)} to ${app}`);
    },
    spanningMore,
    async nameTable(table) {
      await tenantTable(table);
      await spanning(table, ['kind', 'value', 'tenant_id']);
    },
    async dropTable(table) {
      await execute(`drop table ${quoted(table)}`);
    },
    async functionOf(name) {
      await execute(`revoke execute on function ${quoted(name)} from public`);
      await execute(`grant execute on function ${quoted(name)} to ${app}`);
    },
  };
}

/** A partition has locks of its own: without them it could be read past its parent. */
function locked(table: string): string {
  return `do $$
declare part regclass;
begin
  for part in select '${quoted(table)}'::regclass union select relid from pg_partition_tree('${quoted(table)}') loop
    execute format('alter table %s enable row level security', part);
    execute format('alter table %s force row level security', part);
  end loop;
end $$`;
}
