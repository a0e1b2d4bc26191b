import { hash } from 'node:crypto';
import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log, Meter, Timers } from '../../kernel/ports.js';
import { RATE_PACE, type RatedCaller, type RatePace, type Rates, type RateScope, type RateStanding, type SharedCounts } from '../../kernel/rates.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { TenantLimits } from '../../kernel/tenant-limits.js';
import { RateTeller } from './rate-teller.js';
import { RateWindow } from './rate-window.js';
import { RecentMap } from './recent-map.js';

export interface RateLimitsParts {
  /** Absent where there is one process only. */
  readonly shared?: SharedCounts;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Pick<Timers, 'after' | 'sleep'>;
  readonly meter: Pick<Meter, 'count'>;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/** A window that a call is counted in. */
interface Counting {
  readonly scope: RateScope;
  readonly limit: number;
  readonly key: string;
  readonly window: RateWindow;
}

const LIMIT_OF: Readonly<Record<RateScope, keyof TenantLimits & `${string}_requests_per_minute`>> = {
  user: 'user_requests_per_minute',
  peer: 'peer_requests_per_minute',
  bridge: 'bridge_requests_per_minute',
  tenant: 'tenant_requests_per_minute',
};

/**
 * Rates of those who have proved who they are (specs/decisions/0019-rate-limits.md). Decided in the process, from what
 * all processes told each other a moment ago. Each tenant has room of its own, so a flood at one forgets nothing of
 * another.
 */
export class RateLimits implements Rates {
  readonly #tenants: RecentMap<RecentMap<RateWindow>>;
  readonly #teller: RateTeller | undefined;
  /** Who was refused lately, so that a flood is one line of the log. */
  readonly #refused: RecentMap<{ said: boolean }>;

  constructor(
    private readonly parts: RateLimitsParts,
    private readonly pace: RatePace = RATE_PACE,
  ) {
    this.#tenants = this.#recent(LIMITS.tenantsCachedMax);
    this.#refused = this.#recent(LIMITS.tenantsCachedMax);
    this.#teller = parts.shared && new RateTeller(parts.shared, pace, parts.clock, parts.timers, parts.log);
  }

  async spend(ctx: TenantContext, caller: RatedCaller, counted?: (standing: RateStanding) => void): Promise<void> {
    const windows = this.#windowsOf(ctx, caller);
    if (windows.length === 0) return;
    const deadlineMs = this.parts.clock.monotonicMs() + this.pace.waitMs;
    // From the last look to the count nothing else may run, or calls that came together would all see the same.
    while (windows.some(({ window, limit }) => window.isAhead(limit)) && (await this.#hear(deadlineMs)));
    const nowMs = this.parts.clock.monotonicMs();
    const full = windows.filter(({ window, limit }) => window.used(nowMs) >= limit);
    if (full.length > 0) {
      const standing = tightest(full, nowMs);
      counted?.(standing);
      throw this.#refusal(ctx, caller, standing);
    }
    for (const { window, key } of windows) {
      window.take(nowMs);
      this.#teller?.note(ctx.tenantId, key, window);
    }
    counted?.(tightest(windows, nowMs));
  }

  /** Their own, and the tenant's: people share one, and all from outside another, so that neither can use up both. */
  #windowsOf(ctx: TenantContext, { scope, id }: RatedCaller): readonly Counting[] {
    const room = this.#tenants.getOrMake(ctx.tenantId, () => this.#recent<RateWindow>(LIMITS.rateCallersPerTenantMax));
    const keys: readonly (readonly [RateScope, string])[] = [
      ['tenant', scope === 'user' ? 'people' : 'outside'],
      [scope, `${scope} ${hash('sha256', id, 'base64url')}`],
    ];
    return keys.flatMap(([counts, key]) => {
      const window = room?.getOrMake(key, () => new RateWindow(this.pace));
      return window === undefined ? [] : [{ scope: counts, limit: ctx.limits[LIMIT_OF[counts]], key, window }];
    });
  }

  /** False: there is nobody to hear of, or no word from them in time. */
  async #hear(deadlineMs: number): Promise<boolean> {
    return this.#teller !== undefined && (await this.#teller.tellNow(deadlineMs));
  }

  /** Nothing is forgotten that still counts. */
  #recent<V>(entriesMax: number): RecentMap<V> {
    return new RecentMap(entriesMax, this.pace.windowMs + this.pace.slotMs, this.parts.clock);
  }

  #refusal(ctx: TenantContext, { scope, id }: RatedCaller, standing: RateStanding): GatewayError {
    this.parts.meter.count('rate_limited_total', { scope: standing.scope });
    const known = this.#refused.getOrMake(`${ctx.tenantId} ${scope} ${id}`, () => ({ said: false }));
    if (known !== undefined && !known.said) {
      known.said = true;
      this.parts.log.info({ tenantId: ctx.tenantId, scope: standing.scope, name: `${scope} ${id}` }, 'a caller is over a rate');
    }
    return new GatewayError('SW_RATE_LIMIT_EXCEEDED', `${standing.scope} of ${scope} ${id}`, { retryAfterSeconds: standing.resetSeconds });
  }
}

/** The one with the least left; among the full ones, the one that lets nobody through for longest. */
function tightest(windows: readonly Counting[], nowMs: number): RateStanding {
  return windows
    .map((counting) => standingOf(counting, nowMs))
    .reduce((one, other) => (other.left - one.left || one.resetSeconds - other.resetSeconds) < 0 ? other : one);
}

function standingOf({ scope, limit, window }: Counting, nowMs: number): RateStanding {
  const left = Math.max(0, limit - window.used(nowMs));
  const resetMs = window.leaveMs(nowMs, limit, left + 1);
  return { scope, limit, left, resetSeconds: Math.max(1, Math.ceil(resetMs / 1000)) };
}
