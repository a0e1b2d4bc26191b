import type { Caller } from '../../kernel/caller.js';
import type { Membership, RoomState, RoomType } from '../../kernel/events.js';
import type { Fqid, LogName, ParticipantId, RoomId } from '../../kernel/ids.js';
import type { InvitationView } from './invitations.js';
import type { Page, PageRequest } from './page.js';
import type { ParticipantView } from './participants.js';
import type { PlanView } from './plans.js';
import type { SidekickView } from './sidekicks.js';

export interface RoomView {
  readonly id: string;
  /** `!<room id>:<home>`: the room's name on every server. */
  readonly room_alias: string;
  readonly name: string | null;
  readonly topic: string | null;
  readonly room_type: RoomType;
  readonly state: RoomState;
  readonly is_public: boolean;
  readonly scope_kind: 'incognito' | null;
  readonly visibility: 'normal' | 'restricted';
  /** What newcomers read: from their invitation, or from the first entry on. */
  readonly history: 'invite' | 'beginning';
  readonly workspace_id: string | null;
  /** `null` when the creator is not known here. */
  readonly creator_id: string | null;
  /** Server name of the tenant that numbers this room's events. */
  readonly home: string;
  readonly federated: boolean;
  /** The caller's own; `null` for a room seen only in the directory. */
  readonly membership: Membership | null;
  readonly member_count: number;
  /** ISO 8601. */
  readonly created_at: string;
}

export interface MemberView {
  readonly participant_id: string;
  readonly membership: Membership;
  readonly power_level: number;
  readonly joined_at: string | null;
  readonly notification_mode: 'all';
  readonly muted_until: null;
  readonly response_mode: null;
  readonly participant: ParticipantView;
}

/** The documented snapshot; parts that this node does not keep (specs/decisions/0020-documented-not-served-here.md) are empty, never absent. */
export interface RoomStateView {
  readonly room: RoomView;
  readonly members: readonly MemberView[];
  readonly engagement: null;
  /** The newest, whatever became of it. */
  readonly plan: PlanView | null;
  readonly active_sidekicks: readonly SidekickView[];
  readonly active_call: null;
  readonly unread_count: 0;
  readonly last_read_event_id: null;
  readonly muted_until: null;
  readonly snoozed_event_ids: readonly never[];
}

export interface MembershipView {
  readonly room_id: string;
  readonly participant_id: string;
  readonly membership: Membership;
}

export interface NewRoom {
  readonly roomType: 'group' | 'public' | 'incognito';
  readonly name: string | null;
  readonly topic: string | null;
  readonly isPublic: boolean;
  readonly workspaceId: string | null;
  readonly visibility: 'normal' | 'restricted';
  readonly history: 'invite' | 'beginning';
  readonly readRoleSlugs: readonly string[];
}

/** A person of this tenant by id, or anybody by FQID. */
export type PersonRef = { readonly participantId: ParticipantId } | { readonly fqid: Fqid };

export interface RoomFilter extends PageRequest {
  readonly q: string | null;
  readonly roomType: RoomType | null;
}

export interface RoomsApi {
  create(caller: Caller, room: NewRoom): Promise<RoomView>;
  /** The room of these two, made when there is none yet. */
  openDm(caller: Caller, other: ParticipantId): Promise<RoomView>;
  /** The same with a person of another server, who is invited. */
  openFederatedDm(caller: Caller, other: Fqid): Promise<RoomView>;
  /** Rooms the caller is in, not archived. */
  list(caller: Caller, page: PageRequest): Promise<Page<RoomView>>;
  listArchived(caller: Caller, page: PageRequest): Promise<Page<RoomView>>;
  /** Public rooms, and those the caller is in. */
  directory(caller: Caller, filter: RoomFilter): Promise<Page<RoomView>>;
  get(caller: Caller, room: RoomId): Promise<RoomView>;
  /** The same by the name that it has on every server. */
  byAlias(caller: Caller, alias: LogName): Promise<RoomView>;
  state(caller: Caller, room: RoomId): Promise<RoomStateView>;
  setName(caller: Caller, room: RoomId, name: string): Promise<RoomView>;
  setTopic(caller: Caller, room: RoomId, topic: string): Promise<RoomView>;
  close(caller: Caller, room: RoomId): Promise<RoomView>;
  archive(caller: Caller, room: RoomId): Promise<RoomView>;
  unarchive(caller: Caller, room: RoomId): Promise<RoomView>;
}

export interface MembersApi {
  list(caller: Caller, room: RoomId, page: PageRequest): Promise<Page<MemberView>>;
  join(caller: Caller, room: RoomId): Promise<MembershipView>;
  rejoin(caller: Caller, room: RoomId): Promise<MembershipView>;
  leave(caller: Caller, room: RoomId, reason: string | null): Promise<MembershipView>;
  invite(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<InvitationView>;
  kick(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<MembershipView>;
  ban(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<MembershipView>;
  unban(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<MembershipView>;
  setPower(caller: Caller, room: RoomId, participant: ParticipantId, power: number): Promise<MemberView>;
}
