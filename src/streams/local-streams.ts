import type { RoomId, TenantId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, EphemeralMessage, RoomStreams, StreamFilter, StreamMessage, TenantScope } from '../kernel/ports.js';
import { decode, decodeEphemeral, encode, encodeEphemeral, messagesOf } from './stream-wire.js';
import { RingShelf, type ShelfBounds } from './ring-shelf.js';

const BOUNDS: ShelfBounds = {
  messagesMax: LIMITS.streamLocalMessagesMax,
  bytesMax: LIMITS.streamLocalBytesMax,
  allBytesMax: LIMITS.streamLocalAllBytesMax,
  sweepMs: LIMITS.streamLocalSweepMs,
  keptMs: LIMITS.streamRetentionMs,
  repeatMs: LIMITS.streamRepeatMs,
};
const NO_PREFIX = '';

/** Room streams inside one process. A reader that falls behind the bound misses what fell out, as with a server. */
export class LocalStreams implements RoomStreams {
  private readonly shelf: RingShelf;
  private readonly listeners = new Map<TenantId, Set<(data: string) => void>>();

  constructor(
    private readonly clock: Pick<Clock, 'nowMs'>,
    bounds: ShelfBounds = BOUNDS,
  ) {
    this.shelf = new RingShelf(bounds);
  }

  async publish(messages: readonly StreamMessage[]): Promise<void> {
    for (const message of messages) this.shelf.append(message.tenantId, encode(message, NO_PREFIX), this.clock.nowMs());
  }

  async erase(ctx: TenantScope, _roomId: RoomId, eventIds: readonly string[]): Promise<void> {
    this.shelf.erase(ctx.tenantId, messagesOf(ctx, eventIds));
  }

  subscribe(ctx: TenantScope, filter: StreamFilter, signal: AbortSignal): AsyncIterable<StreamMessage> {
    const ring = this.shelf.of(ctx.tenantId);
    // The place is taken now, not at the first read: what is published between the two is not missed.
    const place = filter.sinceMs === undefined ? ring.end : ring.placeAt(filter.sinceMs);
    return read(ctx, this.shelf, place, filter, signal);
  }

  publishEphemeral(message: EphemeralMessage): void {
    const data = encodeEphemeral(message);
    for (const listener of this.listeners.get(message.tenantId) ?? []) listener(data);
  }

  subscribeEphemeral(ctx: TenantScope, listener: (message: EphemeralMessage) => void): () => void {
    const own = this.listeners.get(ctx.tenantId) ?? new Set();
    this.listeners.set(ctx.tenantId, own);
    const onData = (data: string): void => {
      const message = decodeEphemeral(ctx, data);
      if (message !== undefined) listener(message);
    };
    own.add(onData);
    return () => {
      own.delete(onData);
      if (own.size === 0 && this.listeners.get(ctx.tenantId) === own) this.listeners.delete(ctx.tenantId);
    };
  }
}

async function* read(ctx: TenantScope, shelf: RingShelf, from: number, { roomId }: StreamFilter, signal: AbortSignal): AsyncGenerator<StreamMessage> {
  let place = from;
  while (!signal.aborted) {
    // Asked for each time: while the reader was busy, its ring may have gone and another have come.
    const ring = shelf.of(ctx.tenantId);
    const found = ring.at(place);
    if (found === undefined) {
      await ring.appended(signal);
      continue;
    }
    place = found.next;
    const message = decode(ctx, found.message, NO_PREFIX);
    if (typeof message !== 'string' && (roomId === undefined || message.roomId === roomId)) yield message;
  }
}
