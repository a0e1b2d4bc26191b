import type { Caller } from '../../kernel/caller.js';
import type { IndexMark, JsonObject } from '../../kernel/events.js';
import type { EventId, ParticipantId, RoomId } from '../../kernel/ids.js';
import type { CursorPage } from './page.js';

/** How far an event of our own has come on its way to the home of its room. */
export interface DeliveryState {
  readonly state: 'pending' | 'placed' | 'refused';
  /** Why the home refused it. */
  readonly code?: string;
}

export interface EventView extends IndexMark {
  readonly id: string;
  readonly room_id: string;
  /** `null` for what a room's home says in its own voice. */
  readonly sender_id: string | null;
  readonly event_type: string;
  /** Empty once redacted. */
  readonly content: JsonObject;
  readonly stream_position: number;
  /** Unix seconds. */
  readonly origin_ts: number;
  readonly created_at: string;
  readonly edited_at: string | null;
  readonly redacted_at: string | null;
  readonly original_content?: JsonObject;
  /** What a reaction, an edit, a redaction or a reply is about. */
  readonly relates_to_event_id?: string;
  /** Server name of a foreign author's server; `null` for our own. */
  readonly foreign_origin: string | null;
  /** Only for events written here into a room whose home is elsewhere. */
  readonly delivery?: DeliveryState;
}

export interface MessagesRequest {
  readonly limit: number;
  /** Stream position to read from, exclusive; `null` = from the end (back) or the beginning (forward). */
  readonly from: number | null;
  readonly direction: 'back' | 'forward';
}

export interface NewMessage {
  readonly content: JsonObject;
  /** The client's UUID: the same one twice is one event and one answer. */
  readonly eventUuid: string | null;
  readonly asParticipantId: ParticipantId | null;
}

export interface MessagesApi {
  list(caller: Caller, room: RoomId, request: MessagesRequest): Promise<CursorPage<EventView>>;
  send(caller: Caller, room: RoomId, message: NewMessage): Promise<EventView>;
  edit(caller: Caller, room: RoomId, event: EventId, content: JsonObject): Promise<EventView>;
  redact(caller: Caller, room: RoomId, event: EventId, reason: string | null): Promise<EventView>;
  react(caller: Caller, room: RoomId, event: EventId, emoji: string): Promise<EventView>;
  /** Taking back what is not there is a success: the outcome is the same. */
  unreact(caller: Caller, room: RoomId, event: EventId, emoji: string): Promise<void>;
}
