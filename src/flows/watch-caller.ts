import type { Caller } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Log, Timers } from '../kernel/ports.js';
import type { Store } from '../store/store.js';
import type { TenantDirectory } from '../store/tenant-directory.js';


/** Called with what a caller who waits for news is refused with from now on; perhaps more than once. */
type Refused = (refusal: GatewayError) => void;

/** Tells whoever waits for news that their tenant was suspended or they were deactivated, on whichever process, well within a second. */
export class WatchCaller {
  constructor(
    private readonly deps: {
      readonly store: Pick<Store, 'read'>;
      readonly tenants: Pick<TenantDirectory, 'byId'>;
      readonly timers: Pick<Timers, 'every'>;
      readonly log: Pick<Log, 'debug'>;
    },
  ) {}

  /** Returns the function that ends the watch. */
  watch({ ctx, participantId }: Caller, refused: Refused): () => void {
    let { epoch } = ctx;
    const look = async (): Promise<void> => {
      const served = await this.deps.tenants.byId(ctx);
      if (served.ctx.status !== 'active') refused(new GatewayError('SW_TENANT_SUSPENDED', ctx.slug));
      // The tenant's epoch says when to look at the person again.
      if (served.ctx.epoch === epoch) return;
      const person = await this.deps.store.read(ctx, ({ participants }) => participants.find(ctx, participantId));
      if (person?.status === 'deactivated') refused(new GatewayError('SW_AUTH_DEACTIVATED', participantId));
      ({ epoch } = served.ctx);
    };
    // PostgreSQL away says nothing about tenant or person; the next look will.
    const looks = this.deps.timers.every(LIMITS.watchCallerMs, () => {
      look().catch((error: unknown) => this.deps.log.debug({ error }, 'tenant and person could not be looked at'));
    });
    return () => looks.cancel();
  }
}
