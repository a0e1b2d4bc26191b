// Before `npm start`: compiles when a source is newer than the last build, and is silent and quick when none is.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const built = join(dist, 'main.js');

function newestMs(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

function isStale() {
  if (!existsSync(built)) return true;
  const sources = Math.max(newestMs(join(root, 'src')), statSync(join(root, 'tsconfig.json')).mtimeMs);
  return sources > statSync(built).mtimeMs;
}

function compilerPath() {
  try {
    return createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  } catch {
    console.error('The compiler is missing: run `npm ci` (with development dependencies) first.');
    process.exit(1);
  }
}

// Beside the last build, which stays until the new one is whole.
function build() {
  const draft = `${dist}.new-${process.pid}`;
  console.error('Compiling, once for these sources …');
  const { status } = spawnSync(process.execPath, [compilerPath(), '-p', root, '--outDir', draft, '--noEmitOnError'], { stdio: 'inherit' });
  if (status === 0) {
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  }
  rmSync(draft, { recursive: true, force: true });
  return status ?? 1;
}

if (isStale()) process.exitCode = build();
