import type { Migration } from './migration.js';

/** What the migrations declare, and therefore all that the start check accepts. */
export interface DeclaredLocks {
  readonly tenantTables: ReadonlySet<string>;
  /** Tables whose keys need not begin with the tenant. */
  readonly nameTables: ReadonlySet<string>;
  /** Tables that only grow, to the columns that the service may fill. */
  readonly appendOnly: ReadonlyMap<string, readonly string[]>;
  /** Table to the columns that spanning calls may read. */
  readonly spanning: ReadonlyMap<string, readonly string[]>;
}

/** Reads the declarations by running the migrations over tools that do nothing. */
export async function declaredLocks(migrations: readonly Migration[]): Promise<DeclaredLocks> {
  const tenantTables = new Set<string>();
  const nameTables = new Set<string>();
  const appendOnly = new Map<string, readonly string[]>();
  const spanning = new Map<string, readonly string[]>();
  for (const migration of migrations) {
    await migration.up({
      async run() {},
      async functionOf() {},
      async tenantTable(table) {
        tenantTables.add(table);
      },
      async appendOnlyTable(table, columns) {
        tenantTables.add(table);
        appendOnly.set(table, columns);
      },
      async nameTable(table) {
        tenantTables.add(table);
        nameTables.add(table);
        spanning.set(table, ['kind', 'value', 'tenant_id']);
      },
      async spanning(table, columns) {
        spanning.set(table, columns);
      },
      async spanningMore(table, columns) {
        spanning.set(table, [...(spanning.get(table) ?? []), ...columns]);
      },
      async dropTable(table) {
        for (const declared of [tenantTables, nameTables, appendOnly, spanning]) declared.delete(table);
      },
    });
  }
  return { tenantTables, nameTables, appendOnly, spanning };
}
