import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { connect } from 'nats';
import pg from 'pg';
import { join } from 'node:path';
import { NodeProcess, serveNode } from './node-process.js';
import { namedService, type Service } from './services.js';
import { ROOT } from './sources.js';
import { MASTER_KEY_FOR_TESTS } from './test-keys.js';

/** The three services that somebody lent. */
interface Lent {
  readonly postgres: string;
  readonly redis: string;
  readonly nats: string;
}

/** A node as it is run for real: roles made by `scaiwave migrate`, processes that log in as one which owns nothing. */
export class Deployment {
  readonly name = `sw_prod_${randomUUID().slice(0, 8)}`;
  readonly #processes: NodeProcess[] = [];
  readonly #tenants: string[] = [];

  private readonly lent: Lent;

  constructor(private readonly settings: Readonly<Record<string, string>>) {
    const lent = (service: Service): string => namedService(service) ?? '';
    this.lent = { postgres: lent('postgres'), redis: lent('redis'), nats: lent('nats') };
  }

  /** An empty database, as a database administrator hands it over. */
  async createDatabase(): Promise<void> {
    await sql(this.lent.postgres, `create database ${this.name} template template0 encoding 'UTF8' locale 'C'`);
  }

  get ownerUrl(): string {
    return at(this.lent.postgres, { pathname: `/${this.name}` });
  }

  get appUrl(): string {
    return at(this.ownerUrl, { username: `${this.name}_app`, password: 'test-only-password' });
  }

  get env(): Readonly<Record<string, string>> {
    return {
      SCAIWAVE_DB_URL: this.appUrl,
      SCAIWAVE_REDIS_URL: this.lent.redis,
      SCAIWAVE_NATS_URL: this.lent.nats,
      SCAIWAVE_NATS_STREAM: this.name,
      SCAIWAVE_NATS_PREFIX: this.name,
      SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS,
      ...this.settings,
    };
  }

  /** `scaiwave <words>` to its end; throws with everything it printed unless it ends with 0. */
  async scaiwave(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const command = new NodeProcess(process.execPath, [join(ROOT, 'dist/main.js'), ...words], { cwd: ROOT, env: { ...this.env, ...env } });
    const code = await command.exit();
    if (code !== 0) throw new Error(`scaiwave ${words.join(' ')} ended with ${code}:\n${command.output}`);
    return command.output;
  }

  async createTenant(slug: string, serverName: string): Promise<void> {
    const output = await this.scaiwave(['admin', 'create-tenant', '--slug', slug, '--name', slug, '--scaikey-tenant-id', `tnt_${slug}`, '--server-name', serverName]);
    this.#tenants.push(/tenant (\S+)/.exec(output)?.[1] ?? '');
  }

  async serve(roles: string): Promise<{ readonly url: string; readonly process: NodeProcess }> {
    const node = serveNode({ ...this.env, SCAIWAVE_ROLES: roles });
    this.#processes.push(node);
    return { url: await node.ready(), process: node };
  }

  /** Leaves the lent services as they were. */
  async remove(): Promise<void> {
    for (const node of this.#processes) await node.stop();
    const nats = await connect({ servers: this.lent.nats });
    await (await nats.jetstreamManager()).streams.delete(this.name).catch(() => false);
    await nats.close();
    const redis = new Redis(this.lent.redis);
    for (const tenant of this.#tenants) {
      const keys = await redis.keys(`sw:${tenant}:*`);
      if (keys.length > 0) await redis.del(keys);
    }
    await redis.quit();
    await sql(this.lent.postgres, `drop database if exists ${this.name} with (force)`);
    for (const role of ['app', 'system', 'owner']) await sql(this.lent.postgres, `drop role if exists ${this.name}_${role}`);
  }
}

async function sql(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function at(url: string, change: Partial<Pick<URL, 'pathname' | 'username' | 'password'>>): string {
  return Object.assign(new URL(url), change).href;
}
