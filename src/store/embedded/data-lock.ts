import pg from 'pg';
import { LIMITS } from '../../kernel/limits.js';
import type { Timers } from '../../kernel/ports.js';

/** Held by one node for one data folder. It is a session of the server on that folder, so it dies with its holder. */
export class DataLock {
  #givenUp = false;

  private constructor(
    private readonly client: pg.Client,
    onLost: () => void,
  ) {
    client.on('end', () => {
      if (!this.#givenUp) onLost();
    });
  }

  /** Undefined if another node holds it. The session of a node that was just killed may take a moment to end. */
  static async take(url: string, timers: Pick<Timers, 'sleep'>, onLost: () => void): Promise<DataLock | undefined> {
    const client = new pg.Client({ connectionString: url, application_name: 'scaiwave node', connectionTimeoutMillis: LIMITS.dbConnectMs });
    // What follows an error is the end, and that is what we act on.
    client.on('error', () => undefined);
    await client.connect();
    for (let waited = 0; waited <= LIMITS.dataLockWaitMs; waited += POLL_MS) {
      const { rows } = await client.query<{ held: boolean }>(`select pg_try_advisory_lock(hashtext('scaiwave node')) as held`);
      if (rows[0]?.held === true) return new DataLock(client, onLost);
      await timers.sleep(POLL_MS);
    }
    await client.end();
    return undefined;
  }

  /** From here on its loss is expected. It is still held until the server ends the session. */
  expectLoss(): void {
    this.#givenUp = true;
  }

  async release(): Promise<void> {
    this.expectLoss();
    await this.client.end();
  }
}

const POLL_MS = 100;
