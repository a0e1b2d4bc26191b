import knex, { type Knex } from 'knex';

/**
 * Ordinary queries are built with knex and run on pg. A builder has no connection and costs 30 us to make, so none is
 * kept; hot paths use prepared statements instead.
 */
export function q(table: string): Knex.QueryBuilder {
  return knex.knex({ client: 'pg' })(table);
}

/** SQL that the builder cannot say; `?` stands for a value, `??` for an identifier. */
export function sql(text: string, values: readonly Knex.RawBinding[] = []): Knex.Raw {
  return knex.knex({ client: 'pg' }).raw(text, values);
}

/** Text with numbered places, and the values. */
export interface NativeQuery {
  readonly text: string;
  readonly values: readonly unknown[];
}

export function nativeOf(query: Knex.QueryBuilder | Knex.Raw): NativeQuery {
  const { sql: text, bindings } = query.toSQL().toNative();
  return { text, values: bindings };
}
