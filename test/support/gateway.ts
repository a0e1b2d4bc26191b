import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNode } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { freshDatabase, type TestDatabase } from './database.js';
import { contract } from './fixtures.js';
import { callNode, type Answer } from './http-caller.js';
import { lentServices } from './lent-services.js';
import { freePort } from './processes.js';
import { MASTER_KEY_FOR_TESTS } from './test-keys.js';

export type { Answer } from './http-caller.js';

/** A whole node in this process: real sockets, a database of its own, made-up tokens. */
export interface Gateway {
  readonly name: string;
  readonly url: string;
  readonly database: TestDatabase;
  /** Its files; a twin has the same. */
  readonly dataDir: string;
  /** Calls as `who` (`admin`, `bob`, or a whole token) and answers with status and parsed body. */
  call(who: string, method: string, path: string, body?: unknown): Promise<Answer>;
  /** The same, and throws unless it is a 2xx; answers with `data`. */
  ask<T = Record<string, never>>(who: string, method: string, path: string, body?: unknown): Promise<T>;
  stop(): Promise<void>;
  /** Starts again on the same database and port. */
  start(): Promise<void>;
  /** Stops, and drops the database. */
  end(): Promise<void>;
}

export interface GatewayOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where servers answer that are no gateways of this test. */
  readonly peers?: Readonly<Record<string, string>>;
  /** How long an upload, a download or an export may stand still. */
  readonly transferIdleMs?: number;
}

/** Nodes that know each other's addresses: `gateways('a.example', 'b.example')`. Policies are not touched. */
export async function gateways(names: readonly string[], options: GatewayOptions = {}): Promise<Gateway[]> {
  const ports = await Promise.all(names.map(freePort));
  const others = Object.entries(options.peers ?? {}).map(([name, url]) => `${name}=${url}`);
  const peers = [...names.map((name, index) => `${name}=http://127.0.0.1:${ports[index]}`), ...others].join(',');
  return Promise.all(names.map((name, index) => gateway(name, ports[index] ?? 0, peers, options)));
}

/** Two nodes that accept each other. */
export async function federatedPair(options: GatewayOptions = {}): Promise<[Gateway, Gateway]> {
  const [a, b] = await gateways(['a.example', 'b.example'], options);
  if (a === undefined || b === undefined) throw new Error('two gateways');
  await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [b.name] });
  await b.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [a.name] });
  return [a, b];
}

/** A gateway in this process or in one of its own. */
type Asked = Pick<Gateway, 'name' | 'ask'>;

/** A room of `home` in which `guest` of the other gateway is a member; its id on both sides. */
export async function sharedRoom(home: Asked, away: Asked, guest = 'bob'): Promise<{ readonly home: string; readonly away: string }> {
  await away.ask(guest, 'GET', '/v1/me');
  const { id } = await home.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Shared' });
  await home.ask('admin', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
  await home.ask('admin', 'POST', `/v1/rooms/${id}/invitations`, { fqid: `@${guest}:${away.name}` });
  const alias = `!${id}:${home.name}`;
  const invitation = await eventually(async () => (await away.ask<{ id: string; room_alias: string }[]>(guest, 'GET', '/v1/invitations')).find((one) => one.room_alias === alias));
  await away.ask(guest, 'POST', `/v1/invitations/${invitation.id}/accept`);
  const room = await eventually(async () => (await away.ask<{ id: string; room_alias: string }[]>(guest, 'GET', '/v1/rooms?limit=200')).find((one) => one.room_alias === alias));
  return { home: id, away: room.id };
}

/** Looks again until there is something, or fails. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, withinMs = 20_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > until) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Another process of the same node, as far as its database can tell. Stop it; the first one ends with the database. */
export async function twinOf({ name, database, dataDir }: Gateway, peers: readonly Gateway[], options: GatewayOptions = {}): Promise<Gateway> {
  const port = await freePort();
  const urls = [`${name}=http://127.0.0.1:${port}`, ...peers.map((peer) => `${peer.name}=${peer.url}`)];
  return gateway(name, port, urls.join(','), options, { database, dataDir });
}

async function gateway(name: string, port: number, peers: string, options: GatewayOptions, held?: Pick<Gateway, 'database' | 'dataDir'>): Promise<Gateway> {
  const database = held?.database ?? (await freshDatabase());
  const dataDir = held?.dataDir ?? (await mkdtemp(join(tmpdir(), 'scaiwave-test-')));
  const lent = lentServices(database.name);
  const config = loadConfig({
    SCAIWAVE_DB_URL: database.appUrl,
    SCAIWAVE_DATA_DIR: dataDir,
    SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS,
    SCAIWAVE_SERVER_NAME: name,
    SCAIWAVE_PORT: String(port),
    SCAIWAVE_PEER_URLS: peers,
    SCAIWAVE_LOG_LEVEL: 'error',
    ...lent.env,
    ...options.env,
  });
  const url = `http://127.0.0.1:${port}`;
  const start = { checkReplies: true, contract, ...(options.transferIdleMs === undefined ? {} : { transferIdleMs: options.transferIdleMs }) };
  let node = await startNode(config, start);
  const call = (who: string, method: string, path: string, body?: unknown): Promise<Answer> => callNode(url, who, method, path, body);
  return {
    name,
    url,
    database,
    dataDir,
    call,
    async ask<T>(who: string, method: string, path: string, body?: unknown): Promise<T> {
      const { status, body: answer } = await call(who, method, path, body);
      if (status >= 300) throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(answer.error)}`);
      return answer.data as T;
    },
    stop: () => node.stop(),
    async start() {
      node = await startNode(config, start);
    },
    async end() {
      await node.stop();
      await lent.remove();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
