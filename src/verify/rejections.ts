import { hash } from 'node:crypto';
import type { ErrorCode } from '../kernel/errors.js';
import type { LogName, ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Cache, Clock, Meter, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Store } from '../store/store.js';

/** So many at once, then one in ten seconds: enough to see what is wrong, too few to fill a disk. */
const RATE = { ratePerSecond: 0.1, burst: 20 };

export interface Rejection {
  readonly code: ErrorCode;
  /** Kind of the item, or `request`. */
  readonly item: string;
  readonly room?: LogName;
  readonly eventHash?: Buffer;
  readonly bytes?: number;
}

export interface RejectionsParts {
  readonly store: Pick<Store, 'transact'>;
  readonly cache: Pick<Cache, 'takeToken'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** What administrators see of refused traffic. Only for servers that have proved who they are, and never without bound. */
export class Rejections {
  constructor(private readonly parts: RejectionsParts) {}

  async record(ctx: TenantContext, server: ServerName, rejection: Rejection): Promise<void> {
    const { store, cache, clock, randomness, meter } = this.parts;
    meter.count('fed_rejections_total', { code: rejection.code });
    // A server's name may be as long as a whole key.
    const { allowed } = await cache.takeToken(ctx, 'rate', `rejections ${hash('sha256', server, 'base64url')}`, RATE);
    if (!allowed) return;
    const nowMs = clock.nowMs();
    const row = {
      rejection_id: randomness.uuid(),
      server_name: server,
      code: rejection.code,
      item: rejection.item,
      room: rejection.room ?? null,
      event_hash: rejection.eventHash ?? null,
      bytes: rejection.bytes ?? 0,
      created_at: nowMs,
      expires_at: nowMs + LIMITS.rejectionKeptMs,
    };
    await store.transact(ctx, async ({ rejections, peers }) => {
      await rejections.add(ctx, [row]);
      await peers.failed(ctx, server, rejection.code, nowMs);
    });
  }
}
