import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { JsonObject } from '../../src/kernel/events.js';

export interface FloorRow {
  readonly room: string;
  readonly seq: number | null;
  readonly origin: string;
  readonly type: string;
  readonly sender: string;
  readonly eventHash: Buffer;
  readonly chainHash: Buffer | null;
  readonly jws: string;
  readonly content: JsonObject;
  readonly originTs: number;
}

/** Columns and indexes of `entries`, without its foreign key and its policies. */
export const FLOOR_TABLE = 'create table floor_entries (like entries including defaults including indexes)';

const INSERT = `insert into floor_entries (tenant_id, stream_position, room_id, seq, event_id, origin, wire_id, event_type, sender,
  event_hash, dedupe_hash, chain_hash, jws, content, state, origin_ts, created_at)
  select $1, p, r, s, e, o, e, t, f, h, h, c, j, n, 'placed', ts, ts
  from unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::bytea[], $11::text[], $12::jsonb[], $13::bigint[])
  as i (p, r, s, e, o, t, f, h, c, j, n, ts)`;
const GROUP_ROWS = 200;
const IN_FLIGHT = 2;
const TENANT = '00000000-0000-4000-8000-000000000000';

interface Waiting {
  readonly row: FloorRow;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Whatever waits is one insert of up to 200 rows with its own commit; two inserts at a time. */
export class GroupedInserts {
  readonly #pool: pg.Pool;
  readonly #queue: Waiting[] = [];
  #running = 0;
  #position = 0;

  constructor(databaseUrl: string) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, max: IN_FLIGHT });
  }

  add(row: FloorRow): Promise<void> {
    return new Promise((done, failed) => {
      this.#queue.push({ row, done, failed });
      queueMicrotask(() => this.#next());
    });
  }

  #next(): void {
    if (this.#running >= IN_FLIGHT || this.#queue.length === 0) return;
    const group = this.#queue.splice(0, GROUP_ROWS);
    this.#running += 1;
    this.#insert(group.map(({ row }) => row))
      .then(
        () => group.forEach(({ done }) => done()),
        (error: unknown) => group.forEach(({ failed }) => failed(error)),
      )
      .finally(() => {
        this.#running -= 1;
        this.#next();
      });
  }

  async #insert(rows: readonly FloorRow[]): Promise<void> {
    const column = <T>(pick: (row: FloorRow) => T): T[] => rows.map(pick);
    const values = [
      TENANT,
      column(() => (this.#position += 1)),
      column((row) => row.room),
      column((row) => row.seq),
      column(() => randomUUID()),
      column((row) => row.origin),
      column((row) => row.type),
      column((row) => row.sender),
      column((row) => row.eventHash),
      column((row) => row.chainHash),
      column((row) => row.jws),
      column((row) => JSON.stringify(row.content)),
      column((row) => row.originTs),
    ];
    await this.#pool.query({ name: 'floor', text: INSERT, values });
  }
}
