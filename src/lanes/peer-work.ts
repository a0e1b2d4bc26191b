import type { RoomId, ServerName } from '../kernel/ids.js';
import type { RoomType } from '../kernel/events.js';
import type { EntryRow, PlacedEntryRow } from '../store/repositories/entry-row.js';
import type { IntervalRow } from '../store/repositories/intervals.repository.js';
import type { InvitationRow } from '../store/repositories/invitations.repository.js';
import type { DueLane, SubmittingLane } from '../store/repositories/lanes.repository.js';

/** A newcomer's start: the state that holds at the lane's cursor. */
export interface StartWork {
  readonly kind: 'start';
  readonly lane: DueLane;
  readonly hash: Buffer;
  readonly state: readonly PlacedEntryRow[];
}

/** What follows the lane's cursor. */
export interface LogWork {
  readonly kind: 'log';
  readonly lane: DueLane;
  readonly prevHash: Buffer;
  readonly rows: readonly PlacedEntryRow[];
  /** Places left out for this mirror. */
  readonly withheld: ReadonlyMap<number, string>;
}

/** Entries about the people of an invited server. */
export interface MemberWork {
  readonly kind: 'member';
  readonly lane: DueLane;
  readonly entries: readonly { readonly row: PlacedEntryRow; readonly prevHash: Buffer }[];
  readonly about: { readonly name: string | null; readonly topic: string | null; readonly type: RoomType; readonly member_count: number };
  /** Up to here nothing else concerns that server. */
  readonly scannedTo: number;
}

/** Own events on their way to the home. */
export interface SubmitWork {
  readonly kind: 'submit';
  readonly lane: SubmittingLane;
  readonly rows: readonly Submission[];
}

export type Submission = EntryRow & { readonly jws: string };

/** A submission with its final answer. */
export interface Refusal {
  readonly entry: EntryRow;
  readonly code: string;
}

export interface DeclineWork {
  readonly kind: 'decline';
  readonly invitation: InvitationRow & { readonly decline_jws: string };
}

export type Work = StartWork | LogWork | MemberWork | SubmitWork | DeclineWork;

/** Where a lane may go in a room. */
export interface Reach {
  /** What its server may read, rising. */
  readonly intervals: readonly IntervalRow[];
  /** An ended lane is followed by entries about people of its server. */
  readonly news: boolean;
}

/** All that one turn found to do for a peer, read in one go. */
export interface PeerWork {
  readonly work: readonly Work[];
  readonly reach: ReadonlyMap<RoomId, Reach>;
  /** Descriptor JWS of third servers, as pinned here. */
  readonly descriptors: ReadonlyMap<ServerName, string>;
  /** Lanes of invited servers that the log passed without naming anybody of theirs. */
  readonly passed: readonly { readonly lane: DueLane; readonly cursor: number }[];
  /** Submissions that waited too long, or were erased before they left. */
  readonly hopeless: readonly Refusal[];
  /** When something comes up by itself, ms since 1970. */
  readonly nextTimeMs: number | undefined;
}
