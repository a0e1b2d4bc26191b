import { parseRoomId, parseTenantId, type RoomId, type TenantId } from '../kernel/ids.js';
import { EPHEMERAL_KINDS, type EphemeralMessage, type StreamFilter, type StreamMessage, type TenantScope } from '../kernel/ports.js';

/**
 * How room events look on a stream (specs/protocol/streams.md). Both implementations speak it, so that the stand-in hands
 * over exactly what a server would.
 */
export interface WireMessage {
  readonly subject: string;
  readonly data: string;
  /** Names the tenant too: two tenants may hold one event under one id. */
  readonly messageId: string;
}

const ROOM_SUBJECT = 'swp.room.';

/** What stands before every subject of a node, from `SCAIWAVE_NATS_PREFIX`. */
export function subjectPrefix(words: string | undefined): string {
  return words === undefined ? '' : `${words}.`;
}

export function encode(message: StreamMessage, prefix: string): WireMessage {
  const { tenantId, roomId, kind, messageId, payload } = message;
  return {
    subject: `${prefix}${ROOM_SUBJECT}${roomId}.${subjectTail(kind)}`,
    data: JSON.stringify({ ...payload, tenant_id: tenantId, room_id: roomId }),
    messageId: `${tenantId}:${messageId}`,
  };
}

/** `foreign` is another tenant's and ordinary; the other words name what no publisher of ours would send. */
export type Decoded = StreamMessage | 'foreign' | 'no-tenant' | 'not-json' | 'other-room';

/** Reads a message on behalf of one tenant. Whatever the subject says, only the tenant's own comes out. */
export function decode(ctx: TenantScope, { subject, data, messageId }: WireMessage, prefix: string): Decoded {
  const payload = parseObject(data);
  if (payload === undefined) return 'not-json';
  const named = payload['tenant_id'];
  if (typeof named !== 'string' || named === '') return 'no-tenant';
  if (named !== ctx.tenantId) return 'foreign';
  const [room = '', ...kind] = subject.slice(prefix.length + ROOM_SUBJECT.length).split('.');
  const roomId = tryParse(parseRoomId, room);
  if (roomId === undefined || payload['room_id'] !== roomId) return 'other-room';
  const own = `${ctx.tenantId}:`;
  const id = messageId.startsWith(own) ? messageId.slice(own.length) : messageId;
  return { tenantId: ctx.tenantId, roomId, kind: kind.join('.'), messageId: id, payload };
}

export function subjectFilter({ roomId }: StreamFilter, prefix: string): string {
  return `${prefix}${ROOM_SUBJECT}${roomId ?? '*'}.>`;
}

/** Tells the messages of some events by their ids. */
export function messagesOf({ tenantId }: TenantScope, eventIds: readonly string[]): (messageId: string) => boolean {
  const beginnings = new Set(eventIds.map((eventId) => `${tenantId}:${eventId}`));
  return (messageId) => beginnings.has(messageId.slice(0, messageId.lastIndexOf(':')));
}

export function allRoomsSubject(prefix: string): string {
  return `${prefix}${ROOM_SUBJECT}>`;
}

export function ephemeralSubject(tenantId: TenantId, prefix: string): string {
  return `${prefix}swp.live.${tenantId}`;
}

export function encodeEphemeral({ tenantId, roomId, kind, payload }: EphemeralMessage): string {
  return JSON.stringify({ tenant_id: tenantId, ...(roomId === undefined ? {} : { room_id: roomId }), kind, payload });
}

export function decodeEphemeral(ctx: TenantScope, data: string): EphemeralMessage | undefined {
  const { tenant_id: tenant, room_id: room, kind: named, payload } = parseObject(data) ?? {};
  const kind = EPHEMERAL_KINDS.find((one) => one === named);
  if (tryParse(parseTenantId, tenant) !== ctx.tenantId) return undefined;
  if (kind === undefined || typeof payload !== 'object' || payload === null) return undefined;
  if (room === undefined) return { tenantId: ctx.tenantId, kind, payload };
  const roomId: RoomId | undefined = tryParse(parseRoomId, room);
  return roomId === undefined ? undefined : { tenantId: ctx.tenantId, roomId, kind, payload };
}

/** Dots part words; anything a subject cannot carry becomes `_`, so that a foreign event type never blocks the stream. */
function subjectTail(kind: string): string {
  return kind
    .split('.')
    .map((word) => word.replace(/[^A-Za-z0-9_-]/g, '_') || '_')
    .join('.');
}

function parseObject(data: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function tryParse<T>(parse: (input: unknown) => T, input: unknown): T | undefined {
  try {
    return parse(input);
  } catch {
    return undefined;
  }
}
