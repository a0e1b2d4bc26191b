import type { Gateway } from './gateway.js';

/** Refusals are recorded, within bounds, and the bookkeeping of delivery moves by itself. Everything else is content. */
const LEFT_OUT: ReadonlySet<string> = new Set(['rejections', 'consumers']);

export type RowCounts = Readonly<Record<string, number>>;

/** How many rows each table has, all tenants together, and how far the logs have come. */
export async function rowCounts({ database }: Gateway): Promise<RowCounts> {
  const tables = await database.asOwner<{ name: string }>("select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'");
  const counted = tables.map(({ name }) => name).filter((name) => !LEFT_OUT.has(name));
  const parts = counted.map((name) => `select '${name}' as name, count(*)::integer as count from "${name}"`);
  const rows = await database.asOwner<{ name: string; count: number }>(
    [...parts, "select 'stream position', coalesce(sum(stream_position), 0)::integer from tenant_heads", "select 'places', coalesce(sum(head_seq), 0)::integer from rooms"].join(' union all '),
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}
