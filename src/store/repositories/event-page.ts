import { LIMITS } from '../../kernel/limits.js';

/** Events in order: as many as were asked for and fit, and always one. */
export interface EventPage<R> {
  readonly rows: readonly R[];
  readonly hasMore: boolean;
}

/** What a query of {@link eventPageText} adds to its rows. */
export interface Sized {
  readonly found: number;
}

/** An entry for readers: without what only servers need, the signed text first of all. */
export const TOLD_COLUMNS = `e.stream_position, e.first_position, e.room_id, e.seq, e.at, e.event_id, e.origin, e.wire_id, e.event_type, e.sender, e.sender_id,
  e.foreign_origin, e.target, e.content, e.relates_to, e.via, e.state, e.reason, e.redacted_by, e.origin_ts, e.created_at`;

/**
 * Cuts what `near` finds, one row more than was asked for, where it grows too long. Its `bytes` are those of the signed text:
 * that is no shorter than the content and its length is known without reading it, whatever its content was packed into.
 */
export function eventPageText(near: string, order: 'asc' | 'desc' = 'asc'): string {
  return `select * from (
      select near.*, count(*) over () as found,
        sum(bytes) over (order by stream_position ${order} rows between unbounded preceding and 1 preceding) as bytes_before
      from (${near}) as near) as sized
    where coalesce(bytes_before, 0) < ${LIMITS.eventPageBytesMax} order by stream_position ${order}`;
}

export function eventPageOf<R>(rows: readonly (R & Sized)[], limit: number): EventPage<R> {
  const page = rows.slice(0, limit);
  return { rows: page, hasMore: (rows[0]?.found ?? 0) > page.length };
}
