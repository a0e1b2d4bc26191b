import { judge, stranger, targetOf, type Act, type RelatedEvent } from '../kernel/authority.js';
import { GatewayError } from '../kernel/errors.js';
import { isBridgeFqid, type RoomId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import type { ProvenEvent } from '../verify/proven-event.js';

declare const admitted: unique symbol;

/** An event that may be written, judged under one epoch of its room. Only this file makes one. */
export interface AdmittedEvent {
  readonly [admitted]: true;
  readonly proven: ProvenEvent;
  readonly roomId: RoomId;
  readonly epoch: number;
}

/** Throws the code of the refusal. */
export function admitEvent(ctx: TenantContext, snapshot: RoomSnapshot, proven: ProvenEvent, related: RelatedEvent | undefined, nowMs: number): AdmittedEvent {
  checkTenant(ctx);
  checkRoom(ctx, snapshot, proven);
  const refusal = judge(actOf(snapshot, proven, related, nowMs));
  if (refusal !== undefined) throw new GatewayError(refusal, `${proven.event.type} by ${proven.event.sender}`);
  return pass(snapshot, proven);
}

/** The first entries of a room, written by its home before anybody else can see it. */
export function admitFounding(ctx: TenantContext, snapshot: RoomSnapshot, proven: ProvenEvent): AdmittedEvent {
  checkTenant(ctx);
  if (snapshot.room.head_seq !== 0 || snapshot.room.home !== ctx.serverName || proven.event.origin !== ctx.serverName) {
    throw new GatewayError('SW_ROOM_FORBIDDEN', 'a room is founded once, by its home');
  }
  return pass(snapshot, proven);
}

function pass({ room }: RoomSnapshot, proven: ProvenEvent): AdmittedEvent {
  return Object.freeze({ proven, roomId: room.room_id, epoch: room.epoch }) as AdmittedEvent;
}

function checkTenant(ctx: TenantContext): void {
  if (ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
}

function checkRoom(ctx: TenantContext, { room }: RoomSnapshot, { event }: ProvenEvent): void {
  if (event.room !== room.log_name) throw new GatewayError('SW_ROOM_NOT_FOUND', `${event.room} is not ${room.log_name}`);
  const foreign = event.origin !== ctx.serverName;
  if (foreign && room.phase !== 'hosted') throw new GatewayError('SW_FED_NOT_HOME', room.log_name);
  if (foreign && !room.federated) throw new GatewayError('SW_FED_ROOM_NOT_FEDERATED', room.log_name);
  if (room.phase === 'left' || room.phase === 'refused') throw new GatewayError('SW_NOT_MEMBER', room.phase);
}

function actOf(snapshot: RoomSnapshot, { event }: ProvenEvent, related: RelatedEvent | undefined, nowMs: number): Act {
  const { members, standing } = snapshot;
  const target = targetOf(event);
  return {
    event,
    room: standing,
    sender: members.get(event.sender) ?? stranger(),
    target: (target && members.get(target)) ?? stranger(),
    related,
    serverPresent: [...members].some(([fqid, member]) => member.server === event.origin && member.membership === 'join' && !isBridgeFqid(fqid)),
    nowMs,
  };
}
