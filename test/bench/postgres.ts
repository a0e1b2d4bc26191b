import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import pg from 'pg';
import { systemClock, systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import { startEmbedded } from '../../src/store/embedded/embedded.js';
import { migrate } from '../../src/store/migrate.js';
import { MIGRATIONS } from '../../src/store/migrations/index.js';
import { roleNames } from '../../src/store/roles.js';
import { reachableFolder } from './folder.js';
import { silentLog } from '../support/silent-ports.js';

export interface BenchDatabase {
  readonly ownerUrl: string;
  /** Of a node's login; absent where there is no schema. */
  readonly appUrl: string;
}

const PASSWORD = 'bench-only-password';

/** The one PostgreSQL of a run, whose databases nodes and floor share: its own, or the one named by SCAIWAVE_TEST_DB_URL. */
export class BenchPostgres {
  readonly #word = `sw_bench_${randomUUID().slice(0, 8)}`;
  readonly #databases: string[] = [];

  private constructor(
    readonly place: string,
    private readonly superuser: (database: string) => string,
    private readonly end: () => Promise<void>,
  ) {}

  static async open(): Promise<BenchPostgres> {
    const lent = process.env['SCAIWAVE_TEST_DB_URL'];
    if (lent !== undefined) return new BenchPostgres('PostgreSQL of SCAIWAVE_TEST_DB_URL', (database) => withDatabase(lent, database), async () => undefined);
    const dataDir = await reachableFolder();
    const embedded = await startEmbedded({ dataDir, log: silentLog, clock: systemClock, timers: systemTimers });
    return new BenchPostgres('embedded PostgreSQL', (database) => embedded.urlOf('postgres', database), async () => {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    });
  }

  /** A database with the node's schema. */
  async database(): Promise<BenchDatabase> {
    const name = `${this.#word}_${this.#databases.length + 1}`;
    this.#databases.push(name);
    await query(this.superuser('postgres'), `create database ${name} template template0 encoding 'UTF8' locale 'C'`);
    const ownerUrl = this.superuser(name);
    const app = new URL(ownerUrl);
    app.username = roleNames(this.#word).app;
    app.password = PASSWORD;
    await migrate({ ownerUrl, appUrl: app.href, migrations: MIGRATIONS, randomness: systemRandomness, timers: systemTimers, log: silentLog });
    return { ownerUrl, appUrl: app.href };
  }

  /** CPU seconds that the server and its backends have used so far; undefined where /proc does not tell. */
  async cpuSeconds(): Promise<number | undefined> {
    const [row] = await query<{ pid: number }>(this.superuser('postgres'), "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid");
    const postmaster = await statOf(row?.pid ?? 0);
    // A server on another machine has its number there.
    if (postmaster === undefined || !postmaster.name.startsWith('postgres')) return undefined;
    const all = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map((pid) => statOf(Number(pid))));
    const children = all.filter((one) => one?.parent === postmaster.pid);
    // Backends that have ended are in the postmaster's account of its children.
    return postmaster.ownSeconds + postmaster.endedChildrenSeconds + children.reduce((sum, child) => sum + (child?.ownSeconds ?? 0), 0);
  }

  async close(): Promise<void> {
    const maintenance = this.superuser('postgres');
    for (const name of this.#databases) await query(maintenance, `drop database if exists ${name} with (force)`);
    for (const role of Object.values(roleNames(this.#word))) await query(maintenance, `drop role if exists ${role}`);
    await this.end();
  }
}

export async function query<R extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

interface ProcessStat {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
  readonly ownSeconds: number;
  readonly endedChildrenSeconds: number;
}

const TICKS_PER_SECOND = 100;

/** What Linux says of a process, or nothing. */
export async function statOf(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(text ?? '') ?? [];
  if (rest === '') return undefined;
  const field = (n: number): number => Number(rest.split(' ')[n - 3] ?? 0);
  return {
    pid,
    name,
    parent: field(4),
    ownSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    endedChildrenSeconds: (field(16) + field(17)) / TICKS_PER_SECOND,
  };
}

function withDatabase(url: string, database: string): string {
  const named = new URL(url);
  named.pathname = `/${database}`;
  return named.href;
}
