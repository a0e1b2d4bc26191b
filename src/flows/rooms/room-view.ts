import { GatewayError } from '../../kernel/errors.js';
import type { Caller } from '../../kernel/caller.js';
import type { RoomId } from '../../kernel/ids.js';
import type { MemberListRow } from '../../store/repositories/members.repository.js';
import type { RoomListFilter, RoomListRow } from '../../store/repositories/rooms.repository.js';
import type { Store } from '../../store/store.js';
import type { Page } from '../api/page.js';
import type { MemberView, RoomView } from '../api/rooms.js';
import { iso } from '../event-view.js';

export function roomView(row: RoomListRow): RoomView {
  return {
    id: row.room_id,
    room_alias: row.log_name,
    name: row.name,
    topic: row.topic,
    room_type: row.room_type,
    state: row.state,
    is_public: row.visibility === 'public',
    scope_kind: row.room_type === 'incognito' ? 'incognito' : null,
    visibility: row.visibility === 'restricted' ? 'restricted' : 'normal',
    history: row.history,
    workspace_id: null,
    creator_id: row.creator_id,
    home: row.home,
    federated: row.federated,
    membership: row.membership,
    member_count: row.member_count,
    created_at: iso(row.created_at),
  };
}

export function memberView(row: MemberListRow): MemberView {
  return {
    participant_id: row.participant_id,
    membership: row.membership,
    power_level: row.power,
    joined_at: row.joined_at === null ? null : iso(row.joined_at),
    notification_mode: 'all',
    muted_until: null,
    response_mode: null,
    participant: {
      id: row.participant_id,
      local_id: row.local_id,
      server_name: row.server_name,
      display_name: row.display_name,
      participant_type: row.participant_type,
      avatar_url: row.avatar_url,
    },
  };
}

/** Reads rooms as one caller sees them. */
export class RoomViews {
  constructor(private readonly store: Pick<Store, 'read'>) {}

  async page({ ctx, participantId }: Caller, filter: Omit<RoomListFilter, 'reader'>): Promise<Page<RoomView>> {
    const rows = await this.store.read(ctx, ({ rooms }) => rooms.list(ctx, { ...filter, reader: participantId }));
    return { items: rows.map(roomView), total: rows[0]?.total ?? 0 };
  }

  /** Throws SW_ROOM_NOT_FOUND for rooms that the caller may not know of. */
  async one(caller: Caller, roomId: RoomId): Promise<RoomView> {
    const { items } = await this.page(caller, { scope: 'one', roomId, limit: 1, offset: 0 });
    const [room] = items;
    if (room === undefined || !mayKnow(room)) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
    return room;
  }
}

/** A restricted room does not exist for outsiders; of others they see the facts, not the talk. */
function mayKnow(room: RoomView): boolean {
  const outside = room.membership !== 'join' && room.membership !== 'invite';
  return !(outside && room.visibility === 'restricted');
}
