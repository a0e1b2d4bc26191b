import type { JsonObject } from '../../kernel/events.js';
import type { EventId, ParticipantId, RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import type { ToldEntryRow } from './entry-row.js';
import { eventPageOf, eventPageText, TOLD_COLUMNS, type EventPage, type Sized } from './event-page.js';

/** An entry as its readers see it: with the last edit of it applied. */
export interface TimelineRow extends ToldEntryRow {
  readonly edited_content: JsonObject | null;
  readonly edited_at: number | null;
  readonly redacted_at: number | null;
  /** True where the room's home is elsewhere. */
  readonly was_submitted: boolean;
}

const COLUMNS = `${TOLD_COLUMNS}, edit.edited_content, edit.edited_at, coalesce(octet_length(e.jws), 0) + coalesce(edit.edited_bytes, 0) as bytes,
  (select r.at from entries r where r.tenant_id = e.tenant_id and r.room_id = e.room_id and r.seq = e.redacted_by) as redacted_at,
  (select h.phase <> 'hosted' from rooms h where h.tenant_id = e.tenant_id and h.room_id = e.room_id) as was_submitted,
  (select h.room_type from rooms h where h.tenant_id = e.tenant_id and h.room_id = e.room_id) as room_type`;

/**
 * The last edit of a message: one that its own sender wrote, and that came while the reader was in the room, in the
 * stretch of the message or in another one. Needs {@link READABLE} before it.
 */
const WITH_LAST_EDIT = `
  left join lateral (
    select x.content as edited_content, coalesce(x.at, x.created_at) as edited_at, octet_length(x.jws) as edited_bytes from entries x
    where e.event_type = 'swp.room.message' and x.tenant_id = e.tenant_id and x.room_id = e.room_id
      and x.relates_to = e.event_id and x.event_type = 'swp.room.message.edit' and x.sender = e.sender
      and x.content is not null and x.state <> 'refused'
      and (s.until_position is null or coalesce(x.first_position, x.stream_position) <= s.until_position or exists (
        select 1 from spans o where o.tenant_id = s.tenant_id and o.room_id = s.room_id and o.participant_id = s.participant_id
          and coalesce(x.first_position, x.stream_position) >= o.since_position
          and (o.until_position is null or coalesce(x.first_position, x.stream_position) <= o.until_position)))
    order by x.seq desc nulls first, x.stream_position desc limit 1
  ) edit on true`;

/** A person reads what came inside their spans; what is withheld here has nothing to read. */
const READABLE = `
  join spans s on s.tenant_id = e.tenant_id and s.room_id = e.room_id and s.participant_id = $2
    and coalesce(e.first_position, e.stream_position) >= s.since_position
    and (s.until_position is null or coalesce(e.first_position, e.stream_position) <= s.until_position)`;

export class TimelineRepository {
  constructor(private readonly tx: Tx) {}

  /** What a person has not seen yet, over all their rooms, oldest first. */
  async since(ctx: TenantContext, reader: ParticipantId, position: number, limit: number): Promise<EventPage<TimelineRow>> {
    const near = `select ${COLUMNS} from entries e ${READABLE} ${WITH_LAST_EDIT}
      where e.tenant_id = $1 and e.stream_position > $3 and e.state <> 'withheld'
      order by e.stream_position limit $4`;
    return this.#page('timeline_since', eventPageText(near), [ctx.tenantId, reader, position], limit);
  }

  /** One room before a stream position, newest first. */
  async back(ctx: TenantContext, reader: ParticipantId, roomId: RoomId, before: number, limit: number): Promise<EventPage<TimelineRow>> {
    const near = `select ${COLUMNS} from entries e ${READABLE} ${WITH_LAST_EDIT}
      where e.tenant_id = $1 and e.room_id = $3 and e.stream_position < $4 and e.state <> 'withheld'
      order by e.stream_position desc limit $5`;
    return this.#page('timeline_back', eventPageText(near, 'desc'), [ctx.tenantId, reader, roomId, before], limit);
  }

  /** One room after a stream position, oldest first. */
  async forward(ctx: TenantContext, reader: ParticipantId, roomId: RoomId, after: number, limit: number): Promise<EventPage<TimelineRow>> {
    const near = `select ${COLUMNS} from entries e ${READABLE} ${WITH_LAST_EDIT}
      where e.tenant_id = $1 and e.room_id = $3 and e.stream_position > $4 and e.state <> 'withheld'
      order by e.stream_position limit $5`;
    return this.#page('timeline_forward', eventPageText(near), [ctx.tenantId, reader, roomId, after], limit);
  }

  async #page(name: string, text: string, values: readonly unknown[], limit: number): Promise<EventPage<TimelineRow>> {
    return eventPageOf(await this.tx.prepared<TimelineRow & Sized>(name, text, [...values, limit + 1]), limit);
  }

  async one(ctx: TenantContext, reader: ParticipantId, roomId: RoomId, eventId: EventId): Promise<TimelineRow | undefined> {
    const rows = await this.tx.prepared<TimelineRow>(
      'timeline_one',
      `select ${COLUMNS} from entries e ${READABLE} ${WITH_LAST_EDIT}
       where e.tenant_id = $1 and e.room_id = $3 and e.event_id = $4 and e.state <> 'withheld' limit 1`,
      [ctx.tenantId, reader, roomId, eventId],
    );
    return rows[0];
  }
}
