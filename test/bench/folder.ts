import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder that the embedded server's account can pass, so that as root the data is in it too. */
export async function reachableFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'scaiwave-bench-'));
  await chmod(folder, 0o755);
  return folder;
}
