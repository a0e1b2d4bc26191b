import pg from 'pg';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log, Timers } from '../../kernel/ports.js';
import { quoted, roleNames } from '../roles.js';
import { refuseStart } from '../start-refusal.js';
import { installedBinaries, usableBinaries } from './binaries.js';
import { ensureCluster } from './cluster.js';
import { DataLock } from './data-lock.js';
import { choosePlace } from './place.js';
import { SOCKET_PORT } from './postmaster.js';
import { ServerProcess } from './server-process.js';

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly log: Pick<Log, 'warn'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Pick<Timers, 'sleep'>;
}

const DATABASE = 'scaiwave';
const RETRY_MS = 500;

/** Starts the PostgreSQL that npm brought, or takes over the one that a killed node left running on the same data. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const place = await choosePlace(options.dataDir);
  const binaries = await usableBinaries(await installedBinaries(), place.copyFolder, place.account);
  await ensureCluster(binaries, place);
  const server = new ServerProcess(binaries, place, options);
  await server.bringUp();
  const embedded = new Embedded(server, options);
  if (!(await embedded.hold())) {
    refuseStart('data-in-use', `Another node is running on ${options.dataDir}; give this one its own SCAIWAVE_DATA_DIR.`);
  }
  await ensureDatabase(embedded.urlOf('postgres', 'postgres'));
  return embedded;
}

/** A server of our own: held by a lock, brought up again when it falls, ended by `stop` and by nothing else. */
export class Embedded {
  #lock: DataLock | undefined;
  #stopping = false;

  constructor(
    private readonly server: ServerProcess,
    private readonly options: Pick<EmbeddedOptions, 'log' | 'timers'>,
  ) {}

  get ownerUrl(): string {
    return this.urlOf('postgres', DATABASE);
  }

  get appUrl(): string {
    return this.urlOf(roleNames(DATABASE).app, DATABASE);
  }

  /** Where the data is; printed at start. */
  get dataPath(): string {
    return this.server.dataPath;
  }

  urlOf(login: string, database: string): string {
    return `postgresql://${login}@${encodeURIComponent(this.server.socketFolder)}:${SOCKET_PORT}/${database}`;
  }

  /** False if another node has this data folder. */
  async hold(): Promise<boolean> {
    const url = this.urlOf('postgres', 'postgres');
    this.#lock = await DataLock.take(url, this.options.timers, () => {
      this.#recover().catch((error: unknown) => this.options.log.warn({ error }, 'the embedded database is given up'));
    });
    return this.#lock !== undefined;
  }

  /** Ends the server. To be called after the last query. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    // Held until the server is down, so that no other node comes to rely on it meanwhile.
    this.#lock?.expectLoss();
    await this.server.shutDown();
    await this.#lock?.release();
  }

  /** Our session ended, so the server did, or it is recovering from a crash. */
  async #recover(): Promise<void> {
    while (!this.#stopping) {
      this.options.log.warn({ dataPath: this.dataPath }, 'the embedded database went away; bringing it back');
      try {
        await this.server.bringUp();
        if (await this.hold()) return;
      } catch (error) {
        this.options.log.warn({ error }, 'the embedded database is not back yet');
      }
      await this.options.timers.sleep(RETRY_MS);
    }
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: LIMITS.dbConnectMs });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${quoted(DATABASE)} template template0 encoding 'UTF8'`);
  } finally {
    await client.end();
  }
}
