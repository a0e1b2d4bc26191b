import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Wake } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { DataError } from '../store/sql-error.js';
import type { AppendItem, AppendOutcome } from '../store/repositories/log-items.js';
import type { Store } from '../store/store.js';

/** Items of one room, judged by the same facts, that are written together or not at all. */
interface Waiting {
  readonly ctx: TenantContext;
  readonly items: readonly AppendItem[];
  readonly bytes: number;
  readonly answer: (outcomes: readonly AppendOutcome[]) => void;
  readonly fail: (error: unknown) => void;
}

interface Queue {
  readonly waiting: Waiting[];
  /** Items of all who wait. */
  items: number;
}

/**
 * The message path's last step: whatever waits for a tenant is written in one call, one call at a time per tenant and
 * process. All appends of a tenant wait for the same row anyway; together they wait once.
 */
export class Appender {
  readonly #queues = new Map<string, Queue>();
  readonly #busy = new Set<string>();

  constructor(
    private readonly store: Pick<Store, 'append'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
    private readonly wake: Pick<Wake, 'hint'>,
    private readonly log: Pick<Log, 'error'>,
  ) {}

  async append(ctx: TenantContext, item: AppendItem): Promise<AppendOutcome> {
    const [outcome] = await this.appendTogether(ctx, [item]);
    return outcome ?? { outcome: 'stale' };
  }

  /**
   * Resolves after the commit, with an outcome per item. Items of one room and one epoch, each id once: they are placed
   * in this order with nothing of each other missing. Throws SW_OVERLOADED when too much waits already.
   */
  appendTogether(ctx: TenantContext, items: readonly AppendItem[]): Promise<readonly AppendOutcome[]> {
    const queue = this.#queues.get(ctx.tenantId) ?? { waiting: [], items: 0 };
    this.#queues.set(ctx.tenantId, queue);
    if (queue.items >= LIMITS.appendQueueMax) {
      throw new GatewayError('SW_OVERLOADED', 'append queue', { retryAfterSeconds: 1 });
    }
    return new Promise((answer, fail) => {
      queue.items += items.length;
      queue.waiting.push({ ctx, items, bytes: items.reduce((sum, { jws }) => sum + jws.length, 0), answer, fail });
      this.#drain(ctx.tenantId).catch((error: unknown) => this.log.error({ error, tenantId: ctx.tenantId }, 'the append queue stopped'));
    });
  }

  async #drain(tenant: string): Promise<void> {
    if (this.#busy.has(tenant)) return;
    this.#busy.add(tenant);
    for (let queue = this.#queues.get(tenant); queue !== undefined && queue.items > 0; ) {
      // Callers of the same turn join the batch.
      await Promise.resolve();
      await this.#write(takeBatch(queue));
    }
    this.#busy.delete(tenant);
    this.#queues.delete(tenant);
  }

  /** One caller's bad data must not spoil the others': the batch is halved until the culprit stands alone. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    try {
      const outcomes = await this.store.append(first.ctx, batch.flatMap(({ items }) => items), this.clock.nowMs(), LIMITS.submissionsPerRoomMax);
      let answered = 0;
      for (const { items, answer } of batch) answer(outcomes.slice(answered, (answered += items.length)));
      if (outcomes.some(({ outcome }) => outcome === 'appended')) this.wake.hint({ kind: 'log', tenantId: first.ctx.tenantId });
    } catch (error) {
      if (!(error instanceof DataError) || batch.length === 1) return batch.forEach((waiting) => waiting.fail(error));
      const half = Math.ceil(batch.length / 2);
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
    }
  }
}

/**
 * Takes what fits one call. A second event of the same id waits for the first's outcome, and an item judged under other
 * facts of the tenant goes by itself, since a call speaks for one epoch.
 */
function takeBatch(queue: Queue): readonly Waiting[] {
  const batch: Waiting[] = [];
  const ids = new Set<string>();
  const roomEpochs = new Map<string, number>();
  let bytes = 0;
  for (let next = queue.waiting[0]; next !== undefined; next = queue.waiting[0]) {
    const { ctx, items } = next;
    const isFull = ids.size + items.length > LIMITS.appendItemsMax || bytes + next.bytes > LIMITS.appendBytesMax;
    if (batch.length > 0 && (isFull || batch[0]?.ctx.epoch !== ctx.epoch)) break;
    if (items.some(({ eventId, roomId, epoch }) => ids.has(eventId) || (roomEpochs.get(roomId) ?? epoch) !== epoch)) break;
    queue.waiting.shift();
    queue.items -= items.length;
    batch.push(next);
    bytes += next.bytes;
    for (const { eventId, roomId, epoch } of items) {
      ids.add(eventId);
      roomEpochs.set(roomId, epoch);
    }
  }
  return batch;
}
