import { GatewayError } from '../kernel/errors.js';
import { EVENT_TYPES, stateTarget, type WireEvent } from '../kernel/events.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';

/**
 * One channel has one bridge to a room: over two every message would come twice. The room is locked. A bridge whose
 * member has gone holds nothing. Throws SW_BRIDGE_CHANNEL_TAKEN.
 */
export async function requireFreeChannel(ctx: TenantContext, { relay }: Pick<Repositories, 'relay'>, { room, members }: RoomSnapshot, event: WireEvent): Promise<void> {
  if (event.type !== EVENT_TYPES.bridge) return;
  const holder = await relay.holder(ctx, room.room_id, event.type, stateTarget(event));
  if (holder === undefined || holder === event.sender || members.get(holder)?.membership !== 'join') return;
  throw new GatewayError('SW_BRIDGE_CHANNEL_TAKEN', `${stateTarget(event)} is ${holder}'s`);
}
