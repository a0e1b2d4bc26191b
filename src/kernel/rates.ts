import { LIMITS } from './limits.js';
import type { TenantContext } from './tenant-context.js';

/** What a rate is counted by. `tenant` counts together: its people by themselves, and all who call from outside. */
export type RateScope = 'user' | 'peer' | 'bridge' | 'tenant';

/** The times that rates are counted in. */
export interface RatePace {
  readonly windowMs: number;
  /** Calls are kept by slots of this length. */
  readonly slotMs: number;
  /** Until the other processes are told of a call. */
  readonly tellMs: number;
  /** A call waits no longer to hear of the others. */
  readonly waitMs: number;
  /** No call waits, after an answer that did not come. */
  readonly aloneMs: number;
}

export const RATE_PACE: RatePace = Object.freeze({
  windowMs: LIMITS.rateWindowMs,
  slotMs: LIMITS.rateSlotMs,
  tellMs: LIMITS.rateTellMs,
  waitMs: LIMITS.rateWaitMs,
  aloneMs: LIMITS.rateAloneMs,
});

/** Somebody who has proved who they are. */
export interface RatedCaller {
  readonly scope: Exclude<RateScope, 'tenant'>;
  /** Participant id, server name or bridge id. */
  readonly id: string;
}

/** How much is left, in the tightest of the windows that count a call. */
export interface RateStanding {
  readonly scope: RateScope;
  /** Calls in a window. */
  readonly limit: number;
  readonly left: number;
  /** Until more is left; after a refusal, until a call is let through. */
  readonly resetSeconds: number;
}

export interface Rates {
  /**
   * Counts a call, or refuses it with SW_RATE_LIMIT_EXCEEDED and counts nothing. `counted` hears how much is left, before
   * a refusal too. Waits for nobody longer than `waitMs`, and fails for no other reason.
   */
  spend(ctx: TenantContext, caller: RatedCaller, counted?: (standing: RateStanding) => void): Promise<void>;
}

/** Calls counted in a moving window, told in the time of whoever asked. */
export interface CountedPart {
  readonly count: number;
  /** Until these calls are out of the window. */
  readonly leavesInMs: number;
}

/** Counts that the processes of a node have in common. */
export interface SharedCounts {
  /**
   * Adds calls of a tenant to the windows of these keys, in one round trip, and answers with what all processes together
   * have counted there, by key. Away: `undefined`, and nothing is sure to be added.
   */
  add(ctx: Pick<TenantContext, 'tenantId'>, calls: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, readonly CountedPart[]> | undefined>;
}
