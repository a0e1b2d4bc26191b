import type { ErrorCode } from './errors.js';
import { EVENT_TYPES, type JsonObject, type Membership, type RoomState, type RoomType, type WireEvent } from './events.js';
import { isBridgeFqid, parseLocalId, fqidOf, serverOf, VOICE_LOCAL_ID, type Fqid, type ServerName } from './ids.js';
import { LIMITS } from './limits.js';

/** Who may write what. The table is specs/protocol/authority.md; a test walks all of it. */
export const POWER = Object.freeze({ member: 0, moderator: 50, admin: 100 });

/** The voice of a room's home itself, for acts of its administrators: `@gateway:<home>`, never a person. */
export function voiceOf(home: ServerName): Fqid {
  return fqidOf(parseLocalId(VOICE_LOCAL_ID), home);
}

export interface RoomStanding {
  readonly home: ServerName;
  /** Whom the room's create event names. */
  readonly creator: Fqid;
  readonly type: RoomType;
  readonly state: RoomState;
  readonly federated: boolean;
  /** Anybody of this tenant, and of a peer where federated, may join without an invitation. */
  readonly isPublic: boolean;
}

export interface MemberStanding {
  readonly membership: Membership | undefined;
  readonly power: number;
  readonly invitedBy?: Fqid | undefined;
}

/** What is known of the event that another relates to. */
export interface RelatedEvent {
  readonly type: string;
  readonly sender: Fqid;
  /** The home's time of its place, ms. */
  readonly at: number;
  readonly erased: boolean;
}

/** An event together with the facts it is judged by, all read under one epoch of the room. */
export interface Act {
  readonly event: Pick<WireEvent, 'type' | 'sender' | 'content' | 'relates_to'>;
  readonly room: RoomStanding;
  readonly sender: MemberStanding;
  /** The person a `.member` or `.power_levels` event is about. */
  readonly target: MemberStanding;
  readonly related: RelatedEvent | undefined;
  /** True if a person of the sender's server is joined: bridges alone do not bring in bridges. */
  readonly serverPresent: boolean;
  readonly nowMs: number;
}

type Rule = (act: Act) => ErrorCode | undefined;

const STRANGER: MemberStanding = { membership: undefined, power: 0 };

/** The code of the refusal, or undefined if the act is allowed. Pure: same facts, same answer, on every server. */
export function judge(act: Act): ErrorCode | undefined {
  if (isVoice(act)) return voice(act);
  return frozen(act) ?? (RULES.get(act.event.type) ?? joined)(act);
}

function isVoice(act: Act): boolean {
  return act.event.sender === voiceOf(act.room.home);
}

/** An archived room takes leaves, redactions and its own reopening; a closed one takes no reopening. */
function frozen({ event, room }: Act): ErrorCode | undefined {
  if (room.state === 'open' || event.type === EVENT_TYPES.redaction) return undefined;
  if (event.type === EVENT_TYPES.member && event.content['membership'] === 'leave') return undefined;
  if (event.type === EVENT_TYPES.state && room.state === 'archived') return undefined;
  return 'SW_ROOM_FROZEN';
}

const joined: Rule = ({ sender }) => (sender.membership === 'join' ? undefined : 'SW_NOT_MEMBER');

const atLeast =
  (power: number): Rule =>
  (act) =>
    joined(act) ?? (act.sender.power >= power ? undefined : 'SW_ROOM_FORBIDDEN');

const nobody: Rule = () => 'SW_ROOM_FORBIDDEN';

const edit: Rule = (act) => {
  const { related, event, nowMs } = act;
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  if (related === undefined || related.erased) return 'SW_EVENT_NOT_FOUND';
  if (related.type !== EVENT_TYPES.message || related.sender !== event.sender) return 'SW_EDIT_FORBIDDEN';
  return nowMs - related.at > LIMITS.editWindowMs ? 'SW_EVENT_TOO_OLD_TO_EDIT' : undefined;
};

const REDACTABLE: ReadonlySet<string> = new Set([EVENT_TYPES.message, EVENT_TYPES.edit, EVENT_TYPES.reaction]);

/** What somebody said may be redacted; what is so in a room may not. */
export function isErasable(type: string): boolean {
  return REDACTABLE.has(type) || !type.startsWith('swp.room.');
}

const redaction: Rule = (act) => {
  const { related, event, sender } = act;
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  if (related === undefined) return 'SW_EVENT_NOT_FOUND';
  if (!isErasable(related.type)) return 'SW_REDACT_FORBIDDEN';
  return related.sender === event.sender || sender.power >= POWER.moderator ? undefined : 'SW_REDACT_FORBIDDEN';
};

const reaction: Rule = (act) => {
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  const { related } = act;
  return related === undefined || related.erased || related.type !== EVENT_TYPES.message ? 'SW_EVENT_NOT_FOUND' : undefined;
};

/** Power is granted up to one's own, and taken only from those below oneself. */
const powerLevels: Rule = (act) => {
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  const { event, sender, target, room } = act;
  if (room.type === 'dm') return 'SW_ROOM_TYPE_INVARIANT';
  if (sender.power < POWER.moderator) return 'SW_ROOM_FORBIDDEN';
  const granted = event.content['power_level'];
  if (typeof granted !== 'number' || granted > sender.power) return 'SW_ROOM_FORBIDDEN';
  if (event.content['target'] === event.sender) return undefined;
  return target.membership === 'join' && target.power < sender.power ? undefined : 'SW_ROOM_FORBIDDEN';
};

const ofHome: Rule = ({ event, room }) => (serverOf(event.sender) === room.home ? undefined : 'SW_ROOM_FORBIDDEN');

/** Federation and the life of a room belong to the people of its home. */
const homeAdmin: Rule = (act) => atLeast(POWER.admin)(act) ?? ofHome(act);

/** Who made a room may close it, whatever power they have kept. */
const roomState: Rule = (act) => {
  const closesOwn = act.event.content['state'] === 'closed' && act.event.sender === act.room.creator;
  return closesOwn ? (joined(act) ?? ofHome(act)) : homeAdmin(act);
};

const bridge: Rule = (act) => {
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  const ownServer = act.event.content['server'] === serverOf(act.event.sender);
  if (!ownServer) return 'SW_ROOM_FORBIDDEN';
  return isBridgeFqid(act.event.sender) || act.sender.power >= POWER.moderator ? undefined : 'SW_ROOM_FORBIDDEN';
};

const invite: Rule = (act) => joined(act) ?? uninvitable(act);

/** Whoever invites: what keeps this person out of this room. */
const uninvitable: Rule = (act) => {
  if (act.room.type === 'dm') return 'SW_ROOM_TYPE_INVARIANT';
  if (isForeign(act) && !act.room.federated) return 'SW_FED_ROOM_NOT_FEDERATED';
  if (act.target.membership === 'ban') return 'SW_ROOM_FORBIDDEN';
  return act.target.membership === 'join' || act.target.membership === 'invite' ? 'SW_INVITATION_DUPLICATE' : undefined;
};

/** About a person whose server is not the room's home. */
function isForeign({ event, room }: Act): boolean {
  const target = targetOf(event);
  return target !== undefined && serverOf(target) !== room.home;
}

/** Nobody joins for another. A server with a person in the room may bring its own bridge member. */
const join: Rule = ({ event, room, target, serverPresent }) => {
  if (event.content['target'] !== event.sender) return 'SW_ROOM_FORBIDDEN';
  if (target.membership === 'ban') return 'SW_ROOM_FORBIDDEN';
  if (target.membership === 'join') return 'SW_INVITATION_DUPLICATE';
  if (target.membership === 'invite' || room.isPublic) return undefined;
  return isBridgeFqid(event.sender) && serverPresent ? undefined : 'SW_ROOM_FORBIDDEN';
};

const leave: Rule = (act) => {
  const { event, target } = act;
  if (event.content['target'] === event.sender) {
    return target.membership === 'join' || target.membership === 'invite' ? undefined : 'SW_NOT_MEMBER';
  }
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  if (target.membership === undefined || target.membership === 'leave') return 'SW_PARTICIPANT_NOT_FOUND';
  if (target.membership === 'invite' && target.invitedBy === event.sender) return undefined;
  return outranks(act);
};

const ban: Rule = (act) => {
  const outsider = joined(act);
  if (outsider !== undefined) return outsider;
  if (act.room.type === 'dm' || act.event.content['target'] === act.event.sender) return 'SW_ROOM_TYPE_INVARIANT';
  return outranks(act);
};

/** Kick and ban need a moderator who stands above the person. */
function outranks({ sender, target, room }: Act): ErrorCode | undefined {
  if (room.type === 'dm') return 'SW_ROOM_TYPE_INVARIANT';
  return sender.power >= POWER.moderator && sender.power > target.power ? undefined : 'SW_ROOM_FORBIDDEN';
}

const MEMBERSHIP_RULES: Readonly<Record<Membership, Rule>> = { invite, join, leave, ban, knock: () => 'SW_ROOM_TYPE_INVARIANT' };

const member: Rule = (act) => {
  const membership = act.event.content['membership'];
  const rule = typeof membership === 'string' ? MEMBERSHIP_RULES[membership as Membership] : undefined;
  return rule === undefined ? 'SW_FED_EVENT_INVALID' : rule(act);
};

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [EVENT_TYPES.create, nobody],
  [EVENT_TYPES.message, joined],
  [EVENT_TYPES.edit, edit],
  [EVENT_TYPES.redaction, redaction],
  [EVENT_TYPES.reaction, reaction],
  [EVENT_TYPES.reactionRemove, joined],
  [EVENT_TYPES.member, member],
  [EVENT_TYPES.name, atLeast(POWER.moderator)],
  [EVENT_TYPES.topic, atLeast(POWER.moderator)],
  [EVENT_TYPES.powerLevels, powerLevels],
  [EVENT_TYPES.federation, homeAdmin],
  [EVENT_TYPES.state, roomState],
  [EVENT_TYPES.bridge, bridge],
]);

const VOICE_TYPES: ReadonlySet<string> = new Set([EVENT_TYPES.member, EVENT_TYPES.federation, EVENT_TYPES.state]);

const voice: Rule = (act) => {
  const { type, content } = act.event;
  if (!VOICE_TYPES.has(type)) return 'SW_ROOM_FORBIDDEN';
  const membership = type === EVENT_TYPES.member ? content['membership'] : undefined;
  if (type === EVENT_TYPES.member && membership !== 'invite' && membership !== 'leave') return 'SW_ROOM_FORBIDDEN';
  return frozen(act) ?? (membership === 'invite' ? uninvitable(act) : undefined);
};

/** The person an event is about, where its type has one. */
export function targetOf(event: { readonly type: string; readonly content: JsonObject }): Fqid | undefined {
  const about = event.type === EVENT_TYPES.member || event.type === EVENT_TYPES.powerLevels;
  const { target } = event.content;
  return about && typeof target === 'string' ? (target as Fqid) : undefined;
}

export function stranger(): MemberStanding {
  return STRANGER;
}
