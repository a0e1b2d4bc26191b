import type { Caller } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import type { ParticipantId, RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Cache, RoomStreams } from '../kernel/ports.js';
import type { Store } from '../store/store.js';
import { PRESENCES, type Presence, type PresenceApi, type PresenceView } from './api/presence.js';

/** Who is here and who is typing. Kept in the cache, told by the streams, in no log: losing it costs nothing. */
export class PresenceFlow implements PresenceApi {
  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly cache: Pick<Cache, 'getMany' | 'set'>,
    private readonly streams: Pick<RoomStreams, 'publishEphemeral'>,
  ) {}

  async get({ ctx, participantId }: Caller, ids: readonly ParticipantId[]): Promise<readonly PresenceView[]> {
    const found = await this.cache.getMany(ctx, 'presence', ids);
    return ids.map((id) => ({ participant_id: id, presence: shownTo(participantId === id, found.get(id)) }));
  }

  async set({ ctx, participantId }: Caller, presence: Presence): Promise<PresenceView> {
    await this.cache.set(ctx, 'presence', participantId, presence, LIMITS.presenceMs);
    this.streams.publishEphemeral({ tenantId: ctx.tenantId, kind: 'presence', payload: { participant_id: participantId, presence: shownTo(false, presence) } });
    return { participant_id: participantId, presence };
  }

  async typing({ ctx, participantId }: Caller, room: RoomId, typing: boolean): Promise<void> {
    const member = await this.store.read(ctx, async ({ rooms, members }) => {
      if ((await rooms.find(ctx, room)) === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', room);
      return members.find(ctx, room, participantId);
    });
    if (member?.membership !== 'join') throw new GatewayError('SW_NOT_MEMBER', room);
    const payload = { room_id: room, participant_id: participantId, typing, clears_after_ms: LIMITS.typingMs };
    this.streams.publishEphemeral({ tenantId: ctx.tenantId, roomId: room, kind: 'typing', payload });
  }
}

/** Who wishes to appear offline does, to everybody else. */
function shownTo(self: boolean, kept: string | undefined): PresenceView['presence'] {
  const presence = PRESENCES.find((one) => one === kept) ?? 'offline';
  return presence === 'appear_offline' && !self ? 'offline' : presence;
}
