import { callNode } from '../support/http-caller.js';
import { serveNode, type NodeProcess } from '../support/node-process.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';
import { raiseRates } from '../support/raised-rates.js';
import { query, statOf, type BenchDatabase } from './postgres.js';

export interface NodePlan {
  readonly name: string;
  readonly port: number;
  readonly database: BenchDatabase;
  /** `name=url,…` of the servers it talks to. */
  readonly peers: string;
  readonly nodeOptions: readonly string[];
}

/** The compiled node in a process of its own, as it ships: nothing is switched off for the bench. */
export class NodeUnderLoad {
  #running: NodeProcess | undefined;

  constructor(private readonly plan: NodePlan) {}

  get name(): string {
    return this.plan.name;
  }

  get url(): string {
    return `http://127.0.0.1:${this.plan.port}`;
  }

  async start(): Promise<void> {
    const { name, port, database, peers, nodeOptions } = this.plan;
    const settings = {
      SCAIWAVE_SERVER_NAME: name,
      SCAIWAVE_PORT: String(port),
      SCAIWAVE_DB_URL: database.appUrl,
      SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS,
      SCAIWAVE_PEER_URLS: peers,
      SCAIWAVE_LOG_LEVEL: 'warn',
    };
    this.#running = serveNode(settings, nodeOptions);
    await this.#running.ready();
    await this.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
    await raiseRates((sql) => query(database.ownerUrl, sql));
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  /** Throws unless it is a 2xx; answers with `data`. */
  async ask<T = Record<string, never>>(who: string, method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await callNode(this.url, who, method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(answer.error)}\n${this.#running?.output ?? ''}`);
    return answer.data as T;
  }

  /** Straight from its database. */
  async head(logName: string): Promise<{ readonly seq: number; readonly hash: string }> {
    const sql = "select head_seq::int as seq, encode(head_hash, 'hex') as hash from rooms where log_name = $1";
    const [row] = await query<{ seq: number; hash: string }>(this.plan.database.ownerUrl, sql, [logName]);
    return row ?? { seq: 0, hash: '' };
  }

  async cpuSeconds(): Promise<number | undefined> {
    return (await statOf(this.#running?.pid ?? 0))?.ownSeconds;
  }
}
