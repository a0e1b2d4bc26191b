import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { refuseStart } from '../start-refusal.js';
import type { Place } from './place.js';

/** The child sees nothing of our environment: it may hold secrets, and PG* variables would steer the server. */
export const SERVER_ENV = { LC_ALL: 'C', TZ: 'UTC' } as const;

/** Makes the data folder at the first start. It appears whole or not at all, whenever we are killed. */
export async function ensureCluster(binaries: string, place: Place): Promise<void> {
  const made = await versionOf(place.dataPath);
  const ours = await serverVersion(binaries);
  if (made === ours) return;
  if (made !== undefined) {
    refuseStart('data-unusable', `${place.dataPath} was made by PostgreSQL ${made}; this node brings ${ours}.`);
  }
  const draft = await mkdtemp(`${place.dataPath}.new-`);
  try {
    if (place.account !== undefined) await chown(draft, place.account.uid, place.account.gid);
    await initdb(binaries, draft, place);
    // Fails if another process was quicker, whose folder is then used.
    await rename(draft, place.dataPath).catch(async (error: unknown) => {
      if ((await versionOf(place.dataPath)) === undefined) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function initdb(binaries: string, folder: string, { account }: Place): Promise<void> {
  const child = spawn(
    join(binaries, 'bin', 'initdb'),
    [`--pgdata=${folder}`, '--username=postgres', '--encoding=UTF8', '--locale=C', '--auth-local=trust', '--auth-host=reject', '--no-instructions'],
    { env: SERVER_ENV, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'], ...account },
  );
  const [complaint, [status]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  if (status !== 0) refuseStart('server-failed', `The database folder could not be made: ${complaint.trim()}`);
}

async function versionOf(dataPath: string): Promise<string | undefined> {
  return readFile(join(dataPath, 'PG_VERSION'), 'utf8').then(
    (version) => version.trim(),
    () => undefined,
  );
}

/** The major version, as its data folders state it. */
async function serverVersion(binaries: string): Promise<string> {
  const child = spawn(join(binaries, 'bin', 'postgres'), ['--version'], { env: SERVER_ENV, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  const major = /\b(\d+)(?:\.|\b)/.exec(said)?.[1];
  return major ?? refuseStart('server-failed', 'The embedded PostgreSQL does not run on this machine.');
}
