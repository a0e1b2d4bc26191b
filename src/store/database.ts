import type pg from 'pg';
import { GatewayError } from '../kernel/errors.js';
import { parseTenantId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Log, Meter, Timers } from '../kernel/ports.js';
import type { SystemContext, TenantContext } from '../kernel/tenant-context.js';
import { assertOutsideTransaction, insideTransaction } from '../kernel/transaction-scope.js';
import { Connections } from './connections.js';
import { quoted, type RoleNames } from './roles.js';
import { ConnectionLost, failureOf, gaveWay, isOverrun } from './sql-error.js';
import { OpenTx, type Tx } from './tx.js';

export type { Tx } from './tx.js';

/** Whose rows a call may touch: a context, or just its id where the context is being made. */
export type TenantScope = Pick<TenantContext, 'tenantId'>;

export interface DatabaseOptions {
  /** Logs in as `<prefix>_app`. */
  readonly url: string;
  readonly roles: RoleNames;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
  readonly timers: Pick<Timers, 'sleep'>;
  readonly poolMax?: number;
}

/**
 * The tenant's rules changed between the reading of them and the write. The work that throws it is undone and done again
 * under the new ones; if they never rest, this is the answer.
 */
export class TenantMoved extends GatewayError {
  constructor() {
    super('SW_UNAVAILABLE', 'the tenant changed meanwhile', { retryAfterSeconds: 1 });
  }
}

/** The only door to PostgreSQL at run time. Row-level security sees the same tenant as the code. */
export class Database {
  readonly #connections: Connections;

  constructor(private readonly options: DatabaseOptions) {
    this.#connections = new Connections(options.url, options.poolMax ?? LIMITS.dbPoolMax, options.log);
  }

  /** All of `work` commits, or none of it does. It may run again, so it must keep nothing from a run before. */
  async transact<T>(scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#repeated(() => this.#transaction(`begin isolation level read committed; ${boundTo(scope)}`, work));
  }

  /** The same for reading only. */
  async read<T>(scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
    const begin = `begin isolation level read committed read only; ${boundTo(scope)}`;
    return this.#repeated(() => this.#transaction(begin, work));
  }

  /** Reads the few columns that may be seen across tenants. Every call is counted by its purpose. */
  async spanning<T>(ctx: SystemContext, work: (tx: Tx) => Promise<T>): Promise<T> {
    this.options.meter.count('store_spanning_calls_total', { purpose: ctx.purpose });
    const begin = `begin isolation level read committed read only; set local role ${quoted(this.options.roles.system)}`;
    return this.#repeated(() => this.#transaction(begin, work));
  }

  /**
   * One statement, its own commit, one round trip: for functions that set the tenant themselves from their first value.
   * It must be safe to repeat, because a lost connection does not say whether it ran.
   */
  async prepared<R>(scope: TenantScope, name: string, text: string, values: readonly unknown[]): Promise<R[]> {
    if (values[0] !== scope.tenantId) throw new Error(`the first value of ${name} is not the tenant`);
    assertOutsideTransaction();
    return this.#repeated(() => this.#connections.lend((client) => new OpenTx(client).prepared<R>(name, text, values)));
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #transaction<T>(begin: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    assertOutsideTransaction();
    return this.#connections.lend(async (client) => {
      await control(client, begin);
      const tx = new OpenTx(client);
      try {
        const result = await insideTransaction(() => work(tx));
        if (tx.end().unawaited) throw new Error('a statement of a transaction was not awaited');
        if (tx.failure !== undefined) throw tx.failure;
        await commit(client);
        for (const counter of tx.drifts) this.#tellDrift(counter);
        return result;
      } catch (error) {
        tx.end();
        await undo(client, tx.failure ?? error);
        // What the work made of a failed statement stands, unless the failure is one that is answered by doing it again.
        if (tx.failure !== undefined && isTransient(tx.failure)) throw tx.failure;
        throw error;
      }
    });
  }

  #tellDrift(counter: string): void {
    this.options.meter.count('usage_drifts_total', { counter });
    this.options.log.warn({ kind: counter }, 'a counter of use is lower than what it counts');
  }

  /** Again after a failure that undid everything; in the end the caller's client is asked to come back. */
  async #repeated<T>(attempt: () => Promise<T>): Promise<T> {
    for (let run = 1; ; run += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (run > repeatsAfter(error)) throw mayRepeat(error) ? unavailable(error) : unavailableIfOverrun(error);
        this.options.log.warn({ error }, 'a transaction is done again');
        // At once, it would take back what it just gave up, ahead of whoever was to have it.
        if (gaveWay(error)) await this.options.timers.sleep(LIMITS.gaveWayPauseMs);
      }
    }
  }
}

/** Parsed again because it becomes SQL text: begin and binding are one message. */
function boundTo(scope: TenantScope): string {
  return `set local app.tenant = '${parseTenantId(scope.tenantId)}'`;
}

async function control(client: pg.PoolClient, text: string): Promise<string> {
  try {
    return (await client.query(text)).command;
  } catch (error) {
    throw failureOf(error);
  }
}

/** A commit whose answer is lost may have happened: it is never repeated, only reported. */
class CommitUnknown extends ConnectionLost {}

async function commit(client: pg.PoolClient): Promise<void> {
  const command = await control(client, 'commit').catch((error: unknown) => {
    throw error instanceof ConnectionLost ? new CommitUnknown('commit', { cause: error }) : error;
  });
  if (command !== 'COMMIT') throw new Error('PostgreSQL undid a transaction at commit');
}

async function undo(client: pg.PoolClient, reason: unknown): Promise<void> {
  if (reason instanceof ConnectionLost) return;
  await control(client, 'rollback');
}

function isTransient(error: unknown): boolean {
  return error instanceof ConnectionLost || gaveWay(error);
}

function mayRepeat(error: unknown): boolean {
  return isTransient(error) && !(error instanceof CommitUnknown);
}

function repeatsAfter(error: unknown): number {
  if (error instanceof TenantMoved) return LIMITS.movedRepeatsMax;
  return mayRepeat(error) ? 1 : 0;
}

function unavailableIfOverrun(error: unknown): unknown {
  return error instanceof CommitUnknown || isOverrun(error) ? unavailable(error) : error;
}

function unavailable(cause: unknown): GatewayError {
  return new GatewayError('SW_UNAVAILABLE', 'the database gave no answer', {
    cause,
    retryAfterSeconds: LIMITS.unavailableRetryS,
  });
}
