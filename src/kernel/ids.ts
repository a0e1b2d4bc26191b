import { GatewayError } from './errors.js';

/**
 * Every id is a branded string with one parser. The grammar of each is in specs/protocol/identifiers.md;
 * a parser refuses with SW_BAD_REQUEST and never repairs what it was given.
 */
declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** UUID of a tenant, made here. */
export type TenantId = Id<'tenant'>;
/** `prt_…` of ScaiKey: an organisation that runs a fleet of tenants. */
export type PartnerId = Id<'partner'>;
/** UUID of a person, bridge member or shadow inside one tenant. */
export type ParticipantId = Id<'participant'>;
/** `room-<uuid>`, local to one tenant. */
export type RoomId = Id<'room'>;
/** `evt-<uuid>`: what clients of one tenant see. Derived, see {@link file://./derived-ids.ts}. */
export type EventId = Id<'event'>;
/** `brg-<uuid>`. */
export type BridgeId = Id<'bridge'>;
/** `inv-<uuid>`: an invitation to one person of one tenant. */
export type InvitationId = Id<'invitation'>;
/** `dlv-<uuid>`: what a bridge owes for one event. */
export type DeliveryId = Id<'delivery'>;
/** `med-<uuid>`: an uploaded file. */
export type MediaId = Id<'media'>;
/** `task-<uuid>`: what a sidekick was given to do. */
export type TaskId = Id<'task'>;
/** Lower-case ASCII host name, see specs/protocol/identifiers.md. */
export type ServerName = Id<'server'>;
/** The part of an FQID before the colon, without `@`. */
export type LocalId = Id<'local'>;
/** `@<local id>:<server name>`: a person, everywhere. */
export type Fqid = Id<'fqid'>;
/** `!<room id>:<home>`: a room's log, everywhere. */
export type LogName = Id<'log'>;
/** UUID that the author's server gave an event; unique only together with that server. */
export type WireEventId = Id<'wire-event'>;
/** Names one signing key of one server. */
export type KeyId = Id<'key'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LOCAL_ID = /^[a-z0-9](?:[a-z0-9._=-]{0,63})$/;
const PARTNER_ID = /^prt_[A-Za-z0-9_-]{1,60}$/;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const SERVER_NAME_LENGTH_MAX = 253;

/** Local ids that begin so belong to bridges; no person may take one. */
export const BRIDGE_LOCAL_ID_PREFIX = 'bridge-';
/** How the FQID of a bridge's own member begins. */
export const BRIDGE_FQID_PREFIX = `@${BRIDGE_LOCAL_ID_PREFIX}`;
/** Those belong to the agents of sidekicks. */
export const SIDEKICK_LOCAL_ID_PREFIX = 'sidekick-';
/** That of a room's home itself. */
export const VOICE_LOCAL_ID = 'gateway';

function refuse(kind: string): never {
  throw new GatewayError('SW_BAD_REQUEST', `not a ${kind}`);
}

/** Makes the parser of an id kind from its grammar. */
function parser<T extends string>(kind: string, holds: (text: string) => boolean): (input: unknown) => T {
  return (input) => (typeof input === 'string' && holds(input) ? (input as T) : refuse(kind));
}

/** True for names that only a private deployment can resolve: a single label such as `b`. */
export function isSingleLabel(name: ServerName): boolean {
  return !name.includes('.');
}

/** A host name in its one spelling: lower-case A-labels, no port, no trailing dot, not an IP literal. */
function isServerName(text: string): boolean {
  if (text.length === 0 || text.length > SERVER_NAME_LENGTH_MAX) return false;
  const labels = text.split('.');
  const last = labels.at(-1) ?? '';
  return labels.every((label) => LABEL.test(label)) && !/^(?:\d+|0x[0-9a-f]*)$/.test(last);
}

function isFqid(text: string): boolean {
  const colon = text.indexOf(':');
  return text.startsWith('@') && colon > 1 && LOCAL_ID.test(text.slice(1, colon)) && isServerName(text.slice(colon + 1));
}

function isRoomId(text: string): boolean {
  return text.startsWith('room-') && UUID.test(text.slice(5));
}

function isLogName(text: string): boolean {
  const colon = text.indexOf(':');
  return text.startsWith('!') && colon > 1 && isRoomId(text.slice(1, colon)) && isServerName(text.slice(colon + 1));
}

export const parseTenantId = parser<TenantId>('tenant id', (text) => UUID.test(text));
export const parsePartnerId = parser<PartnerId>('partner id', (text) => PARTNER_ID.test(text));
export const parseParticipantId = parser<ParticipantId>('participant id', (text) => UUID.test(text));
export const parseRoomId = parser<RoomId>('room id', isRoomId);
export const parseEventId = parser<EventId>('event id', (text) => text.startsWith('evt-') && UUID.test(text.slice(4)));
export const parseBridgeId = parser<BridgeId>('bridge id', (text) => text.startsWith('brg-') && UUID.test(text.slice(4)));
export const parseInvitationId = parser<InvitationId>('invitation id', (text) => text.startsWith('inv-') && UUID.test(text.slice(4)));
export const parseDeliveryId = parser<DeliveryId>('delivery id', (text) => text.startsWith('dlv-') && UUID.test(text.slice(4)));
export const parseMediaId = parser<MediaId>('media id', (text) => text.startsWith('med-') && UUID.test(text.slice(4)));
export const parseTaskId = parser<TaskId>('task id', (text) => text.startsWith('task-') && UUID.test(text.slice(5)));
export const parseServerName = parser<ServerName>('server name', isServerName);
export const parseLocalId = parser<LocalId>('local id', (text) => LOCAL_ID.test(text));
export const parseFqid = parser<Fqid>('FQID', isFqid);
export const parseLogName = parser<LogName>('room name', isLogName);
export const parseWireEventId = parser<WireEventId>('event UUID', (text) => UUID.test(text));
export const parseKeyId = parser<KeyId>('key id', (text) => KEY_ID.test(text));

/** The partner that ScaiKey names; `null` when it is none, or not named as partners are: its admin administers nothing. */
export function namedPartner(text: unknown): PartnerId | null {
  return typeof text === 'string' && PARTNER_ID.test(text) ? (text as PartnerId) : null;
}

export function fqidOf(localId: LocalId, server: ServerName): Fqid {
  return `@${localId}:${server}` as Fqid;
}

export function logNameOf(roomId: RoomId, home: ServerName): LogName {
  return `!${roomId}:${home}` as LogName;
}

export function serverOf(name: Fqid | LogName): ServerName {
  return name.slice(name.indexOf(':') + 1) as ServerName;
}

export function localIdOf(fqid: Fqid): LocalId {
  return fqid.slice(1, fqid.indexOf(':')) as LocalId;
}

export function roomIdOf(log: LogName): RoomId {
  return log.slice(1, log.indexOf(':')) as RoomId;
}

/** True for members that stand for a bridge: `@bridge-…:server`. */
export function isBridgeFqid(fqid: Fqid): boolean {
  return fqid.startsWith(BRIDGE_FQID_PREFIX);
}
