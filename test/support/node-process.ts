import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { endWithUs } from './end-with-us.js';
import { ROOT } from './sources.js';

const READY = /^ScaiWave Gateway is ready at (\S+)$/m;

interface Surroundings {
  readonly cwd: string;
  /** Beside what the tests themselves were given, less everything that would configure a node. */
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

/** A node in a process group of its own, so that a test can signal all of it, and kill it. */
export class NodeProcess {
  private printed = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor(command: string, args: readonly string[], { env, ...place }: Surroundings) {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(SCAIWAVE_|npm_|OTEL_)/.test(name));
    const child = spawn(command, args, {
      ...place,
      env: { ...Object.fromEntries(inherited), ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
    this.child = child;
    endWithUs(child, { group: true });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Everything it printed, both streams. */
  get output(): string {
    return this.printed;
  }

  /** The address of the ready line; rejects with all output when the process ends before, or takes too long. */
  async ready(waitMs = 60_000): Promise<string> {
    const endMs = Date.now() + waitMs;
    for (;;) {
      const url = READY.exec(this.printed)?.[1];
      if (url !== undefined) return url;
      if (this.isOver()) throw new Error(`ended with ${this.child.exitCode ?? this.child.signalCode} before it was ready:\n${this.printed}`);
      if (Date.now() > endMs) throw new Error(`not ready after ${waitMs} ms:\n${this.printed}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** As a terminal that is closed: the next line the node prints finds nobody. */
  stopReading(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  /** To the whole group, as the keyboard does it. */
  signal(signal: NodeJS.Signals): void {
    if (this.child.pid !== undefined && !this.isOver()) process.kill(-this.child.pid, signal);
  }

  /** Resolves when the group has closed its output; null if it ended by a signal. */
  exit(): Promise<number | null> {
    return this.ended;
  }

  stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.ended;
  }

  private isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

/** The compiled node with `settings` alone; `npm run build` comes first. `nodeOptions` go before the program. */
export function serveNode(settings: Readonly<Record<string, string>>, nodeOptions: readonly string[] = []): NodeProcess {
  const args = [...nodeOptions, join(ROOT, 'dist/main.js'), 'serve'];
  return new NodeProcess(process.execPath, args, { cwd: ROOT, env: { SCAIWAVE_PORT: '0', ...settings } });
}
