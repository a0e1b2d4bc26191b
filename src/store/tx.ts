import type { Knex } from 'knex';
import type pg from 'pg';
import { nativeOf } from './queries.js';
import { failureOf } from './sql-error.js';

/** One open transaction, bound to one tenant or, in a spanning call, to none. It is dead once its work has ended. */
export interface Tx {
  rows<R>(query: Knex.QueryBuilder | Knex.Raw): Promise<R[]>;
  /** For hot paths: parsed and planned once per connection under its name. */
  prepared<R>(name: string, text: string, values: readonly unknown[]): Promise<R[]>;
  /** A counter has less than the rows that it counts: told to the operator once the transaction has committed. */
  drifted(counter: string): void;
}

export class OpenTx implements Tx {
  /** The first statement that failed. After it PostgreSQL ignores the rest, whatever the work makes of it. */
  failure: Error | undefined;
  readonly drifts: string[] = [];
  #running = 0;
  #ended = false;

  constructor(private readonly client: Pick<pg.PoolClient, 'query'>) {}

  async rows<R>(query: Knex.QueryBuilder | Knex.Raw): Promise<R[]> {
    const { text, values } = nativeOf(query);
    return this.#run<R>({ text, values: [...values] });
  }

  async prepared<R>(name: string, text: string, values: readonly unknown[]): Promise<R[]> {
    return this.#run<R>({ name, text, values: [...values] });
  }

  drifted(counter: string): void {
    this.drifts.push(counter);
  }

  /** Ends the handle; says whether a statement is still under way because nobody awaited it. */
  end(): { readonly unawaited: boolean } {
    this.#ended = true;
    return { unawaited: this.#running > 0 };
  }

  async #run<R>(config: pg.QueryConfig): Promise<R[]> {
    if (this.#ended) throw new Error('a transaction was used after its end');
    this.#running += 1;
    try {
      const { rows } = await this.client.query<R & pg.QueryResultRow>(config);
      return rows;
    } catch (error) {
      const failure = failureOf(error);
      this.failure ??= failure;
      throw failure;
    } finally {
      this.#running -= 1;
    }
  }
}
