import { EVENT_TYPES } from '../kernel/events.js';
import type { EventId, RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Randomness, RoomStreams } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';
import { doubling } from './backoff.js';
import type { LaneHandler, Lease, Turn } from './lane-handler.js';
import { streamMessage } from './stream-message.js';

/** Carries every change of a tenant's rooms to the room streams, in order of the stream position. */
export class StreamLane implements LaneHandler {
  constructor(
    private readonly deps: {
      readonly store: Pick<Store, 'read'>;
      readonly streams: Pick<RoomStreams, 'publish' | 'erase'>;
      readonly randomness: Pick<Randomness, 'fraction'>;
    },
  ) {}

  async run({ ctx, consumer }: Lease): Promise<Turn> {
    const { rows, hasMore } = await this.deps.store.read(ctx, ({ log }) => log.after(ctx, consumer.position, LIMITS.streamPublishMax));
    const last = rows.at(-1);
    if (last === undefined) return { nextMs: null };
    // A place without content here has nothing to say; it is published when it is filled.
    const messages = rows.filter((row) => row.state !== 'withheld').map((row) => streamMessage(ctx, row));
    if (messages.length > 0) await this.deps.streams.publish(messages);
    for (const [roomId, redacted] of redactedIn(rows)) await this.#erase(ctx, roomId, redacted);
    return { nextMs: hasMore ? 0 : null, position: last.stream_position };
  }

  /** What was redacted may have been published before with all its words. A room is gone through once, however much it is. */
  async #erase(ctx: TenantContext, roomId: RoomId, redacted: readonly EventId[]): Promise<void> {
    const erased = await this.deps.store.read(ctx, ({ log }) => log.erasedWith(ctx, roomId, redacted));
    if (erased.length > 0) await this.deps.streams.erase(ctx, roomId, erased);
  }

  retryMs(attempts: number): number {
    return doubling(attempts, LIMITS.streamRetryMs, LIMITS.streamPublishRetryMaxMs, this.deps.randomness);
  }
}

function redactedIn(rows: readonly ToldEntryRow[]): ReadonlyMap<RoomId, readonly EventId[]> {
  const redacted = new Map<RoomId, EventId[]>();
  for (const { event_type: type, state, room_id: roomId, relates_to: target } of rows) {
    if (type !== EVENT_TYPES.redaction || state !== 'placed' || target === null) continue;
    redacted.set(roomId, [...(redacted.get(roomId) ?? []), target]);
  }
  return redacted;
}
