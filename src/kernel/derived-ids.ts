import { hash } from 'node:crypto';
import type { BridgeId, EventId, Fqid, InvitationId, LogName, ParticipantId, RoomId, ServerName, TenantId, WireEventId } from './ids.js';

/**
 * Ids that must come out the same however often and wherever they are made. Each is a UUID (version 8, RFC 9562 5.8)
 * cut from SHA-256 over a domain line and its parts, so making one is at once the look-up and the duplicate check:
 * the same wire event can only ever become the same row of a tenant, and never the row of another tenant or origin.
 */
function derivedUuid(domain: string, parts: readonly string[]): string {
  const hex = hash('sha256', [`scaiwave-id-v1`, domain, ...parts].join('\n'), 'hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The id under which a tenant's clients know the event that `origin` calls `wireId`. */
export function eventIdOf(tenant: TenantId, origin: ServerName, wireId: WireEventId): EventId {
  return `evt-${derivedUuid('event', [tenant, origin, wireId])}` as EventId;
}

/** The wire id of a local send: one per sender, room and client's `event_uuid`, so nobody can squat another's. */
export function ownWireEventId(tenant: TenantId, room: RoomId, sender: ParticipantId, eventUuid: string): WireEventId {
  return derivedUuid('own', [tenant, room, sender, eventUuid]) as WireEventId;
}

/** The wire id of a bridged message: one per bridge and foreign event id. */
export function bridgedWireEventId(tenant: TenantId, bridge: BridgeId, foreignEventId: string): WireEventId {
  return derivedUuid('bridged', [tenant, bridge, foreignEventId]) as WireEventId;
}

/** The local participant that stands for a foreign person. */
export function federatedShadowId(tenant: TenantId, person: Fqid): ParticipantId {
  return derivedUuid('federated-shadow', [tenant, person]) as ParticipantId;
}

/** The local participant that stands for a person behind a bridge. */
export function bridgeShadowId(tenant: TenantId, bridge: BridgeId, externalId: string): ParticipantId {
  return derivedUuid('bridge-shadow', [tenant, bridge, externalId]) as ParticipantId;
}

/** The invitation of one person to one room: the same however often it is renewed. */
export function invitationIdOf(tenant: TenantId, room: LogName, invitee: Fqid): InvitationId {
  return `inv-${derivedUuid('invitation', [tenant, room, invitee])}` as InvitationId;
}
