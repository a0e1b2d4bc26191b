import type { Caller } from '../../kernel/caller.js';
import type { Fqid, ParticipantId, RoomId, ServerName } from '../../kernel/ids.js';
import type { InvitationView } from './invitations.js';
import type { Page, PageRequest } from './page.js';
import type { ParticipantView } from './participants.js';
import type { RoomView } from './rooms.js';

export interface IdentityView {
  readonly server_name: string;
  readonly key_id: string;
  /** `ed25519:<base64>`. */
  readonly public_key: string;
  /** Hex SHA-256 of the key, for comparing by voice. */
  readonly fingerprint: string;
  readonly protocol_versions: readonly string[];
  readonly not_after: string;
}

export interface PeerView {
  readonly server_name: string;
  readonly state: 'active' | 'frozen';
  readonly fingerprint: string | null;
  readonly first_seen: string;
  readonly last_seen: string | null;
  readonly last_error: string | null;
  readonly last_error_at: string | null;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
}

export interface FederationPolicyView {
  readonly default_mode: 'open' | 'invite_only' | 'closed';
  readonly allowed_peers: readonly string[];
  readonly denied_peers: readonly string[];
  readonly max_foreign_participants_per_room: number;
  readonly max_backfill_events_per_request: number;
}

/** What is not named stays as it is. */
export interface FederationPolicyChange {
  readonly defaultMode?: 'open' | 'invite_only' | 'closed';
  readonly allowedPeers?: readonly ServerName[];
  readonly deniedPeers?: readonly ServerName[];
  readonly maxForeignParticipantsPerRoom?: number;
  readonly maxBackfillEventsPerRequest?: number;
}

export interface RejectionView {
  readonly id: string;
  readonly at: string;
  /** Who sent it, as far as proved; `null` when nothing was proved. */
  readonly server_name: string | null;
  readonly code: string;
  readonly room_id: string | null;
  readonly event_id: string | null;
}

export interface BackfillView {
  readonly room_id: string;
  readonly requested: number;
  readonly stored: number;
  readonly withheld: number;
}

/** A place without content, and why. */
export interface WithheldPlaceView {
  readonly seq: number;
  readonly code: string;
}

export interface RoomPeerView {
  readonly server_name: string;
  /** What goes to this server: the log, what concerns its invited people, or our own events for their home. */
  readonly carries: 'log' | 'invitations' | 'submissions';
  /** Its latest receipt, as it signed it and what it says. */
  readonly receipt: { readonly seq: number; readonly hash: string; readonly jws: string } | null;
  /** The last places that we withhold from it, newest first. */
  readonly withheld: readonly WithheldPlaceView[];
  readonly frozen: string | null;
  /** The signed statement that contradicts our log. */
  readonly proof: string | null;
  /** Our own that stands against it. */
  readonly own_proof: string | null;
}

export interface RoomFederationView {
  readonly room_id: string;
  readonly room_alias: string;
  readonly home: string;
  readonly phase: 'hosted' | 'joining' | 'mirrored' | 'left' | 'refused';
  readonly federated: boolean;
  readonly frozen: string | null;
  /** The signed statement that contradicts our log. */
  readonly proof: string | null;
  /** Our own that stands against it. */
  readonly own_proof: string | null;
  readonly head: { readonly seq: number; readonly hash: string };
  /** The last places that are withheld here, newest first. */
  readonly withheld: readonly WithheldPlaceView[];
  readonly peers: readonly RoomPeerView[];
}

export interface FederationAdminApi {
  identity(caller: Caller): Promise<IdentityView>;
  peers(caller: Caller, page: PageRequest): Promise<Page<PeerView>>;
  /** Trusts the peer's present key when `fingerprint` is that key's, and thaws the peer. */
  pinPeer(caller: Caller, server: ServerName, fingerprint: string): Promise<PeerView>;
  policy(caller: Caller): Promise<FederationPolicyView>;
  changePolicy(caller: Caller, change: FederationPolicyChange): Promise<FederationPolicyView>;
  rejections(caller: Caller, page: PageRequest): Promise<Page<RejectionView>>;
  refreshForeign(caller: Caller, participant: ParticipantId): Promise<ParticipantView>;
  roomFederation(caller: Caller, room: RoomId): Promise<RoomFederationView>;
  federateRoom(caller: Caller, room: RoomId, enabled: boolean): Promise<RoomView>;
  inviteForeign(caller: Caller, room: RoomId, person: Fqid, reason: string | null): Promise<InvitationView>;
  backfillRoom(caller: Caller, room: RoomId, limit: number): Promise<BackfillView>;
  /** Takes everybody of ours out of a mirrored room that a contradiction has frozen. */
  leaveFrozen(caller: Caller, room: RoomId): Promise<RoomFederationView>;
}
