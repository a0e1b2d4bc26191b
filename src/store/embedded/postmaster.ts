import { spawn } from 'node:child_process';
import { chown, mkdtemp, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../kernel/limits.js';
import type { Timers } from '../../kernel/ports.js';
import { SERVER_ENV } from './cluster.js';
import { dropStrangersFile, mayServe, type Ground, type Postmaster } from './lock-file.js';
import type { Place } from './place.js';

/** Names the socket file only: nothing listens on the network. */
export const SOCKET_PORT = 5432;

/** The path of a socket may have 107 bytes at most, so it is not below the data folder. */
export async function makeSocketFolder({ account }: Place): Promise<string> {
  const folder = await mkdtemp('/tmp/scaiwave-');
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  return folder;
}

/** Starts a server that outlives us if we are killed, and that Ctrl-C in our terminal does not reach. */
export async function launch(binaries: string, place: Place, socketFolder: string): Promise<void> {
  await dropStrangersFile(place);
  await turnOver(place.logFile);
  const log = await open(place.logFile, 'a', 0o600);
  try {
    const child = spawn(join(binaries, 'bin', 'postgres'), ['-D', place.dataPath, ...settings(socketFolder)], {
      env: SERVER_ENV,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...place.account,
    });
    // A program that cannot be run shows as a server that never answers.
    child.on('error', () => undefined);
    child.unref();
  } finally {
    await log.close();
  }
}

/** Statements and values of rows stay out of the server's log: they are people's messages. */
function settings(socketFolder: string): string[] {
  const values: Readonly<Record<string, string | number>> = {
    listen_addresses: '',
    port: SOCKET_PORT,
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    max_connections: LIMITS.embeddedConnectionsMax,
    fsync: 'on',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Ends a server: open transactions are undone, everything committed is on disk. Nobody else is ever signalled. */
export async function shutDown({ pid }: Pick<Postmaster, 'pid'>, ground: Ground, timers: Pick<Timers, 'sleep'>): Promise<void> {
  // Fast shutdown; then, for a server that hangs, the immediate one, which recovers at its next start.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!(await signalled(pid, signal, ground))) return;
    for (let waited = 0; waited < LIMITS.embeddedStopMs && (await mayServe(pid, ground)); waited += POLL_MS) await timers.sleep(POLL_MS);
  }
}

const POLL_MS = 20;

/** False: it is gone. */
async function signalled(pid: number, signal: NodeJS.Signals, ground: Ground): Promise<boolean> {
  if (!(await mayServe(pid, ground))) return false;
  process.kill(pid, signal);
  return true;
}

async function turnOver(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LIMITS.embeddedLogBytesMax) await rename(file, `${file}.1`);
}
