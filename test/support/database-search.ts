import type { TestDatabase } from './database.js';

/** How a word stands in base64url, as in the payload of a JWS, wherever in it. */
export function inBase64url(word: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.from(' '.repeat(offset) + word).toString('base64url');
    // The characters at both ends say something of the neighbours too.
    return text.slice([0, 2, 3][offset], (offset + Buffer.byteLength(word)) % 3 === 0 ? undefined : -1);
  });
}

/** `table.column` of every text, JSON, array and bytes column of the schema in which one of `words` stands. */
export async function columnsHolding({ asOwner }: Pick<TestDatabase, 'asOwner'>, words: readonly string[]): Promise<readonly string[]> {
  const columns = await asOwner<{ table: string; column: string; type: string }>(
    `select c.oid::regclass::text as table, a.attname as column, format_type(a.atttypid, null) as type
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid
     where c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) and c.relkind in ('r', 'p')
       and t.typcategory in ('S', 'U', 'A', 'Z') order by 1, 2`,
  );
  const looks = columns.map(({ table, column, type }) => {
    // Bytes are looked at as they are and as hex; everything else as it is written.
    const written = type === 'bytea' ? `encode("${column}", 'escape') || ' ' || encode("${column}", 'hex')` : `"${column}"::text`;
    return `select '${table}.${column}' as place where exists (select 1 from ${table}, unnest($1::text[]) as word where position(word in (${written})) > 0)`;
  });
  return (await asOwner<{ place: string }>(looks.join(' union all '), [words])).map(({ place }) => place);
}
