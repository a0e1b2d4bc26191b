import type { JsonObject } from '../../kernel/events.js';
import type { EventId, Fqid, ParticipantId, RoomId, ServerName, WireEventId } from '../../kernel/ids.js';
import type { EntryState } from './entry-row.js';

/** An event ready for a place: admitted, re-homed, signed. */
export interface AppendItem {
  readonly roomId: RoomId;
  /** The epoch of the room under which it was judged. */
  readonly epoch: number;
  readonly eventId: EventId;
  readonly origin: ServerName;
  readonly wireId: WireEventId;
  readonly type: string;
  readonly sender: Fqid;
  readonly senderId: ParticipantId | null;
  readonly foreignOrigin: string | null;
  /** Person or channel of a state entry; null for others. */
  readonly target: string | null;
  readonly eventHash: Buffer;
  /** Equal on every repeat of the same request: the event hash, or for our own events the hash of what was asked. */
  readonly dedupeHash: Buffer;
  readonly jws: string;
  readonly content: JsonObject;
  readonly relatesTo: EventId | null;
  readonly via: readonly string[];
  readonly originTs: number;
}

export type AppendOutcome =
  | { readonly outcome: 'appended' | 'duplicate'; readonly seq: number | null; readonly streamPosition: number; readonly at: number | null }
  | { readonly outcome: 'conflict' | 'stale' | 'full' };

/** One place of a foreign log, verified and re-homed. */
export interface RunItem {
  readonly at: number;
  readonly chainHash: Buffer;
  readonly eventId: EventId;
  readonly origin: ServerName;
  readonly wireId: WireEventId;
  readonly type: string;
  readonly sender: Fqid;
  readonly senderId: ParticipantId | null;
  readonly foreignOrigin: string | null;
  readonly target: string | null;
  readonly eventHash: Buffer;
  readonly jws: string | null;
  readonly content: JsonObject | null;
  readonly relatesTo: EventId | null;
  readonly via: readonly string[];
  readonly state: Extract<EntryState, 'placed' | 'withheld'>;
  readonly reason: string | null;
  readonly redactedBy: number | null;
  readonly originTs: number;
}

export interface RunToAppend {
  readonly roomId: RoomId;
  readonly nowMs: number;
  readonly firstSeq: number;
  readonly prevHash: Buffer;
  readonly items: readonly RunItem[];
}

/** A run that changes nothing but the log, with what it was judged by. */
export interface JudgedRun extends RunToAppend {
  readonly epoch: number;
  /** Its content was judged on the understanding that the tenant's mirrors hold less than this. */
  readonly mirrorBytesMax: number;
}

export interface RunOutcome {
  readonly outcome: 'stored' | 'gap' | 'fork';
  readonly haveSeq: number;
  /** Per item the new stream position, or null where nothing changed. */
  readonly positions: readonly (number | null)[];
  /** 1-based items whose id was already another event's. */
  readonly conflicts: readonly number[];
}
