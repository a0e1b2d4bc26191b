/**
 * One numbered step of the schema. It may only go forward, takes nothing away that an older
 * version uses, and is never edited once it has landed. It sees
 * the database through these tools alone, so that the list of locks can be read from it without a database.
 */
export interface Migration {
  /** `0001-foundation`: the number orders, the name explains. */
  readonly name: string;
  up(tools: MigrationTools): Promise<void>;
}

export interface MigrationTools {
  /** Runs SQL, one or many statements, as the owner. */
  readonly run: (sql: string) => Promise<void>;
  /** Locks a table, and its partitions, to the tenant of the session. */
  readonly tenantTable: (table: string) => Promise<void>;
  /** Locks a table that only grows: the service may add rows, of these columns alone, and read them. */
  readonly appendOnlyTable: (table: string, columns: readonly string[]) => Promise<void>;
  /** Locks a table whose keys do not begin with the tenant, because it finds the tenant. */
  readonly nameTable: (table: string) => Promise<void>;
  /** Lets spanning calls read these columns of a tenant table, and nothing else. */
  readonly spanning: (table: string, columns: readonly string[]) => Promise<void>;
  /** Further columns of a table that spanning calls may read already. */
  readonly spanningMore: (table: string, columns: readonly string[]) => Promise<void>;
  /** Takes a table away with its locks; no version may use it any more. */
  readonly dropTable: (table: string) => Promise<void>;
  /** Lets the service, and only it, call a function. */
  readonly functionOf: (name: string) => Promise<void>;
}
