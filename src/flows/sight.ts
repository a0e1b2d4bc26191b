import type { Caller } from '../kernel/caller.js';
import type { RoomId } from '../kernel/ids.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';

/** The rooms that a person is in, and the stream position from which they read there: what they are told as it happens. */
export class Sight {
  readonly #since = new Map<RoomId, number>();

  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly caller: Pick<Caller, 'ctx' | 'participantId'>,
  ) {}

  /** Reads it anew, everywhere or in one room. */
  async look(roomId: RoomId | null = null): Promise<void> {
    const { ctx, participantId } = this.caller;
    const open = await this.store.read(ctx, ({ members }) => members.openSpans(ctx, participantId, roomId));
    if (roomId !== null) this.#since.delete(roomId);
    for (const span of open) this.#since.set(span.room_id, span.since_position);
  }

  isIn(roomId: RoomId): boolean {
    return this.#since.has(roomId);
  }

  /** A place that is filled later was there before whoever joined since. */
  sees({ room_id, state, stream_position, first_position }: ToldEntryRow): boolean {
    const since = this.#since.get(room_id);
    return state !== 'withheld' && since !== undefined && (first_position ?? stream_position) >= since;
  }
}
