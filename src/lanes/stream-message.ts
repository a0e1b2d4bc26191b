import { indexMark } from '../kernel/events.js';
import type { StreamMessage, TenantScope } from '../kernel/ports.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';

const ROOM_TYPES = 'swp.room.';

/** One change of one event, as specs/protocol/streams.md has it. What was erased carries no content. */
export function streamMessage({ tenantId }: TenantScope, row: ToldEntryRow): StreamMessage {
  const erased = row.redacted_by !== null;
  return {
    tenantId,
    roomId: row.room_id,
    kind: row.event_type.startsWith(ROOM_TYPES) ? row.event_type.slice(ROOM_TYPES.length) : row.event_type,
    messageId: `${row.event_id}:${row.stream_position}`,
    payload: {
      event_id: row.event_id,
      type: row.event_type,
      stream_position: row.stream_position,
      seq: row.seq,
      sender: row.sender,
      sender_id: row.sender_id,
      foreign_origin: row.foreign_origin,
      content: erased ? null : row.content,
      redacted: erased,
      relates_to: row.relates_to,
      via: row.via,
      state: row.state,
      reason: row.reason,
      origin_ts: row.origin_ts,
      at: row.at,
      ...indexMark(row.room_type),
    },
  };
}
