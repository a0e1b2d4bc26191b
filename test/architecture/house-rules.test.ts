import { expect } from 'chai';
import { HOUSE_RULES, houseViolations } from '../support/house-rules.js';
import { projectFiles } from '../support/sources.js';

const NOTHING = '';
/** The second half of each word stands apart, so that this file stays clean. */
const PLANTS: Readonly<Record<string, readonly (readonly [path: string, text: string])[]>> = {
  'a file has at most 400 lines': [['src/store/long.ts', '\n'.repeat(401)]],
  'a name says what is in the file': [
    ['src/store/utils.ts', NOTHING],
    ['src/store/helpers/a.ts', NOTHING],
    ['src/store/room-manager.ts', NOTHING],
    ['test/common/a.ts', NOTHING],
    ['src/misc.ts', NOTHING],
  ],
  'a room has no index that hides its files': [['src/store/index.ts', NOTHING]],
  'nothing is left for later': [['src/a.ts', `// ${'TO'}DO`], ['test/a.ts', `// ${'FIX'}ME`]],
  'no test is skipped or runs alone': [
    ['test/a.ts', `it.${'skip'}('a')`],
    ['test/a.ts', `describe.${'only'}('a')`],
    ['test/a.ts', `this.${'skip'}()`],
    ['test/a.ts', `x${'it'}('a')`],
  ],
  'nothing depends on one machine': [['specs/a.md', `/${'work'}/main`], ['README.md', `/home/${'someone'}/x`], ['fixtures/a.json', `../${'shared'}/x`]],
  'nothing depends on NODE_ENV': [['src/a.ts', `NODE${'_ENV'}`]],
  'no cast hides what the compiler knows': [['src/a.ts', `x as ${'any'}`], ['src/a.ts', `x as unknown ${'as'} Y`], ['src/a.ts', `// @ts-${'ignore'}`]],
};

/** What stands at the top of the repository; what tools can be told to look for elsewhere does not. */
const TOP = ['.ci', '.gitattributes', '.gitignore', 'README.md', 'config', 'fixtures', 'package-lock.json', 'package.json', 'specs', 'src', 'test', 'tsconfig.json'];

describe('the top of the repository', () => {
  it('holds what belongs there and nothing else', () => {
    const top = new Set(projectFiles('.').map(({ path }) => path.split('/')[0]));
    expect([...top].sort()).to.deep.equal(TOP);
  });
});

describe('house rules', () => {
  const files = projectFiles('src', 'test', 'config', 'specs', 'fixtures', '.ci', 'README.md', 'package.json');

  it('hold in every file', () => {
    expect(houseViolations(files)).to.deep.equal([]);
  });

  for (const { title } of HOUSE_RULES) {
    it(`turn red when broken: ${title}`, () => {
      const plants = PLANTS[title] ?? expect.fail('no violation is planted');
      for (const [path, text] of plants) expect(houseViolations([{ path, text }]), path).to.deep.equal([`${path}: ${title}`]);
    });
  }

  it('leave an ordinary file alone', () => {
    expect(houseViolations([{ path: 'src/store/rooms.ts', text: 'export const rooms = 1;\n' }])).to.deep.equal([]);
  });
});
