import { expect } from 'chai';
import { importsOf, targetOf, typescriptFiles, type SourceFile } from '../support/sources.js';

/** Files that nothing leads to from `entry`. */
function unreachable(files: readonly SourceFile[], entry: string): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const next = [entry];
  for (let path = next.pop(); path !== undefined; path = next.pop()) {
    const file = byPath.get(path);
    if (file === undefined || seen.has(path)) continue;
    seen.add(path);
    next.push(...importsOf(file).flatMap(({ specifier }) => targetOf(file.path, specifier) ?? []));
  }
  return files.map(({ path }) => path).filter((path) => !seen.has(path));
}

describe('the files of src', () => {
  it('are all reached from main.ts', () => {
    expect(unreachable(typescriptFiles('src'), 'src/main.ts')).to.deep.equal([]);
  });

  it('turn red when one is not', () => {
    const files = [
      { path: 'src/main.ts', text: "import './app.js';" },
      { path: 'src/app.ts', text: "export type { A } from './store/a.js';" },
      { path: 'src/store/a.ts', text: '' },
      { path: 'src/store/forgotten.ts', text: "import '../app.js';" },
    ];
    expect(unreachable(files, 'src/main.ts')).to.deep.equal(['src/store/forgotten.ts']);
  });
});
