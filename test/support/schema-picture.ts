import pg from 'pg';
import { schemaPicture } from './catalogue.js';
import type { TestDatabase } from './database.js';

export const PICTURE_FILE = 'specs/schema.txt';

/** The picture of the schema that the node's migrations make. */
export async function pictureOf({ ownerUrl, roles }: Pick<TestDatabase, 'ownerUrl' | 'roles'>): Promise<string> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    return await schemaPicture(
      async <R extends object>(text: string, values: readonly unknown[] = []) =>
        (await client.query<R & pg.QueryResultRow>(text, [...values])).rows,
      roles,
    );
  } finally {
    await client.end();
  }
}
