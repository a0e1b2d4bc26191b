import { link, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from './place.js';

/** A running server: its process, and the folder of its socket. */
export interface Postmaster {
  readonly pid: number;
  readonly socketFolder: string;
}

/** Whose data, and as whom its server runs. */
export type Ground = Pick<Place, 'dataPath' | 'account'>;

/** What the server on this data folder says of itself, if there is one. */
export async function runningOn(ground: Ground): Promise<Postmaster | undefined> {
  const { pid, socketFolder } = await said(lockFileOf(ground));
  return pid !== undefined && socketFolder !== '' && (await mayServe(pid, ground)) ? { pid, socketFolder } : undefined;
}

/**
 * False if the process is certainly no server on this data: it is gone, or it is a stranger who was given the number of a
 * server that lost its power. A server works in its data folder; where that cannot be seen, its account must do.
 */
export async function mayServe(pid: number, { dataPath, account }: Ground): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (folder !== undefined) return folder === dataPath;
  const owner = await stat(`/proc/${pid}`).catch(() => undefined);
  return owner === undefined || owner.uid === (account?.uid ?? process.getuid?.());
}

/** PostgreSQL takes any process of its own account for the server that wrote the file, and would refuse to start. */
export async function dropStrangersFile(ground: Ground): Promise<void> {
  const file = lockFileOf(ground);
  const { pid } = await said(file);
  if (pid === undefined || !isAlive(pid) || (await mayServe(pid, ground))) return;
  const aside = `${file}.stale`;
  await rename(file, aside).catch(() => undefined);
  // Another node may have been quicker, and this is the file of the server that it started.
  if ((await said(aside)).pid !== pid) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

function lockFileOf({ dataPath }: Ground): string {
  return join(dataPath, 'postmaster.pid');
}

async function said(file: string): Promise<{ readonly pid: number | undefined; readonly socketFolder: string }> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  return { pid: Number.isInteger(pid) && pid > 0 ? pid : undefined, socketFolder: lines[4] ?? '' };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
