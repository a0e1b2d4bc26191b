import { rm } from 'node:fs/promises';
import pg from 'pg';
import { systemClock, systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import { installedBinaries, usableBinaries } from '../../src/store/embedded/binaries.js';
import { ensureCluster } from '../../src/store/embedded/cluster.js';
import { runningOn } from '../../src/store/embedded/lock-file.js';
import { choosePlace, type Place } from '../../src/store/embedded/place.js';
import { SOCKET_PORT } from '../../src/store/embedded/postmaster.js';
import { ServerProcess } from '../../src/store/embedded/server-process.js';
import { migrate } from '../../src/store/migrate.js';
import { MIGRATIONS } from '../../src/store/migrations/index.js';
import { reachableFolder } from './database.js';
import type { NodeStorage } from './node-storage.js';
import { silentLog } from './silent-ports.js';
import { MASTER_KEY_FOR_TESTS } from './test-keys.js';

/** A PostgreSQL that a test started for itself, and may therefore crash and leave down. */
export class OwnPostgres {
  #databases = 0;

  private constructor(
    private readonly dataDir: string,
    private readonly place: Place,
    private readonly server: ServerProcess,
  ) {}

  static async begin(): Promise<OwnPostgres> {
    const dataDir = await reachableFolder();
    const place = await choosePlace(dataDir);
    const binaries = await usableBinaries(await installedBinaries(), place.copyFolder, place.account);
    await ensureCluster(binaries, place);
    const own = new OwnPostgres(dataDir, place, new ServerProcess(binaries, place, { clock: systemClock, timers: systemTimers }));
    await own.start();
    return own;
  }

  /** Until it answers, after whatever recovery it needs. */
  async start(): Promise<void> {
    await this.server.bringUp();
  }

  /** `SIGQUIT`: at once, without a checkpoint. `SIGKILL`: without a word even to its own processes. Both need recovery. */
  async crash(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    const running = await runningOn(this.place);
    if (running === undefined) throw new Error('there is no server to crash');
    process.kill(running.pid, signal);
    while ((await runningOn(this.place)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** A migrated database for one node, or for several processes of it. */
  async storage(): Promise<NodeStorage> {
    this.#databases += 1;
    const name = `node_${this.#databases}`;
    const client = new pg.Client({ connectionString: this.#url('postgres', 'postgres') });
    await client.connect();
    await client.query(`create database ${name} template template0 encoding 'UTF8' locale 'C'`);
    await client.end();
    const ownerUrl = this.#url('postgres', name);
    const appUrl = this.#url('scaiwave_app', name);
    await migrate({ ownerUrl, appUrl, migrations: MIGRATIONS, randomness: systemRandomness, timers: systemTimers, log: silentLog });
    return {
      env: { SCAIWAVE_DATA_DIR: this.dataDir, SCAIWAVE_DB_URL: appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS },
      ownerUrl: async () => ownerUrl,
      remove: async () => undefined,
    };
  }

  async end(): Promise<void> {
    await this.server.shutDown();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  #url(login: string, database: string): string {
    return `postgresql://${login}@${encodeURIComponent(this.server.socketFolder)}:${SOCKET_PORT}/${database}`;
  }
}
