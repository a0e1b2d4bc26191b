import { EVENT_TYPES } from '../../kernel/events.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { countRoom } from '../../admit/count-room.js';
import type { EntryRow } from '../../store/repositories/entry-row.js';
import type { Repositories } from '../../store/store.js';

/**
 * What follows when a home finally refuses an event of ours: a refused join closes the mirror that waited for it and
 * tells the person why. The room is locked.
 */
export async function refusedSubmission(ctx: TenantContext, repositories: Repositories, refusal: { readonly entry: EntryRow; readonly code: string }): Promise<void> {
  const { entry, code } = refusal;
  const joins = entry.event_type === EVENT_TYPES.member && entry.content?.['membership'] === 'join';
  const room = joins ? await repositories.rooms.find(ctx, entry.room_id) : undefined;
  if (room === undefined || entry.sender_id === null) return;
  const invitation = await repositories.invitations.findFor(ctx, room.log_name, entry.sender_id);
  if (invitation !== undefined) await repositories.invitations.change(ctx, invitation.invitation_id, { status: 'refused', reason: code });
  const othersWait = (await repositories.log.pending(ctx, room.room_id, 2)).some((row) => row.event_id !== entry.event_id && row.event_type === EVENT_TYPES.member);
  if (room.phase !== 'joining' || othersWait) return;
  await countRoom(ctx, repositories, room, { ...room, phase: 'refused' });
  await repositories.rooms.change(ctx, room.room_id, { phase: 'refused' });
}
