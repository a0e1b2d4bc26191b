import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { parseTenantId, type TenantId } from '../../src/kernel/ids.js';
import { systemClock, systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import { Database } from '../../src/store/database.js';
import { startEmbedded } from '../../src/store/embedded/embedded.js';
import { migrate } from '../../src/store/migrate.js';
import { MIGRATIONS } from '../../src/store/migrations/index.js';
import type { Migration } from '../../src/store/migrations/migration.js';
import { roleNames, type RoleNames } from '../../src/store/roles.js';
import { isRealStack, namedService, ranAgainst } from './services.js';
import { silentLog, silentMeter } from './silent-ports.js';

/** A database of one test file, cloned from one that was migrated once in this run. */
export interface TestDatabase {
  readonly name: string;
  readonly ownerUrl: string;
  /** Of the service's login, as a node would be given it. */
  readonly appUrl: string;
  readonly roles: RoleNames;
  readonly database: Database;
  /** Runs SQL as a superuser, past every lock. */
  asOwner<R extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  drop(): Promise<void>;
}

interface TestServer {
  /** The URL of a superuser, without a database. */
  readonly superuser: (database: string) => string;
  readonly stop: () => Promise<void>;
}

const POOL_MAX = 5;
/** Role names belong to the server, so every run has its own; its databases share them. */
const RUN = `sw_test_${randomUUID().slice(0, 8)}`;
const PASSWORD = 'test-only-password';

let server: Promise<TestServer> | undefined;
const templates = new Map<readonly Migration[], Promise<string>>();
let clones = 0;

/** `migrations` other than the node's own give a database with just those. */
export async function freshDatabase(migrations: readonly Migration[] = MIGRATIONS): Promise<TestDatabase> {
  server ??= startServer();
  const { superuser } = await server;
  const template = await templateOf(superuser, migrations);
  clones += 1;
  const name = `${RUN}_${clones}`;
  await query(superuser('postgres'), `create database ${name} template ${template}`);
  return opened(superuser, name);
}

/** Each list of migrations is run once. */
function templateOf(superuser: TestServer['superuser'], migrations: readonly Migration[]): Promise<string> {
  const known = templates.get(migrations);
  if (known !== undefined) return known;
  const made = makeDatabase(superuser, `${RUN}_template_${templates.size}`, migrations);
  templates.set(migrations, made);
  return made;
}

export function anyTenantId(): TenantId {
  return parseTenantId(randomUUID());
}

function opened(superuser: TestServer['superuser'], name: string): TestDatabase {
  const appUrl = asApp(superuser(name));
  const roles = roleNames(RUN);
  const database = new Database({ url: appUrl, roles, log: silentLog, meter: silentMeter, timers: systemTimers, poolMax: POOL_MAX });
  const ownerUrl = superuser(name);
  // Tests look often, and a session of its own for every look is most of what a look costs.
  const owner = new pg.Pool({ connectionString: ownerUrl, max: POOL_MAX, allowExitOnIdle: true });
  owner.on('error', () => undefined);
  return {
    name,
    ownerUrl,
    appUrl,
    roles,
    database,
    asOwner: async <R extends pg.QueryResultRow>(sql: string, values: unknown[] = []) => (await owner.query<R>(sql, values)).rows,
    async drop() {
      await database.close();
      await owner.end();
      await query(superuser('postgres'), `drop database if exists ${name} with (force)`);
    },
  };
}

async function makeDatabase(superuser: TestServer['superuser'], name: string, migrations: readonly Migration[]): Promise<string> {
  await query(superuser('postgres'), `create database ${name} template template0 encoding 'UTF8' locale 'C'`);
  const ownerUrl = superuser(name);
  await migrate({ ownerUrl, appUrl: asApp(ownerUrl), migrations, randomness: systemRandomness, timers: systemTimers, log: silentLog });
  return name;
}

function asApp(ownerUrl: string): string {
  const url = new URL(ownerUrl);
  url.username = roleNames(RUN).app;
  url.password = PASSWORD;
  return url.href;
}

async function query<R extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** The server that was named, in the run that is meant for it; otherwise one of our own. */
async function startServer(): Promise<TestServer> {
  const lent = isRealStack() ? namedService('postgres') : undefined;
  if (lent !== undefined) {
    ranAgainst('postgres', 'the server named by SCAIWAVE_TEST_DB_URL');
    return { superuser: (database) => withDatabase(lent, database), stop: async () => undefined };
  }
  const dataDir = await reachableFolder();
  const embedded = await startEmbedded({ dataDir, log: silentLog, clock: systemClock, timers: systemTimers });
  const watchdog = await endWithUs(embedded.dataPath, dataDir);
  ranAgainst('postgres', 'an embedded server of this run');
  return {
    superuser: (database) => embedded.urlOf('postgres', database),
    stop: async () => {
      watchdog.kill();
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The server outlives whoever started it; one of a run that is killed must not. A pipe that closes tells of our end. */
async function endWithUs(dataPath: string, dataDir: string): Promise<ChildProcess> {
  const [pid] = (await readFile(join(dataPath, 'postmaster.pid'), 'utf8')).split('\n');
  const script = `cat > /dev/null; kill -QUIT ${Number(pid)}; sleep 1; rm -rf "$0"`;
  const watchdog = spawn('/bin/sh', ['-c', script, dataDir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}

/** A temporary folder that the server's account can pass, so that as root the data is in it too. */
export async function reachableFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'scaiwave-test-'));
  await chmod(folder, 0o755);
  return folder;
}

function withDatabase(url: string, database: string): string {
  const named = new URL(url);
  named.pathname = `/${database}`;
  return named.href;
}

async function cleanUp(): Promise<void> {
  if (server === undefined) return;
  // A server that did not start has been told of where it was asked for.
  const running = await server.catch(() => undefined);
  if (running === undefined) return;
  const { superuser, stop } = running;
  const maintenance = superuser('postgres');
  const left = await query<{ datname: string }>(maintenance, `select datname from pg_database where datname like '${RUN}%'`);
  for (const { datname } of left) await query(maintenance, `drop database ${datname} with (force)`);
  for (const role of Object.values(roleNames(RUN))) await query(maintenance, `drop role if exists ${role}`);
  await stop();
}

// The file is imported by test files as mocha loads them, so this belongs to the whole run.
after('the test server is stopped', cleanUp);
