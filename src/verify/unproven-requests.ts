import { hash } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { RATE_PACE } from '../kernel/rates.js';
import { subscriberOf } from '../kernel/subscriber.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { RecentMap } from '../store/cache/recent-map.js';
import { SlidingCount } from '../store/cache/sliding-count.js';

/** Whose name a request bears, at which tenant, and where it came from: all of it unproven but the address. */
export interface UnprovenSender {
  readonly ctx: Pick<TenantContext, 'tenantId'>;
  readonly origin: ServerName;
  readonly remoteAddress: string;
}

/**
 * Requests that bore a peer's name and did not prove it, by address. Whoever only claims a name is refused before their
 * body is read, in this process and from this address, and uses up nothing of the peer's own rate. What is proved is
 * never counted here, so a peer that shares an address with nobody notices nothing.
 */
export class UnprovenRequests {
  readonly #counts: RecentMap<SlidingCount>;

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>) {
    this.#counts = new RecentMap(LIMITS.unprovenSendersMax, RATE_PACE.windowMs + RATE_PACE.slotMs, clock);
  }

  /** Throws SW_RATE_LIMIT_EXCEEDED after too many. */
  requireFew(sender: UnprovenSender): void {
    const nowMs = this.clock.monotonicMs();
    const count = this.#countOf(sender);
    const over = (count?.sum(nowMs) ?? 0) + 1 - LIMITS.unprovenRequestsPerMinute;
    if (count === undefined || over <= 0) return;
    const retryAfterSeconds = Math.ceil(count.leaveMs(nowMs, over) / 1000);
    throw new GatewayError('SW_RATE_LIMIT_EXCEEDED', `unproven, in the name of ${sender.origin} from ${sender.remoteAddress}`, { retryAfterSeconds });
  }

  /** Does what proves the sender, and counts it if it does not. */
  async whileProving<T>(sender: UnprovenSender, prove: () => Promise<T>): Promise<T> {
    try {
      return await prove();
    } catch (error) {
      if (error instanceof GatewayError && error.code.startsWith('SW_FED_')) this.#countOf(sender)?.add(this.clock.monotonicMs());
      throw error;
    }
  }

  #countOf({ ctx, origin, remoteAddress }: UnprovenSender): SlidingCount | undefined {
    return this.#counts.getOrMake(hash('sha256', `${ctx.tenantId} ${origin} ${subscriberOf(remoteAddress)}`, 'base64url'), () => new SlidingCount(RATE_PACE));
  }
}
