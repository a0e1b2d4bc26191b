import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import { EVENT_TYPES, type JsonObject, type JsonValue } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log, Meter, Randomness, TaskQueue } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { doubling } from '../../lanes/backoff.js';
import type { SidekickRow } from '../../store/repositories/sidekicks.repository.js';
import type { TimelineRow } from '../../store/repositories/timeline.repository.js';
import type { SidekickSafe } from '../../store/sidekick-safe.js';
import type { Store } from '../../store/store.js';
import { eventView, iso } from '../event-view.js';

export interface HandOverDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly safe: Pick<SidekickSafe, 'open'>;
  readonly queue: TaskQueue;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'fraction'>;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
}

/**
 * Gives a task to whoever does the work. It is given again until the queue has said that it keeps it; under one id, so that
 * the queue knows a repeat.
 */
export class HandOver {
  constructor(private readonly deps: HandOverDeps) {}

  async run(ctx: TenantContext, row: SidekickRow): Promise<void> {
    if (row.sealed_token === null) return;
    const { store, queue, clock, meter } = this.deps;
    const payload = await this.#payload(ctx, row, row.sealed_token);
    const ttlSeconds = Math.max(1, Math.ceil((row.deadline - clock.nowMs()) / 1_000));
    const outcome = await outcomeOf(
      queue.submit({ type: 'sidekick.task', tenantId: ctx.tenantId, idempotencyKey: row.task_id, correlationId: row.task_id, ttlSeconds, payload }),
    );
    const failed = outcome instanceof GatewayError;
    meter.count('sidekick_handovers_total', { outcome: failed ? 'failed' : 'kept' });
    if (failed) return this.#later(ctx, row, outcome);
    await store.transact(ctx, ({ sidekicks }) => sidekicks.handedOver(ctx, row.task_id, clock.nowMs()));
  }

  /** Not before the queue has asked to be tried again. */
  async #later(ctx: TenantContext, row: SidekickRow, { code, retryAfterSeconds = 0 }: GatewayError): Promise<void> {
    const { store, clock, randomness, log } = this.deps;
    log.warn({ tenantId: ctx.tenantId, code, attempt: row.attempts + 1 }, 'a sidekick could not be handed over');
    const waitMs = doubling(row.attempts + 1, LIMITS.sidekickRetryMinMs, LIMITS.sidekickRetryMaxMs, randomness);
    const nextMs = clock.nowMs() + Math.max(waitMs, retryAfterSeconds * 1_000);
    await store.transact(ctx, ({ sidekicks }) => sidekicks.putOff(ctx, row.task_id, nextMs));
  }

  async #payload(ctx: TenantContext, row: SidekickRow, sealed: Buffer): Promise<JsonObject> {
    return {
      tenant_id: ctx.tenantId,
      task_id: row.task_id,
      sidekick_token: this.deps.safe.open(ctx, row.task_id, sealed),
      report_path: `/v1/sidekicks/${row.task_id}/report`,
      codename: row.codename,
      task: row.task,
      model_id: row.model_id,
      room_id: row.room_id,
      sidekick_room_id: row.sidekick_room_id,
      agent_participant_id: row.agent_id,
      spawned_by: row.spawner_id,
      deadline: iso(row.deadline),
      max_steps: ctx.limits.max_sidekick_steps,
      max_tokens: ctx.limits.max_sidekick_tokens,
      context_mode: row.context_mode,
      context: row.context_mode === 'full' ? await this.#context(ctx, row) : [],
    };
  }

  /** What the person who asked can read now, the newest that fit, oldest first: what was erased meanwhile is not in it. */
  async #context(ctx: TenantContext, row: SidekickRow): Promise<readonly JsonValue[]> {
    const { rows } = await this.deps.store.read(ctx, ({ timeline }) =>
      timeline.back(ctx, row.spawner_id, row.room_id, Number.MAX_SAFE_INTEGER, LIMITS.sidekickContextEntriesMax),
    );
    const words: JsonValue[] = [];
    let bytes = 0;
    for (const entry of rows.filter(isSaid)) {
      const word = wordOf(ctx, entry);
      bytes += Buffer.byteLength(JSON.stringify(word));
      if (bytes > LIMITS.sidekickContextBytesMax) break;
      words.unshift(word);
    }
    return words;
  }
}

function isSaid(row: TimelineRow): boolean {
  return row.event_type === EVENT_TYPES.message && row.state === 'placed' && row.redacted_by === null;
}

function wordOf(ctx: TenantContext, row: TimelineRow): JsonObject {
  const { id, sender_id, content, created_at } = eventView(ctx, row);
  return { event_id: id, sender: row.sender, sender_id, content, created_at };
}
