import { GatewayError } from '../../kernel/errors.js';
import type { ParticipantId, RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories } from '../../store/store.js';

/** The room, if the person is in it. Throws SW_ROOM_NOT_FOUND, also for restricted rooms of others, and SW_NOT_MEMBER. */
export async function joinedRoom(ctx: TenantContext, { rooms, members }: Pick<Repositories, 'rooms' | 'members'>, roomId: RoomId, person: ParticipantId): Promise<RoomRow> {
  const room = await rooms.find(ctx, roomId);
  if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
  const member = await members.find(ctx, roomId, person);
  if (member?.membership === 'join') return room;
  throw new GatewayError(room.visibility === 'restricted' && member?.membership !== 'invite' ? 'SW_ROOM_NOT_FOUND' : 'SW_NOT_MEMBER', roomId);
}

/** The same, for those who mean to change something. Throws SW_ROOM_FROZEN, too. */
export async function openJoinedRoom(ctx: TenantContext, repositories: Pick<Repositories, 'rooms' | 'members'>, roomId: RoomId, person: ParticipantId): Promise<RoomRow> {
  const room = await joinedRoom(ctx, repositories, roomId, person);
  if (room.state !== 'open') throw new GatewayError('SW_ROOM_FROZEN', roomId);
  return room;
}
