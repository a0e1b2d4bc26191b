import { rm } from 'node:fs/promises';
import pg from 'pg';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Timers } from '../../kernel/ports.js';
import { refuseStart } from '../start-refusal.js';
import { runningOn } from './lock-file.js';
import type { Place } from './place.js';
import { launch, makeSocketFolder, shutDown, SOCKET_PORT } from './postmaster.js';

const POLL_MS = 25;
const RELAUNCH_MS = 2_000;
const ANSWER_MS = 2_000;

/** The server process of one data folder, whoever started it. */
export class ServerProcess {
  /** Stays the same while we run, so that connections come back by themselves after a crash. */
  #socketFolder: string | undefined;
  #ended = false;

  constructor(
    private readonly binaries: string,
    private readonly place: Place,
    private readonly ports: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly timers: Pick<Timers, 'sleep'> },
  ) {}

  get dataPath(): string {
    return this.place.dataPath;
  }

  get socketFolder(): string {
    return this.#socketFolder ?? refuseStart('server-failed', 'The embedded PostgreSQL is not running.');
  }

  /**
   * Until a server on our data answers: one that is there is taken, one on its way down is waited for. One that stays
   * silent may be none, so another is started beside it: PostgreSQL lets no second one onto its data.
   */
  async bringUp(): Promise<void> {
    const { clock, timers } = this.ports;
    const begunAt = clock.monotonicMs();
    let launchedAt = -Infinity;
    while (!this.#ended && clock.monotonicMs() - begunAt < LIMITS.embeddedStartMs) {
      const server = await runningOn(this.place);
      if (server !== undefined && (await answers(server.socketFolder))) return this.#use(server.socketFolder);
      const waitedSince = server === undefined ? launchedAt : Math.max(launchedAt, begunAt);
      if (clock.monotonicMs() - waitedSince >= RELAUNCH_MS) {
        launchedAt = clock.monotonicMs();
        this.#socketFolder ??= await makeSocketFolder(this.place);
        await launch(this.binaries, this.place, this.#socketFolder);
      }
      await timers.sleep(POLL_MS);
    }
    refuseStart('server-failed', `The embedded PostgreSQL did not start; see ${this.place.logFile}.`);
  }

  /** For good: a start that is under way gives up. */
  async shutDown(): Promise<void> {
    this.#ended = true;
    const server = await runningOn(this.place);
    if (server !== undefined) await shutDown(server, this.place, this.ports.timers);
    if (this.#socketFolder !== undefined) await rm(this.#socketFolder, { recursive: true, force: true });
  }

  async #use(folder: string): Promise<void> {
    const unused = this.#socketFolder;
    this.#socketFolder = folder;
    if (unused !== undefined && unused !== folder) await rm(unused, { recursive: true, force: true });
  }
}

async function answers(socketFolder: string): Promise<boolean> {
  const client = new pg.Client({
    host: socketFolder,
    port: SOCKET_PORT,
    user: 'postgres',
    database: 'postgres',
    connectionTimeoutMillis: ANSWER_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}
