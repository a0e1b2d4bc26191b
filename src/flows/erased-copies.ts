import type { EventId, RoomId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Repositories } from '../store/store.js';

/** Erases an event, its edits, and every copy that this tenant keeps, in the transaction that writes the redaction. */
export class ErasedCopies {
  async erase(ctx: TenantContext, { log, deliveries, media }: Repositories, roomId: RoomId, eventId: EventId, redactedBy: number): Promise<void> {
    await media.noteErased(ctx, roomId, eventId);
    const erased = await log.erase(ctx, roomId, eventId, redactedBy);
    // Also for an event that was erased before: what a bridge was told of it may have been written since.
    await deliveries.erase(ctx, [eventId, ...erased]);
  }
}
