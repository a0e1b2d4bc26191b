import type { Caller } from '../../kernel/caller.js';
import type { InvitationId } from '../../kernel/ids.js';
import type { RoomType } from '../../kernel/events.js';
import type { Page, PageRequest } from './page.js';

export interface InvitationView {
  readonly id: string;
  /** `null` while the room is known here by name only. */
  readonly room_id: string | null;
  readonly room_alias: string;
  readonly room_name: string | null;
  readonly room_topic: string | null;
  readonly room_type: RoomType;
  readonly member_count: number | null;
  /** FQID. */
  readonly inviter: string;
  /** FQID. */
  readonly invitee: string;
  readonly reason: string | null;
  readonly foreign_origin: string | null;
  /** `joining`: accepted, and waiting for the room's home. */
  readonly state: 'open' | 'joining' | 'accepted' | 'declined' | 'revoked' | 'refused';
  /** Code of a refused join. */
  readonly code: string | null;
  readonly created_at: string;
}

export interface InvitationsApi {
  /** The caller's own, newest first: open, joining and refused ones. */
  list(caller: Caller, page: PageRequest): Promise<Page<InvitationView>>;
  accept(caller: Caller, invitation: InvitationId): Promise<InvitationView>;
  decline(caller: Caller, invitation: InvitationId): Promise<InvitationView>;
}
