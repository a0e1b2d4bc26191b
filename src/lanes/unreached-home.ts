import { LIMITS } from '../kernel/limits.js';
import type { RoomId } from '../kernel/ids.js';
import type { Log, Timers } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Store } from '../store/store.js';

const SILENT = 'SW_FED_PEER_UNREACHABLE';

/** Tells authors that the home of their room cannot be reached, and so what they said waits. */
export class UnreachedHome {
  constructor(
    private readonly deps: {
      readonly store: Pick<Store, 'read' | 'transact'>;
      readonly timers: Pick<Timers, 'every'>;
      readonly log: Pick<Log, 'warn'>;
    },
  ) {}

  /** While a call to the home hangs. Whoever holds its lane by then, it is as true: so it needs no lease. */
  async during<T>(ctx: TenantContext, consumerId: string, call: () => Promise<T>): Promise<T> {
    const timer = this.deps.timers.every(LIMITS.submissionNoticeMs, () => {
      this.tell(ctx, consumerId, SILENT).catch((error: unknown) => this.deps.log.warn({ tenantId: ctx.tenantId, error }, 'authors were not told that a home is silent'));
    });
    try {
      return await call();
    } finally {
      timer.cancel();
    }
  }

  /** After an attempt that failed with `code`. */
  async tell(ctx: TenantContext, consumerId: string, code: string): Promise<void> {
    const rooms = await this.deps.store.read(ctx, ({ lanes }) => lanes.untold(ctx, consumerId, LIMITS.submissionNoticesMax));
    for (const room of rooms) await this.#tellRoom(ctx, room, code);
  }

  /** Of what was said just now, where the failure is known already: the lane may rest for an hour. */
  async tellIfKnown(ctx: TenantContext, room: RoomId): Promise<void> {
    const code = await this.deps.store.read(ctx, ({ lanes }) => lanes.failureOfHome(ctx, room));
    if (code !== undefined) await this.#tellRoom(ctx, room, code);
  }

  /** Under the lock of the room nothing is said in between: what moves stays before what is said later. */
  async #tellRoom(ctx: TenantContext, room: RoomId, code: string): Promise<void> {
    await this.deps.store.transact(ctx, async ({ rooms, log }) => {
      await rooms.lock(ctx, room);
      await log.tellWaiting(ctx, room, code);
    });
  }
}
