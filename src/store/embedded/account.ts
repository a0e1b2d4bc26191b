import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whom the server runs as, where that is not ourselves: PostgreSQL refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** `nobody` on every system we run on; used by number, so nothing is added to the machine. */
export const NOBODY: Account = { uid: 65_534, gid: 65_534 };

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** True if the account may pass through every folder above `path` and read it. */
export async function isReachable(path: string, account: Account): Promise<boolean> {
  if (!(await has(path, account, 0o4))) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!(await has(folder, account, 0o1))) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** `right`: 4 to read, 1 to pass. */
async function has(path: string, { uid, gid }: Account, right: 0o4 | 0o1): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(path);
  const shift = owner === uid ? 6 : group === gid ? 3 : 0;
  return ((mode >> shift) & right) !== 0;
}
