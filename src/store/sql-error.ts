import pg from 'pg';

/** What PostgreSQL's own error says without the values of rows, which it would otherwise carry into logs. */
interface Fault {
  readonly sqlstate: string;
  readonly table: string | undefined;
  readonly constraint: string | undefined;
}

/** A statement that PostgreSQL refused. */
export class SqlError extends Error {
  override readonly name: string = 'SqlError';
  readonly sqlstate: string;
  readonly table: string | undefined;
  readonly constraint: string | undefined;

  constructor({ sqlstate, table, constraint }: Fault, note = '') {
    super(['SQLSTATE', sqlstate, table, constraint, note].filter(Boolean).join(' '));
    this.sqlstate = sqlstate;
    this.table = table;
    this.constraint = constraint;
  }
}

/** The values were refused (classes 22, 23 and 54): saying the same again gives the same answer. */
export class DataError extends SqlError {
  override readonly name = 'DataError';

  /** True if the named constraint or unique index is what refused. */
  violates(constraint: string): boolean {
    return this.constraint === constraint;
  }
}

/** The connection went away, or its state is unknown: nobody knows whether the last statement ran. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

const LOST = /^(?:08|57P0[123]|25P03|25P04)/;

/** What a failed statement means. A fault of the caller's values or of our own code is returned as it is. */
export function failureOf(error: unknown): Error {
  if (error instanceof pg.DatabaseError) {
    const { code: sqlstate = 'XX000', table, constraint } = error;
    if (LOST.test(sqlstate)) return new ConnectionLost(`SQLSTATE ${sqlstate}`);
    if (/^(?:2[23]|54)/.test(sqlstate)) return new DataError({ sqlstate, table, constraint });
    // Messages of class 42 name tables and columns, never values.
    return new SqlError({ sqlstate, table, constraint }, sqlstate.startsWith('42') ? error.message : '');
  }
  // The driver has no class of its own for a cut line or a wait that ended; what is neither is an error of ours.
  const ours = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  return ours ? error : new ConnectionLost('the connection failed', { cause: error });
}

const DEADLOCK = '40P01';
const SERIALIZATION = '40001';
const LOCK_TIMEOUT = '55P03';
const STATEMENT_TIMEOUT = '57014';

/** True if PostgreSQL gave up for the sake of others and undid everything: the same again may well succeed. */
export function gaveWay(error: unknown): boolean {
  return error instanceof SqlError && [DEADLOCK, SERIALIZATION, LOCK_TIMEOUT].includes(error.sqlstate);
}

/** True if PostgreSQL is full or the statement took too long: the same again now would only add to it. */
export function isOverrun(error: unknown): boolean {
  return error instanceof SqlError && (error.sqlstate === STATEMENT_TIMEOUT || error.sqlstate.startsWith('53'));
}
