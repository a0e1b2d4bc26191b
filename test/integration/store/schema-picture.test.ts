import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { freshDatabase } from '../../support/database.js';
import { PICTURE_FILE, pictureOf } from '../../support/schema-picture.js';
import { SMALL_SCHEMA } from '../../support/small-schema.js';

/** `npm run schema:picture` takes a new one, for review. */
const TAKE_NEW = process.env['SCAIWAVE_TEST_TAKE_PICTURE'] === '1';

describe('the reviewed picture of the schema', () => {
  it('is what the migrations make', async () => {
    const store = await freshDatabase();
    const picture = await pictureOf(store);
    await store.drop();
    if (TAKE_NEW) await writeFile(PICTURE_FILE, picture);
    expect(picture === (await readFile(PICTURE_FILE, 'utf8')), 'run "npm run schema:picture" and review the change').to.equal(true);
  });

  it('is the same for every database, and changes with a lock', async () => {
    const [one, two] = [await freshDatabase(SMALL_SCHEMA), await freshDatabase(SMALL_SCHEMA)];
    const before = await pictureOf(one);
    expect(await pictureOf(two)).to.equal(before);
    await two.asOwner(`grant select (body) on notes to ${two.roles.system}`);
    expect(await pictureOf(two)).not.to.equal(before);
    expect(before).not.to.include(one.roles.app);
    expect(before).to.include('row level security forced');
    await Promise.all([one.drop(), two.drop()]);
  });
});
