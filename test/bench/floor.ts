import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { FLOOR_TABLE } from './grouped-inserts.js';
import { query, statOf, type BenchDatabase } from './postgres.js';

/** What the floor's process is told. */
export interface FloorOrder {
  readonly databaseUrl: string;
  /** Raw Ed25519 public keys in base64, one per server. */
  readonly keys: readonly { readonly server: string; readonly key: string }[];
}

/** The floor in a process of its own, on the same PostgreSQL server as the nodes. */
export class Floor {
  private constructor(private readonly child: ChildProcess, readonly url: string) {}

  static async start(database: BenchDatabase, keys: FloorOrder['keys']): Promise<Floor> {
    await query(database.ownerUrl, FLOOR_TABLE);
    const child = fork(join(import.meta.dirname, 'floor-server.ts'), { execArgv: ['--import=tsx'] });
    const order: FloorOrder = { databaseUrl: database.ownerUrl, keys };
    child.send(order);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new Floor(child, `http://127.0.0.1:${port}`);
  }

  async cpuSeconds(): Promise<number | undefined> {
    return (await statOf(this.child.pid ?? 0))?.ownSeconds;
  }

  stop(): void {
    this.child.kill();
  }
}
