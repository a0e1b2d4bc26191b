import { serverOf, type Fqid, type InvitationId } from '../../kernel/ids.js';
import type { InvitationView } from '../api/invitations.js';
import type { RoomView } from '../api/rooms.js';
import { iso } from '../event-view.js';

/** An invitation to a room that this tenant holds is its entry. */
export function sentInvitation(
  room: RoomView,
  sent: { readonly id: InvitationId; readonly at: number | null; readonly inviter: Fqid; readonly invitee: Fqid; readonly reason: string | null },
): InvitationView {
  return {
    id: sent.id,
    room_id: room.id,
    room_alias: room.room_alias,
    room_name: room.name,
    room_topic: room.topic,
    room_type: room.room_type,
    member_count: room.member_count,
    inviter: sent.inviter,
    invitee: sent.invitee,
    reason: sent.reason,
    foreign_origin: serverOf(sent.inviter) === room.home ? null : room.home,
    state: 'open',
    code: null,
    created_at: iso(sent.at ?? Date.parse(room.created_at)),
  };
}
