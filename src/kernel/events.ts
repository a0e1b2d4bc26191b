import type { Fqid, LogName, ServerName, WireEventId } from './ids.js';

/** Event types of specs/protocol/federation.md. Others are stored and passed on, not acted upon. */
export const EVENT_TYPES = {
  create: 'swp.room.create',
  message: 'swp.room.message',
  edit: 'swp.room.message.edit',
  redaction: 'swp.room.redaction',
  reaction: 'swp.room.reaction',
  reactionRemove: 'swp.room.reaction.remove',
  member: 'swp.room.member',
  name: 'swp.room.name',
  topic: 'swp.room.topic',
  powerLevels: 'swp.room.power_levels',
  federation: 'swp.room.federation',
  state: 'swp.room.state',
  bridge: 'swp.room.bridge',
} as const;

/** Types whose latest entry per (type, target) is the state of a room; writing one raises the room's epoch. */
const STATE_TYPES: ReadonlySet<string> = new Set([
  EVENT_TYPES.create,
  EVENT_TYPES.member,
  EVENT_TYPES.name,
  EVENT_TYPES.topic,
  EVENT_TYPES.powerLevels,
  EVENT_TYPES.federation,
  EVENT_TYPES.state,
  EVENT_TYPES.bridge,
]);

export function isStateType(type: string): boolean {
  return STATE_TYPES.has(type);
}

export type Membership = 'invite' | 'join' | 'leave' | 'ban' | 'knock';
export type RoomType = 'group' | 'dm' | 'public' | 'incognito' | 'sidekick';
export type RoomState = 'open' | 'archived' | 'closed';

/** What every reader of an event is told of its room: nothing of an incognito one may be indexed, summed up or remembered. */
export interface IndexMark {
  readonly do_not_index?: true;
}

export function indexMark(type: RoomType): IndexMark {
  return type === 'incognito' ? { do_not_index: true } : {};
}

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Names another event of the same room. */
export interface Relation {
  readonly rel: 'edit' | 'redaction' | 'reaction' | 'reply';
  readonly origin: ServerName;
  readonly id: WireEventId;
}

/** A place in a log that a server had verified when it spoke. `hash` is lower-case hex. */
export interface SeenHead {
  readonly seq: number;
  readonly hash: string;
}

/** The payload of an event JWS, as signed by its author's server. */
export interface WireEvent {
  readonly id: WireEventId;
  readonly room: LogName;
  readonly origin: ServerName;
  readonly sender: Fqid;
  readonly type: string;
  readonly content: JsonObject;
  /** Milliseconds, the author's clock. */
  readonly origin_ts: number;
  readonly seen: SeenHead;
  readonly relates_to?: Relation;
  /** Bridges this event passed through, newest last; at most 8. */
  readonly via?: readonly string[];
}

/** The key under which a state entry is current: its type, and the person or channel it is about. */
export function stateTarget(event: Pick<WireEvent, 'type' | 'content'>): string {
  const { target } = event.content;
  return typeof target === 'string' ? target : '';
}
