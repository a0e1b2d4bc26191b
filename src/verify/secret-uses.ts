import type { BridgeId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Timer, Timers } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Store } from '../store/store.js';

interface Uses {
  readonly ctx: TenantContext;
  readonly bridge: BridgeId;
  readonly ordinal: number;
  count: number;
  lastMs: number;
}

/** Counts which secrets are used, so that a rotation can be watched. Written about once a second, never on the way of a call. */
export class SecretUses {
  #noted = new Map<string, Uses>();
  #timer: Timer | undefined;

  constructor(
    private readonly store: Pick<Store, 'transact'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
    private readonly timers: Pick<Timers, 'after'>,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  note(ctx: TenantContext, bridge: BridgeId, ordinal: number): void {
    const key = `${bridge} ${ordinal}`;
    const uses = this.#noted.get(key) ?? { ctx, bridge, ordinal, count: 0, lastMs: 0 };
    uses.count += 1;
    uses.lastMs = this.clock.nowMs();
    this.#noted.set(key, uses);
    this.#timer ??= this.timers.after(LIMITS.bridgeSecretUsesMs, () => {
      this.flush().catch((error: unknown) => this.log.warn({ error }, 'uses of bridge secrets could not be counted'));
    });
  }

  /** Writes what was noted; before an administrator looks, and when the node stops. What cannot be written is not counted. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const noted = [...this.#noted.values()];
    this.#noted = new Map();
    for (const { ctx, bridge, ordinal, count, lastMs } of noted) {
      await this.store.transact(ctx, ({ bridgeSecrets }) => bridgeSecrets.countUses(ctx, bridge, ordinal, count, lastMs));
    }
  }
}
