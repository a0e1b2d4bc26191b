import { EVENT_TYPES, indexMark } from '../kernel/events.js';
import type { ToldEntryRow } from '../store/repositories/entry-row.js';
import type { StreamEvent } from './api/sync.js';

/** An entry as a frame of the WebSocket: what the documented types carry, and for others the event itself. */
export function frameOf(row: ToldEntryRow): StreamEvent {
  const base = { type: row.event_type, id: row.event_id, room_id: row.room_id, stream_position: row.stream_position, ...indexMark(row.room_type), ...deliveryOf(row) };
  const content = row.content ?? {};
  const about = row.relates_to === null ? {} : { event_id: row.relates_to };
  switch (row.event_type) {
    case EVENT_TYPES.redaction:
      return { ...base, ...about, redacted_by: row.sender_id, reason: content['reason'] ?? null };
    case EVENT_TYPES.reaction:
    case EVENT_TYPES.reactionRemove:
      return { ...base, ...about, sender_id: row.sender_id, emoji: content['emoji'] };
    case EVENT_TYPES.member:
      return { ...base, participant_id: content['participant_id'] ?? null, target: row.target, membership: content['membership'], changed_by: row.sender_id };
    default:
      return {
        ...base,
        ...about,
        sender_id: row.sender_id,
        content,
        origin_ts: Math.floor(row.origin_ts / 1_000),
        foreign_origin: row.foreign_origin,
      };
  }
}

/** What has no place yet, or gets none, is not to be taken for what has. */
function deliveryOf({ state, reason }: ToldEntryRow): object {
  return state === 'placed' ? {} : { delivery: { state, ...(reason === null ? {} : { code: reason }) } };
}
