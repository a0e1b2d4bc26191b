import { POWER } from '../kernel/authority.js';
import type { Caller } from '../kernel/caller.js';
import { ownWireEventId } from '../kernel/derived-ids.js';
import { GatewayError } from '../kernel/errors.js';
import { EVENT_TYPES, indexMark, type IndexMark, type JsonObject, type Relation } from '../kernel/events.js';
import { parseEventId, type EventId, type Fqid, type ParticipantId, type RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { contentBytes } from '../protocol/event.js';
import { toWire } from '../rehome/content.js';
import type { EntryRow } from '../store/repositories/entry-row.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import type { TimelineRow } from '../store/repositories/timeline.repository.js';
import type { Store } from '../store/store.js';
import type { EventView, MessagesApi, MessagesRequest, NewMessage } from './api/messages.js';
import type { CursorPage } from './api/page.js';
import { eventView, iso } from './event-view.js';
import type { NamedMedia } from './media/named-media.js';
import { requestHash, type OwnEvents } from './own-events.js';
import type { Placed, PlaceEvent } from './place-event.js';

export interface MessagesDeps {
  readonly store: Pick<Store, 'read'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly namedMedia: Pick<NamedMedia, 'check'>;
}

interface Saying {
  readonly type: string;
  /** In the client's terms. */
  readonly content: JsonObject;
  readonly relatesTo?: Relation | undefined;
  readonly eventUuid?: string | null;
  readonly as?: ParticipantId | null;
}

interface Said extends Placed {
  readonly mark: IndexMark;
}

/** What people say in rooms, and what they say of it. */
export class Messages implements MessagesApi {
  constructor(private readonly deps: MessagesDeps) {}

  async list(caller: Caller, room: RoomId, request: MessagesRequest): Promise<CursorPage<EventView>> {
    const { ctx, participantId } = caller;
    const { rows, hasMore } = await this.deps.store.read(ctx, async ({ rooms, members, timeline }) => {
      if ((await rooms.find(ctx, room)) === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', room);
      const member = await members.find(ctx, room, participantId);
      if (member?.membership !== 'join' && member?.membership !== 'leave') throw new GatewayError('SW_NOT_MEMBER', room);
      const back = request.direction === 'back';
      return back
        ? timeline.back(ctx, participantId, room, request.from ?? Number.MAX_SAFE_INTEGER, request.limit)
        : timeline.forward(ctx, participantId, room, request.from ?? 0, request.limit);
    });
    const items = rows.map((row) => eventView(ctx, row));
    const last = items.at(-1);
    return { items, has_more: hasMore, next_cursor: last === undefined ? null : String(last.stream_position) };
  }

  async send(caller: Caller, room: RoomId, message: NewMessage): Promise<EventView> {
    const relatesTo = await this.#reply(caller, room, message.content);
    const saying = { type: EVENT_TYPES.message, content: message.content, relatesTo, eventUuid: message.eventUuid, as: message.asParticipantId };
    return this.#view(caller, room, saying, await this.#say(caller, room, saying));
  }

  async edit(caller: Caller, room: RoomId, event: EventId, content: JsonObject): Promise<EventView> {
    await this.#about(caller, room, event, 'edit', EVENT_TYPES.edit, content);
    return this.#one(caller, room, event);
  }

  async redact(caller: Caller, room: RoomId, event: EventId, reason: string | null): Promise<EventView> {
    await this.#about(caller, room, event, 'redaction', EVENT_TYPES.redaction, reason === null ? {} : { reason });
    return this.#one(caller, room, event);
  }

  /** The same emoji twice is one reaction, also when both come at once. */
  async react(caller: Caller, room: RoomId, event: EventId, emoji: string): Promise<EventView> {
    const last = await this.#lastReaction(caller, room, event, emoji);
    if (last?.event_type === EVENT_TYPES.reaction && last.redacted_by === null) return this.#one(caller, room, last.event_id);
    const placed = await this.#about(caller, room, event, 'reaction', EVENT_TYPES.reaction, { emoji }, onceAfter(last, event, emoji));
    return this.#one(caller, room, placed.eventId);
  }

  async unreact(caller: Caller, room: RoomId, event: EventId, emoji: string): Promise<void> {
    const last = await this.#lastReaction(caller, room, event, emoji);
    if (last?.event_type !== EVENT_TYPES.reaction) return;
    await this.#about(caller, room, event, 'reaction', EVENT_TYPES.reactionRemove, { emoji }, onceAfter(last, event, emoji));
  }

  async #about(caller: Caller, room: RoomId, event: EventId, rel: Relation['rel'], type: string, content: JsonObject, eventUuid: string | null = null): Promise<Placed> {
    const row = await this.#row(caller, room, event);
    return this.#say(caller, room, { type, content, relatesTo: { rel, origin: row.origin, id: row.wire_id }, eventUuid });
  }

  async #say(caller: Caller, room: RoomId, saying: Saying): Promise<Said> {
    checkContent(saying.content);
    await this.deps.namedMedia.check(caller, saying.content);
    const pen = await this.deps.ownEvents.pen(caller.ctx);
    const { eventUuid } = saying;
    let mark: IndexMark = {};
    const placed = await this.deps.placeEvent.run(caller.ctx, room, (snapshot) => {
      mark = indexMark(snapshot.room.room_type);
      const speaker = speakerOf(snapshot, caller, saying.as ?? null);
      const content = toWire(saying.content, snapshot.members);
      checkSize(content);
      const draft = { sender: speaker.fqid, type: saying.type, content, ...(saying.relatesTo === undefined ? {} : { relatesTo: saying.relatesTo }) };
      if (eventUuid === null || eventUuid === undefined) return { proven: pen.write(snapshot, draft), senderId: speaker.id };
      const wireId = ownWireEventId(caller.ctx.tenantId, room, caller.participantId, eventUuid);
      return { proven: pen.write(snapshot, { ...draft, wireId }), senderId: speaker.id, dedupeHash: requestHash(saying.type, speaker.fqid, saying.content) };
    });
    return { ...placed, mark };
  }

  /** A fresh message is answered from what was written; a repeat is answered with the first one's row. */
  async #view(caller: Caller, room: RoomId, saying: Saying, placed: Said): Promise<EventView> {
    if (placed.outcome === 'duplicate' || placed.at === null) return this.#one(caller, room, placed.eventId);
    return {
      id: placed.eventId,
      room_id: room,
      sender_id: saying.as ?? caller.participantId,
      event_type: saying.type,
      content: saying.content,
      stream_position: placed.streamPosition,
      origin_ts: Math.floor(placed.at / 1_000),
      created_at: iso(placed.at),
      edited_at: null,
      redacted_at: null,
      foreign_origin: null,
      ...placed.mark,
    };
  }

  async #one({ ctx, participantId }: Caller, room: RoomId, event: EventId): Promise<EventView> {
    const row = await this.deps.store.read(ctx, ({ timeline }) => timeline.one(ctx, participantId, room, event));
    if (row === undefined) throw new GatewayError('SW_EVENT_NOT_FOUND', event);
    return eventView(ctx, row);
  }

  /** The event that an act is about, if the caller may read it. */
  async #row({ ctx, participantId }: Caller, room: RoomId, event: EventId): Promise<TimelineRow> {
    const row = await this.deps.store.read(ctx, async ({ rooms, members, timeline }) => {
      if ((await rooms.find(ctx, room)) === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', room);
      if ((await members.find(ctx, room, participantId))?.membership !== 'join') throw new GatewayError('SW_NOT_MEMBER', room);
      return timeline.one(ctx, participantId, room, event);
    });
    if (row === undefined || row.state === 'refused') throw new GatewayError('SW_EVENT_NOT_FOUND', event);
    return row;
  }

  async #reply(caller: Caller, room: RoomId, content: JsonObject): Promise<Relation | undefined> {
    const about = content['reply_to_event_id'];
    if (about === undefined || about === null) return undefined;
    const row = await this.#row(caller, room, parseEventId(about));
    return { rel: 'reply', origin: row.origin, id: row.wire_id };
  }

  async #lastReaction({ ctx, participantId, fqid }: Caller, room: RoomId, event: EventId, emoji: string): Promise<EntryRow | undefined> {
    return this.deps.store.read(ctx, async ({ members, log }) => {
      if ((await members.find(ctx, room, participantId))?.membership !== 'join') return undefined;
      return log.lastReaction(ctx, room, event, fqid, emoji);
    });
  }
}

/** The same act after the same last word is the same event. */
function onceAfter(last: EntryRow | undefined, event: EventId, emoji: string): string {
  return `reaction ${event} ${emoji} ${last?.event_id ?? ''}`;
}

/** What bridges put into a content would be a disguise if a person wrote it. */
function checkContent(content: JsonObject): void {
  checkSize(content);
  if ('_imported_sender' in content) throw new GatewayError('SW_BAD_SCHEMA', '_imported_sender', { publicDetail: 'content._imported_sender is set by bridges.' });
}

function checkSize(content: JsonObject): void {
  if (contentBytes(content) > LIMITS.contentBytesMax) throw new GatewayError('SW_CONTENT_TOO_LARGE', 'content');
}

/** Speaking as another member takes the highest power, and in a room of our own: elsewhere the home says who has power. */
function speakerOf({ members, room }: RoomSnapshot, caller: Caller, as: ParticipantId | null): { readonly fqid: Fqid; readonly id: ParticipantId } {
  if (as === null || as === caller.participantId) return { fqid: caller.fqid, id: caller.participantId };
  const power = members.get(caller.fqid)?.power ?? 0;
  const other = [...members.values()].find((member) => member.participantId === as && member.server === caller.ctx.serverName);
  if (power < POWER.admin || room.phase !== 'hosted') throw new GatewayError('SW_ROOM_FORBIDDEN', 'as_participant_id');
  if (other === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', as);
  return { fqid: other.fqid, id: other.participantId };
}
