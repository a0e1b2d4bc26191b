import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshDatabase, reachableFolder } from './database.js';
import { lentServices, type LentServices } from './lent-services.js';
import { ownNats, ownRedis, type OwnProcess } from './processes.js';
import { ranAgainst } from './services.js';
import { MASTER_KEY_FOR_TESTS } from './test-keys.js';

/** What a node process remembers in, and how a test looks into it. */
export interface NodeStorage {
  readonly env: Readonly<Record<string, string>>;
  /** Of a superuser. */
  ownerUrl(): Promise<string>;
  /** After the node has ended. */
  remove(): Promise<void>;
}

/** Nothing configured: the node brings its own PostgreSQL, cache and streams, in a folder of its own. */
export async function embeddedStorage(): Promise<EmbeddedStorage> {
  return new EmbeddedStorage(await reachableFolder());
}

export class EmbeddedStorage implements NodeStorage {
  constructor(readonly dataDir: string) {}

  get env(): Readonly<Record<string, string>> {
    return { SCAIWAVE_DATA_DIR: this.dataDir };
  }

  async ownerUrl(): Promise<string> {
    const lines = await this.#postmasterFile();
    return `postgresql://postgres@${encodeURIComponent(lines[4] ?? '')}:${lines[3] ?? ''}/scaiwave`;
  }

  /** The server that the node started; nobody else's. */
  async postmasterPid(): Promise<number> {
    return Number((await this.#postmasterFile())[0]);
  }

  async remove(): Promise<void> {
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async #postmasterFile(): Promise<readonly string[]> {
    return (await readFile(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
  }
}

/** Redis and NATS of the test itself, which it may therefore flush, stop and empty. */
export interface OwnServices {
  readonly redis: OwnProcess;
  readonly nats: OwnProcess;
  remove(): Promise<void>;
}

export async function ownServices(): Promise<OwnServices> {
  const [redis, nats] = await Promise.all([ownRedis(), ownNats()]);
  ranAgainst('redis', 'a server of this run');
  ranAgainst('nats', 'a server of this run');
  return { redis, nats, remove: async () => void (await Promise.all([redis.remove(), nats.remove()])) };
}

/** A database of this run's PostgreSQL, beside cache and streams on `services`, or on those that were lent. Several nodes may share all three. */
export async function serviceStorage(services?: OwnServices): Promise<NodeStorage> {
  const database = await freshDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'scaiwave-test-'));
  await chmod(folder, 0o755);
  const word = `kill${randomUUID().slice(0, 8)}`;
  const beside = services === undefined ? lentServices(word) : onOwn(services, word);
  return {
    env: {
      SCAIWAVE_DATA_DIR: folder,
      SCAIWAVE_DB_URL: database.appUrl,
      SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS,
      ...beside.env,
    },
    ownerUrl: async () => database.ownerUrl,
    async remove() {
      await beside.remove();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What was kept under the word goes with the servers. */
function onOwn({ redis, nats }: OwnServices, word: string): LentServices {
  const [redisUrl, natsUrl] = [`redis://127.0.0.1:${redis.port}`, `nats://127.0.0.1:${nats.port}`];
  return { env: { SCAIWAVE_REDIS_URL: redisUrl, SCAIWAVE_NATS_URL: natsUrl, SCAIWAVE_NATS_STREAM: word, SCAIWAVE_NATS_PREFIX: word }, remove: async () => undefined };
}
