import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.js';
import type { TenantId } from '../kernel/ids.js';
import type { Clock, Log, Meter, Randomness, Timers } from '../kernel/ports.js';
import { systemContext } from '../kernel/tenant-context.js';
import { Database } from '../store/database.js';
import { startEmbedded } from '../store/embedded/embedded.js';
import { ensureMasterKeyFile, parseMasterKey, readMasterKeyFile } from '../store/master-key.js';
import { migrate } from '../store/migrate.js';
import { MIGRATIONS } from '../store/migrations/index.js';
import { rolesOfUrl } from '../store/service-url.js';
import { startCheck } from '../store/start-check/start-check.js';
import { refuseStart } from '../store/start-refusal.js';
import { Store } from '../store/store.js';
import { Vault } from '../store/vault.js';

export interface Basics {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly randomness: Randomness;
  readonly log: Log;
  readonly meter: Meter;
}

export interface Storage {
  readonly store: Store;
  readonly vault: Vault;
  /** Where the data is, for the person who starts the node. */
  readonly place: string;
  close(): Promise<void>;
}

/** Opens what is remembered: a named PostgreSQL, or the embedded one; refuses when a lock or the master key is missing. */
export async function openStorage(config: Config, basics: Basics): Promise<Storage> {
  const server = await openServer(config, basics);
  let database: Database | undefined;
  const close = async (): Promise<void> => {
    await database?.close();
    await server.stop();
  };
  try {
    const roles = rolesOfUrl(server.url);
    await startCheck({ url: server.url, roles, migrations: MIGRATIONS });
    database = new Database({ url: server.url, roles, log: basics.log, meter: basics.meter, timers: basics.timers });
    const store = new Store(database);
    const tenants = await tenantsOf(store);
    const vault = new Vault([await masterKey(config, server, tenants.length > 0, basics.randomness)], basics.randomness);
    await checkMasterKey(store, vault, tenants);
    return { store, vault, place: server.place, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes or updates schema and roles; the embedded server does it by itself. */
export async function migrateDatabase(config: Config, basics: Pick<Basics, 'clock' | 'timers' | 'randomness' | 'log'>): Promise<readonly string[]> {
  const { dbOwnerUrl, dbUrl } = config.secrets;
  if (dbOwnerUrl !== undefined) {
    const appUrl = dbUrl?.reveal();
    const { applied } = await migrate({ ownerUrl: dbOwnerUrl.reveal(), ...(appUrl === undefined ? {} : { appUrl }), migrations: MIGRATIONS, ...basics });
    return applied;
  }
  if (dbUrl !== undefined) refuseStart('owner-url', 'Set SCAIWAVE_DB_OWNER_URL to a login that may make roles and tables; SCAIWAVE_DB_URL is the application role and owns nothing.');
  const embedded = await startEmbedded({ dataDir: config.dataDir, ...basics });
  try {
    const { applied } = await migrate({ ownerUrl: embedded.ownerUrl, appUrl: embedded.appUrl, migrations: MIGRATIONS, ...basics });
    return applied;
  } finally {
    await embedded.stop();
  }
}

interface Server {
  readonly url: string;
  readonly place: string;
  stop(): Promise<void>;
}

async function openServer(config: Config, basics: Basics): Promise<Server> {
  const named = config.secrets.dbUrl?.reveal();
  if (named !== undefined) return { url: named, place: 'the PostgreSQL of SCAIWAVE_DB_URL', stop: async () => {} };
  const embedded = await startEmbedded({ dataDir: config.dataDir, ...basics });
  const { applied } = await migrate({ ownerUrl: embedded.ownerUrl, appUrl: embedded.appUrl, migrations: MIGRATIONS, ...basics });
  if (applied.length < MIGRATIONS.length) for (const name of applied) basics.log.info({ migration: name }, 'the schema was updated');
  return { url: embedded.appUrl, place: embedded.dataPath, stop: () => embedded.stop() };
}

/** A key is made for a store without tenants only: a new one could open nothing of what is there. */
async function masterKey(config: Config, server: Server, isSealed: boolean, randomness: Randomness): Promise<Buffer> {
  const { masterKey: given } = config.secrets;
  if (given !== undefined) return parseMasterKey(given.reveal(), 'SCAIWAVE_MASTER_KEY');
  if (config.masterKeyFile !== undefined) return readMasterKeyFile(config.masterKeyFile);
  if (config.secrets.dbUrl !== undefined) refuseStart('master-key', 'Set SCAIWAVE_MASTER_KEY or SCAIWAVE_MASTER_KEY_FILE: every process on one database needs the same key.');
  const file = ownMasterKeyFile(config);
  if (isSealed && !(await isThere(file))) {
    refuseStart('master-key', `The master key ${file} is gone, and what is in ${server.place} is sealed with it: restore the file, or delete that folder to begin anew.`);
  }
  return ensureMasterKeyFile(file, randomness);
}

/** Where the key of a node is for which none was named. */
export function ownMasterKeyFile(config: Pick<Config, 'dataDir'>): string {
  return join(config.dataDir, 'master.key');
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function tenantsOf(store: Store): Promise<readonly TenantId[]> {
  const system = systemContext('list-tenants');
  return (await store.spanning(system, (all) => all.tenants(system))).map(({ tenant_id }) => tenant_id);
}

/** Every tenant's row knows by which key its secrets are sealed. */
async function checkMasterKey(store: Store, vault: Vault, all: readonly TenantId[]): Promise<void> {
  for (const tenantId of all) {
    const sealed = await store.read({ tenantId }, async ({ tenants }) => {
      const loaded = await tenants.load({ tenantId });
      return loaded === undefined ? null : tenants.sealedCheck(loaded.ctx);
    });
    vault.verifyCheck(tenantId, sealed);
  }
}
