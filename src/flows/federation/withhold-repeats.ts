import { eventIdOf } from '../../kernel/derived-ids.js';
import type { EventId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { withhold, type AdmittedEntry } from '../../admit/admit-entry.js';
import type { EntryRow } from '../../store/repositories/entry-row.js';
import type { LogRepository } from '../../store/repositories/log.repository.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';

/**
 * One event has one place: what somebody once signed cannot be said again by placing it again. New places of a run whose
 * event is in a place already are withheld, so that nothing of them is applied.
 */
export async function withholdRepeats(ctx: TenantContext, log: Pick<LogRepository, 'findMany'>, room: RoomRow, entries: readonly AdmittedEntry[]): Promise<readonly AdmittedEntry[]> {
  const ids = entries.map((one) => idOf(ctx, room, one));
  const rows = await log.findMany(ctx, ids.filter((id) => id !== undefined));
  const placed = new Set(rows.filter((row) => !mayTakePlace(room, row)).map((row) => row.event_id));
  return entries.map((one, index) => {
    const id = ids[index];
    if (id === undefined) return one;
    const isRepeat = placed.has(id);
    placed.add(id);
    return isRepeat ? withhold(one, 'SW_FED_EVENT_CONFLICT') : one;
  });
}

/** Of new places with content only; the others apply nothing. */
function idOf(ctx: TenantContext, { head_seq: headSeq }: RoomRow, { entry, withheld }: AdmittedEntry): EventId | undefined {
  if (entry.form !== 'event' || withheld !== undefined || entry.seq <= headSeq) return undefined;
  return eventIdOf(ctx.tenantId, entry.event.event.origin, entry.event.event.id);
}

/** An own event that waits for its place in this room; or what another home only claims to have. */
function mayTakePlace({ room_id: roomId }: RoomRow, row: EntryRow): boolean {
  return row.room_id === roomId ? row.seq === null : row.jws === null;
}
