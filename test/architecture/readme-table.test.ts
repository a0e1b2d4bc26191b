import { expect } from 'chai';
import { readReadme, withTable } from '../../config/readme-table.js';

describe('the configuration table of the README', () => {
  it('is the one that the schema gives', () => {
    expect(readReadme(), 'run `npm run config:table`').to.equal(withTable(readReadme()));
  });

  it('turns red when a row is changed by hand', () => {
    const changed = readReadme().replace('`8080`', '`8088`');
    expect(changed).not.to.equal(withTable(changed));
  });
});
