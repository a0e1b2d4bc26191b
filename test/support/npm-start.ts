import { execFileSync } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { choosePlace } from '../../src/store/embedded/place.js';
import { NodeProcess } from './node-process.js';
import { projectFiles, ROOT } from './sources.js';

/** The uid of an ordinary user for a test that runs as root. */
export const ORDINARY_UID = 65_534;

/** A copy of the project as a user has it after `npm ci`, in a place that is hard to live in. */
export interface Checkout {
  readonly folder: string;
  readonly uid: number | undefined;
  remove(): Promise<void>;
}

/** A path of 120 characters with a space, below a folder that only its owner may enter; no install script has run. */
export function hardCheckout(uid?: number): Checkout {
  const closed = mkdtempSync(join(tmpdir(), 'scaiwave-smoke-')); // 0700
  const name = 'a checkout '.padEnd(120 - closed.length - 1, 'x');
  const folder = join(closed, name);
  for (const { path } of projectFiles('.')) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(ROOT, path), join(folder, path));
  }
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  if (uid !== undefined) giveTo(uid, closed);
  return { folder, uid, remove: () => removeAll(closed, join(folder, 'data')) };
}

/** As root, a node whose folder is closed to the account of its database keeps the data elsewhere. */
async function removeAll(closed: string, dataDir: string): Promise<void> {
  const { dataPath, logFile } = await choosePlace(dataDir);
  for (const path of [dataPath, logFile, closed]) rmSync(path, { recursive: true, force: true });
}

function giveTo(uid: number, folder: string): void {
  chownSync(folder, uid, uid);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) giveTo(uid, join(folder, entry.name));
    else if (!entry.isSymbolicLink()) chownSync(join(folder, entry.name), uid, uid);
  }
}

/** `npm start` with nothing of ours in its environment but `settings`. */
export function npmStart(checkout: Checkout, settings: Readonly<Record<string, string>>): NodeProcess {
  return called(checkout, settings, 'npm', 'start', '--no-update-notifier');
}

/** `npx scaiwave …`, as operators call it once the project is built. */
export function npxScaiwave(checkout: Checkout, settings: Readonly<Record<string, string>>, ...words: readonly string[]): NodeProcess {
  return called(checkout, settings, 'npx', 'scaiwave', ...words);
}

function called({ uid, folder }: Checkout, settings: Readonly<Record<string, string>>, program: string, ...words: readonly string[]): NodeProcess {
  const ids = uid === undefined ? {} : { uid, gid: uid };
  return new NodeProcess(program, words, { cwd: folder, env: { HOME: folder, ...settings }, ...ids });
}
