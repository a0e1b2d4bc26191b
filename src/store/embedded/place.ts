import { hash } from 'node:crypto';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseStart } from '../start-refusal.js';
import { isReachable, isRoot, NOBODY, type Account } from './account.js';

/** Where an embedded server lives, and as whom. */
export interface Place {
  /** PostgreSQL's own folder. */
  readonly dataPath: string;
  readonly logFile: string;
  /** Where copies of the binaries may be put. */
  readonly copyFolder: string;
  /** Undefined: as ourselves. */
  readonly account: Account | undefined;
}

/** For root only: a folder outside of homes, which another account can reach. */
const ROOT_HOME = '/var/lib/scaiwave';

/**
 * The data folder's own sub-folder; but as root, when the server's account cannot reach that, a folder of its own under
 * `/var/lib/scaiwave`. Data that is there already decides, so that a changed mode never starts an empty database.
 */
export async function choosePlace(dataDir: string, rootHome: string = ROOT_HOME): Promise<Place> {
  await mkdir(dataDir, { recursive: true });
  const home = await realpath(dataDir);
  const inside = placeIn(home, 'postgres');
  if (!isRoot()) return { ...inside, account: await ourselves(inside.dataPath) };
  const outside = placeIn(rootHome, `data-${hash('sha256', home, 'hex').slice(0, 16)}`);
  const owner = await ownerOf(inside.dataPath);
  const account = owner === undefined || owner.uid === 0 ? NOBODY : owner;
  const reachable = await isReachable(home, account);
  if (owner !== undefined && !reachable) {
    refuseStart('data-unusable', `${inside.dataPath} exists, but uid ${account.uid}, which must own the server, cannot reach it.`);
  }
  if (reachable && (await ownerOf(outside.dataPath)) === undefined) return { ...inside, account };
  await mkdir(rootHome, { recursive: true, mode: 0o755 });
  return { ...outside, account: (await ownerOf(outside.dataPath)) ?? NOBODY };
}

function placeIn(folder: string, name: string): Omit<Place, 'account'> {
  return { dataPath: join(folder, name), logFile: join(folder, `${name}.log`), copyFolder: folder };
}

/** An ordinary user can only run a server on data of their own. */
async function ourselves(dataPath: string): Promise<undefined> {
  const owner = await ownerOf(dataPath);
  if (owner !== undefined && owner.uid !== process.getuid?.()) {
    refuseStart('data-unusable', `${dataPath} belongs to uid ${owner.uid}; start the node as that user or as root.`);
  }
  return undefined;
}

async function ownerOf(path: string): Promise<Account | undefined> {
  return stat(path).then(
    ({ uid, gid }) => ({ uid, gid }),
    () => undefined,
  );
}
