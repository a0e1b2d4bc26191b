import type { Caller } from '../kernel/caller.js';
import type { GatewayError } from '../kernel/errors.js';
import { EVENT_TYPES } from '../kernel/events.js';
import type { Timers } from '../kernel/ports.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';
import type { SyncApi, SyncRequest, SyncView } from './api/sync.js';
import { eventView } from './event-view.js';
import type { Followers } from './followers.js';
import { Sight } from './sight.js';
import type { WatchCaller } from './watch-caller.js';

/** What a person has not seen yet, at once if there is any, otherwise as soon as there is. */
export class Sync implements SyncApi {
  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly followers: Pick<Followers, 'follow'>,
    private readonly watchCaller: Pick<WatchCaller, 'watch'>,
    private readonly timers: Pick<Timers, 'sleep'>,
  ) {}

  async sync(caller: Caller, request: SyncRequest): Promise<SyncView> {
    const first = await this.#read(caller, request);
    if (first.events.length > 0 || request.timeoutMs === 0) return first;
    await this.#wait(caller, request);
    return this.#read(caller, request);
  }

  async #read({ ctx, participantId }: Caller, request: SyncRequest): Promise<SyncView> {
    const { page, head } = await this.store.read(ctx, async ({ timeline, log }) => ({
      head: await log.position(ctx),
      page: await timeline.since(ctx, participantId, request.since, request.limit),
    }));
    const { hasMore } = page;
    const events = page.rows.map((row) => eventView(ctx, row));
    // With nothing left to read the cursor passes over what others wrote elsewhere. The head was read first, so nothing
    // of the caller's can lie before it unread.
    const cursor = hasMore || events.length > 0 ? Math.max(events.at(-1)?.stream_position ?? 0, hasMore ? 0 : head) : Math.max(head, request.since);
    return { events, next_cursor: String(cursor), has_more: hasMore };
  }

  /** Ends with the first row that the caller may read, with the time, or with the caller; what the caller is refused with meanwhile is thrown. */
  async #wait(caller: Caller, request: SyncRequest): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    const sight = new Sight(this.store, caller);
    let refusal: GatewayError | undefined;
    const stop = await this.followers.follow(caller.ctx, (row) => {
      if (sight.sees(row) || joins(row, caller)) wake();
    });
    const stopWatch = this.watchCaller.watch(caller, (refused) => {
      refusal = refused;
      wake();
    });
    try {
      await sight.look();
      // What came between the first look and the beginning of following would otherwise be waited for in vain.
      if ((await this.#read(caller, { ...request, limit: 1 })).events.length > 0) return;
      await this.timers.sleep(request.timeoutMs, AbortSignal.any([request.signal, woken.signal]));
      if (refusal !== undefined) throw refusal;
    } finally {
      stopWatch();
      stop();
    }
  }
}

/** The caller's own coming into a room, from which on they read there. */
function joins({ event_type: type, target, state, content }: ToldEntryRow, { fqid }: Caller): boolean {
  return type === EVENT_TYPES.member && target === fqid && state === 'placed' && content?.['membership'] === 'join';
}
