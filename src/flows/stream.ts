import type { Caller } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import { EVENT_TYPES } from '../kernel/events.js';
import { LIMITS } from '../kernel/limits.js';
import type { EphemeralMessage, RoomStreams, Timers } from '../kernel/ports.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';
import type { StreamApi, StreamEvent } from './api/sync.js';
import type { Followers } from './followers.js';
import { Sight } from './sight.js';
import { frameOf } from './stream-frames.js';
import { TypingFades } from './typing-fades.js';
import type { WatchCaller } from './watch-caller.js';

export interface StreamDeps {
  readonly store: Pick<Store, 'read'>;
  readonly followers: Pick<Followers, 'follow'>;
  readonly streams: Pick<RoomStreams, 'subscribeEphemeral'>;
  readonly watchCaller: Pick<WatchCaller, 'watch'>;
  readonly timers: Pick<Timers, 'after'>;
}

/**
 * One person's view of what happens, as it happens. Memberships travel in the same order as what they permit, so a
 * person who is put out of a room sees the entry that did it and nothing after.
 */
export class Stream implements StreamApi {
  constructor(private readonly deps: StreamDeps) {}

  async *follow(caller: Caller, signal: AbortSignal): AsyncIterable<StreamEvent> {
    const { ctx } = caller;
    const news = new News();
    const sight = new Sight(this.deps.store, caller);
    const fades = new TypingFades(this.deps.timers, (ephemeral) => news.push({ ephemeral }));
    const abort = (): void => news.end();
    const stopRows = await this.deps.followers.follow(ctx, (row) => news.push({ row }));
    const stopEphemeral = this.deps.streams.subscribeEphemeral(ctx, (ephemeral) => news.push({ ephemeral }));
    const stopWatch = this.deps.watchCaller.watch(caller, (refusal) => news.fail(refusal));
    signal.addEventListener('abort', abort, { once: true });
    try {
      await sight.look();
      if (signal.aborted) return;
      for await (const { row, ephemeral } of news.read()) {
        if (row !== undefined) yield* framesOf(caller, sight, row);
        if (ephemeral === undefined || !concerns(caller, sight, ephemeral)) continue;
        fades.hear(ephemeral);
        yield { type: ephemeral.kind, ...ephemeral.payload };
      }
    } finally {
      signal.removeEventListener('abort', abort);
      fades.end();
      stopWatch();
      stopEphemeral();
      stopRows();
    }
  }
}

/** The entry that puts a person out is the last they see, so they lose sight after it. */
async function* framesOf(caller: Caller, sight: Sight, row: ToldEntryRow): AsyncIterable<StreamEvent> {
  const aboutMe = row.event_type === EVENT_TYPES.member && row.target === caller.fqid && row.state === 'placed';
  const joins = aboutMe && row.content?.['membership'] === 'join';
  if (joins) await sight.look(row.room_id);
  if (sight.sees(row) || aboutMe) yield frameOf(row);
  if (aboutMe && !joins) await sight.look(row.room_id);
}

function concerns({ participantId }: Caller, sight: Sight, { roomId, payload }: EphemeralMessage): boolean {
  const own = 'participant_id' in payload && payload.participant_id === participantId;
  return !own && (roomId === undefined || sight.isIn(roomId));
}

interface Piece {
  readonly row?: ToldEntryRow;
  readonly ephemeral?: EphemeralMessage;
}

/** A bounded queue between those who tell and one who listens. Who falls too far behind is cut, and syncs anew. */
class News {
  readonly #pieces: Piece[] = [];
  #ended = false;
  #failure: GatewayError | undefined;
  #ring: () => void = () => {};

  push(piece: Piece): void {
    if (this.#pieces.length >= LIMITS.streamPiecesMax) return this.fail(new GatewayError('SW_OVERLOADED', 'a stream fell behind'));
    this.#pieces.push(piece);
    this.#ring();
  }

  end(): void {
    this.#ended = true;
    this.#ring();
  }

  fail(failure: GatewayError): void {
    this.#failure ??= failure;
    this.end();
  }

  async *read(): AsyncIterable<Piece> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return;
      const piece = this.#pieces.shift();
      if (piece === undefined) await new Promise<void>((resolve) => (this.#ring = resolve));
      else yield piece;
    }
  }
}
