import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { monthOf } from '../kernel/utc-month.js';
import type { OwnKeys } from '../peering/own-keys.js';
import type { Store } from '../store/store.js';
import { doubling } from './backoff.js';
import type { LaneHandler, Lease, Turn } from './lane-handler.js';
import type { MediaSweep } from './media-sweep.js';

/** One thing to be done for a tenant now and then. Resolves to true if there is more of it to do at once, or to the milliseconds until it is due again where that is not the usual time. */
export type Duty = (ctx: TenantContext, signal: AbortSignal) => Promise<boolean | number>;

/** Periodic work is claimed, fenced and retried like everything else; one consumer per duty and tenant. */
export class DutyLane implements LaneHandler {
  constructor(
    private readonly duties: ReadonlyMap<string, Duty>,
    private readonly randomness: Pick<Randomness, 'fraction'>,
  ) {}

  async run({ ctx, consumer, signal }: Lease): Promise<Turn> {
    const duty = this.duties.get(consumer.consumer_id);
    // A duty of a newer version of the node waits for one.
    if (duty === undefined) return { nextMs: LIMITS.dutyPeriodMs };
    const more = await duty(ctx, signal);
    return { nextMs: typeof more === 'number' ? more : more ? 0 : LIMITS.dutyPeriodMs };
  }

  retryMs(attempts: number): number {
    return doubling(attempts, LIMITS.peerBackoffMinMs, LIMITS.dutyRetryMaxMs, this.randomness);
  }
}

/** Woken by whoever gives a sidekick a task, or ends one. */
export const SIDEKICK_DUTY = 'duty:sidekicks';
export const DUTY_IDS = ['duty:retention', 'duty:key-rotation', 'duty:ai-usage', 'duty:media-sweep', 'duty:scaikey', 'duty:usage', SIDEKICK_DUTY] as const;
type DutyId = (typeof DUTY_IDS)[number];

interface AiTokens {
  refresh(ctx: TenantContext): Promise<void>;
  /** Of this month; `null` = nothing is known of it. */
  find(ctx: TenantContext): Promise<{ readonly tokens: number | null; readonly asOfMs: number | null }>;
}

export interface DutyDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly keys: Pick<OwnKeys, 'rotateIfDue'>;
  readonly aiUsage: AiTokens;
  readonly aiMonths: { settle(ctx: TenantContext): Promise<boolean> };
  readonly mediaSweep: Pick<MediaSweep, 'run'>;
  /** Absent where ScaiKey's API is not to be asked. */
  readonly syncScaikey: Duty | undefined;
  readonly sidekicks: { run(ctx: TenantContext, signal: AbortSignal): Promise<number> };
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'info'>;
}

export function tenantDuties({ store, keys, aiUsage, aiMonths, mediaSweep, syncScaikey, sidekicks, clock, log }: DutyDeps): ReadonlyMap<string, Duty> {
  const duties: Record<DutyId, Duty> = {
    'duty:retention': retention({ store, clock }),
    /** Peers refuse what an expired key signs, so the next one takes over in time. */
    'duty:key-rotation': async (ctx) => {
      if (await keys.rotateIfDue(ctx)) log.info({ tenantId: ctx.tenantId }, 'the signing key was rotated');
      return false;
    },
    /** So that a tenant's number is there, and not much older than a turn, when it is asked for while ScaiGrid is away. */
    'duty:ai-usage': async (ctx) => {
      await aiUsage.refresh(ctx);
      return false;
    },
    /** What a month comes to, for billing. */
    'duty:usage': async (ctx) => {
      const { tokens, asOfMs } = await aiUsage.find(ctx);
      const month = monthOf(asOfMs ?? clock.nowMs());
      await store.transact(ctx, ({ usage }) => usage.keepMonth(ctx, month, tokens));
      const more = await store.transact(ctx, ({ usage }) => usage.countMessages(ctx, LIMITS.usageEntriesMax));
      return (await aiMonths.settle(ctx)) || more;
    },
    'duty:media-sweep': (ctx, signal) => mediaSweep.run(ctx, signal),
    /** The slow path of identities: what no event told, or what was lost of it. */
    'duty:scaikey': async (ctx, signal) => (await syncScaikey?.(ctx, signal)) ?? false,
    [SIDEKICK_DUTY]: (ctx, signal) => sidekicks.run(ctx, signal),
  };
  return new Map(Object.entries(duties));
}

/** Deletes what has aged out, in steps that hold no lock for long. */
export function retention({ store, clock }: Pick<DutyDeps, 'store' | 'clock'>): (...turn: Parameters<Duty>) => Promise<boolean> {
  return async (ctx) => {
    const nowMs = clock.nowMs();
    const refused = await store.transact(ctx, ({ rejections }) => rejections.expire(ctx, nowMs, LIMITS.retentionStep));
    const delivered = await store.transact(ctx, ({ deliveries }) => deliveries.expire(ctx, nowMs, LIMITS.retentionStep));
    const invited = await store.transact(ctx, ({ invitations }) => invitations.expire(ctx, nowMs - LIMITS.endedInvitationKeptMs, LIMITS.retentionStep));
    const heard = await store.transact(ctx, ({ scaikey }) => scaikey.expireEvents(ctx, nowMs, LIMITS.retentionStep));
    const worked = await store.transact(ctx, ({ sidekicks }) => sidekicks.expire(ctx, nowMs - LIMITS.sidekickKeptMs, LIMITS.retentionStep));
    return [refused, delivered, invited, heard, worked].includes(LIMITS.retentionStep);
  };
}
