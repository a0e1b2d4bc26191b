import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/** Asks, and after the time that a node may take to stop, ends. A paused process hears only when it goes on. */
const SCRIPT = 'cat > /dev/null; kill -TERM "$0"; kill -CONT "$0"; sleep 12; kill -KILL "$0"';

/**
 * Ends a process that a test started when the tests themselves end, even if they are killed: a pipe that closes tells
 * of it. With `group` the whole process group that the child leads.
 */
export function endWithUs(child: ChildProcess, { group }: { readonly group: boolean }): void {
  if (child.pid === undefined) return;
  const watchdog = spawn('/bin/sh', ['-c', SCRIPT, String(group ? -child.pid : child.pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.once('exit', () => watchdog.kill('SIGKILL'));
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
}
