import { indexMark } from '../kernel/events.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { TimelineRow } from '../store/repositories/timeline.repository.js';
import type { DeliveryState, EventView } from './api/messages.js';

/** An entry as clients see it: the last edit applied, nothing left of what was redacted. */
export function eventView(ctx: TenantContext, row: TimelineRow): EventView {
  const erased = row.redacted_by !== null;
  const edited = !erased && row.edited_content !== null;
  return {
    id: row.event_id,
    room_id: row.room_id,
    sender_id: row.sender_id,
    event_type: row.event_type,
    content: edited ? (row.edited_content ?? {}) : (row.content ?? {}),
    stream_position: row.stream_position,
    origin_ts: Math.floor(row.origin_ts / 1_000),
    created_at: iso(row.at ?? row.created_at),
    edited_at: edited && row.edited_at !== null ? iso(row.edited_at) : null,
    redacted_at: erased ? iso(row.redacted_at ?? row.created_at) : null,
    foreign_origin: row.foreign_origin,
    ...indexMark(row.room_type),
    ...(edited && row.content !== null ? { original_content: row.content } : {}),
    ...(row.relates_to === null ? {} : { relates_to_event_id: row.relates_to }),
    ...deliveryOf(ctx, row),
  };
}

/** Told only of our own words in a room whose home is elsewhere: they are pending until it answers. */
function deliveryOf(ctx: TenantContext, row: TimelineRow): { readonly delivery?: DeliveryState } {
  if (row.origin !== ctx.serverName) return {};
  const why = row.reason === null ? {} : { code: row.reason };
  if (row.state === 'pending' || row.state === 'refused') return { delivery: { state: row.state, ...why } };
  return row.was_submitted ? { delivery: { state: 'placed' } } : {};
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
