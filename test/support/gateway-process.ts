import pg from 'pg';
import { callNode, type Answer } from './http-caller.js';
import { serveNode, type NodeProcess } from './node-process.js';
import { freePort } from './processes.js';
import type { NodeStorage } from './node-storage.js';

/** A node in a process of its own, as `npm start` runs it: it can be killed, stopped, paused and started again. */
export class GatewayProcess {
  #running: NodeProcess | undefined;

  constructor(
    readonly name: string,
    readonly port: number,
    private readonly storage: NodeStorage,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Everything the process that runs now has printed. */
  get output(): string {
    return this.#running?.output ?? '';
  }

  async start(): Promise<void> {
    this.#running = serveNode({
      SCAIWAVE_SERVER_NAME: this.name,
      SCAIWAVE_PORT: String(this.port),
      SCAIWAVE_LOG_LEVEL: 'warn',
      ...this.storage.env,
      ...this.env,
    });
    await this.#running.ready();
  }

  /** Without warning. The port is free again when it resolves. */
  async kill(): Promise<void> {
    this.#running?.signal('SIGKILL');
    await this.#running?.exit();
  }

  /** One more process of the same node, on the same storage; it ends by itself, and leaves the storage alone. */
  async another(env: Readonly<Record<string, string>>): Promise<GatewayProcess> {
    const { storage } = this;
    const lent: NodeStorage = { env: storage.env, ownerUrl: () => storage.ownerUrl(), remove: async () => undefined };
    const other = new GatewayProcess(this.name, await freePort(), lent, { ...this.env, ...env });
    await other.start();
    return other;
  }

  /** Answers with the exit code. */
  async stop(): Promise<number | null | undefined> {
    return this.#running?.stop();
  }

  signal(signal: NodeJS.Signals): void {
    this.#running?.signal(signal);
  }

  call(who: string, method: string, path: string, body?: unknown, waitMs?: number): Promise<Answer> {
    return callNode(this.url, who, method, path, body, waitMs);
  }

  /** The same, and throws unless it is a 2xx; answers with `data`. */
  async ask<T = Record<string, never>>(who: string, method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await this.call(who, method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(answer.error)}\n${this.output}`);
    return answer.data as T;
  }

  /** Past every lock, straight from the node's database; also while the node is down. */
  async rows<R extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<R[]> {
    const client = new pg.Client({ connectionString: await this.storage.ownerUrl() });
    await client.connect();
    try {
      return (await client.query<R>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  async end(): Promise<void> {
    this.#running?.signal('SIGCONT');
    await this.stop();
    await this.storage.remove();
  }
}

/** Two nodes that know each other's addresses and accept each other. `home` holds for the first alone. */
export async function processPair(storages: () => Promise<NodeStorage>, home: Readonly<Record<string, string>> = {}): Promise<[GatewayProcess, GatewayProcess]> {
  const [portA, portB] = [await freePort(), await freePort()];
  const peers = { SCAIWAVE_PEER_URLS: `a.example=http://127.0.0.1:${portA},b.example=http://127.0.0.1:${portB}` };
  const a = new GatewayProcess('a.example', portA, await storages(), { ...peers, ...home });
  const b = new GatewayProcess('b.example', portB, await storages(), peers);
  await Promise.all([a.start(), b.start()]);
  await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [b.name] });
  await b.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [a.name] });
  return [a, b];
}
