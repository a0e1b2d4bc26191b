import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithUs } from './end-with-us.js';

const START_MS = 10_000;

/** A server process that a test started for itself, and may therefore kill. */
export interface OwnProcess {
  readonly port: number;
  /** Its data folder; gone after `remove`. */
  readonly folder: string;
  /** Starts it (again) on the same port and folder, and waits until it accepts connections. */
  start(): Promise<void>;
  /** Without warning, as a crash would. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export function isOnPath(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function ownRedis(): Promise<OwnProcess> {
  return ownProcess('redis-server', (port, folder) => ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']);
}

/** `more`: further arguments, asked for at each start. */
export async function ownNats(more: () => readonly string[] = () => []): Promise<OwnProcess> {
  return ownProcess('nats-server', (port, folder) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder, ...more()]);
}

async function ownProcess(program: string, args: (port: number, folder: string) => string[]): Promise<OwnProcess> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'));
  let running: ChildProcess | undefined;
  const own: OwnProcess = {
    port,
    folder,
    async start() {
      running = spawn(program, args(port, folder), { stdio: 'ignore' });
      endWithUs(running, { group: false });
      await accepts(port);
    },
    async kill() {
      const child = running;
      running = undefined;
      if (child === undefined || child.exitCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    async remove() {
      await own.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await own.start();
  return own;
}

async function accepts(port: number): Promise<void> {
  const endMs = Date.now() + START_MS;
  while (!(await answersOn(port))) {
    if (Date.now() > endMs) throw new Error(`nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function answersOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
