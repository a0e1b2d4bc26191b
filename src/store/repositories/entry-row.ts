import type { JsonObject, RoomType } from '../../kernel/events.js';
import type { EventId, Fqid, ParticipantId, RoomId, ServerName, WireEventId } from '../../kernel/ids.js';

/** placed: has a number. pending: waits for its home. refused: the home said no. withheld: a place whose content is not kept here. */
export type EntryState = 'placed' | 'pending' | 'refused' | 'withheld';

export interface EntryRow {
  readonly stream_position: number;
  readonly room_id: RoomId;
  readonly seq: number | null;
  readonly at: number | null;
  readonly event_id: EventId;
  readonly origin: ServerName;
  readonly wire_id: WireEventId;
  readonly event_type: string;
  readonly sender: Fqid;
  readonly sender_id: ParticipantId | null;
  readonly foreign_origin: string | null;
  /** Person or channel of a state entry. */
  readonly target: string | null;
  readonly event_hash: Buffer;
  readonly dedupe_hash: Buffer;
  readonly chain_hash: Buffer | null;
  readonly jws: string | null;
  readonly content: JsonObject | null;
  readonly relates_to: EventId | null;
  readonly via: readonly string[];
  readonly state: EntryState;
  readonly reason: string | null;
  readonly redacted_by: number | null;
  readonly origin_ts: number;
  readonly created_at: number;
}

/** An entry for readers, who are told what kind of room it is of. */
export interface ToldEntryRow extends Omit<EntryRow, 'jws' | 'event_hash' | 'dedupe_hash' | 'chain_hash'> {
  readonly room_type: RoomType;
  /** Where it came first, if it was filled later. */
  readonly first_position: number | null;
}

export type PlacedEntryRow = EntryRow & { readonly seq: number; readonly at: number; readonly chain_hash: Buffer };
