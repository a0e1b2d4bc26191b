import pg from 'pg';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Log } from '../kernel/ports.js';
import { rowTypes } from './row-types.js';
import { ConnectionLost, failureOf } from './sql-error.js';

/** The one pool of a process. It bounds every wait, and nothing that happens to a connection ends the process. */
export class Connections {
  readonly #pool: pg.Pool;
  #closing: Promise<void> | undefined;

  constructor(
    url: string,
    poolMax: number,
    private readonly log: Pick<Log, 'warn'>,
  ) {
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'scaiwave',
      max: poolMax,
      connectionTimeoutMillis: LIMITS.dbConnectMs,
      // The server ends a statement; this ends the wait for a server that no longer answers at all.
      query_timeout: LIMITS.statementTimeoutMs + LIMITS.dbConnectMs,
      statement_timeout: LIMITS.statementTimeoutMs,
      lock_timeout: LIMITS.lockTimeoutMs,
      idle_in_transaction_session_timeout: LIMITS.idleTransactionTimeoutMs,
      options: '-c search_path=public,pg_temp',
      keepAlive: true,
      types: rowTypes(),
    });
    // Between its first answer and its first loan a connection has no other listener, and may be lost even then; whoever
    // uses it next is told.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    // Of those that are being closed it does not matter who comes first: we, or a server that stops.
    this.#pool.on('error', (error) => {
      if (this.#closing === undefined) this.log.warn({ error: failureOf(error) }, 'an idle database connection was lost');
    });
  }

  /** Lends a connection. One that was lost meanwhile is thrown away, not given back. */
  async lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#acquire();
    let lost = false;
    const onError = (): void => {
      lost = true;
    };
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      lost ||= error instanceof ConnectionLost;
      throw error;
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  }

  async #acquire(): Promise<pg.PoolClient> {
    if (this.#pool.waitingCount >= LIMITS.dbWaitersMax) {
      throw new GatewayError('SW_OVERLOADED', 'too many calls wait for a database connection');
    }
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw new GatewayError('SW_UNAVAILABLE', 'no database connection', {
        cause: failureOf(error),
        retryAfterSeconds: LIMITS.unavailableRetryS,
      });
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#pool.end();
    await this.#closing;
  }
}
