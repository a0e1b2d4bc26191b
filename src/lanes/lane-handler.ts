import type { TenantContext } from '../kernel/tenant-context.js';
import type { ConsumerRow, LaneProgress } from '../store/repositories/consumers.repository.js';
import type { Repositories } from '../store/store.js';

/** One consumer, held by this process alone until the lease ends. */
export interface Lease {
  readonly ctx: TenantContext;
  /** As claimed: token, attempts, position. */
  readonly consumer: ConsumerRow;
  /** Aborts when the lease is lost or the process must stop: nothing that follows will be written. */
  readonly signal: AbortSignal;
}

/** What a turn did, written in one transaction under the lease's token, or not at all. */
export interface Turn {
  /** The code of what went wrong; it counts as an attempt. Absent: the turn did what it could. */
  readonly error?: string | undefined;
  /** null: nothing to do until woken; 0: more at once; otherwise come back after so long. */
  readonly nextMs: number | null;
  /** The stream publisher's new cursor over the tenant. */
  readonly position?: number | undefined;
  readonly lanes?: readonly LaneProgress[] | undefined;
  /** Writes that lock rooms, people or usage: locks in that order come before the consumer's. */
  readonly before?: ((repositories: Repositories) => Promise<void>) | undefined;
  /** Writes that come after the consumer's lock: lanes, then what takes a stream position. */
  readonly after?: ((repositories: Repositories) => Promise<void>) | undefined;
}

/** Serves the consumers of one kind. A turn may be repeated whole: what it does outside must be idempotent. */
export interface LaneHandler {
  run(lease: Lease): Promise<Turn>;
  /** The wait after a turn that threw, `attempts` times in a row. */
  retryMs(attempts: number): number;
}
