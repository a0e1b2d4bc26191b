import type { RoomStreams } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { SidekickRow } from '../../store/repositories/sidekicks.repository.js';

type Told = Pick<SidekickRow, 'task_id' | 'room_id' | 'sidekick_room_id' | 'codename' | 'status'>;

/** Tells those who look at the room that asked. Nothing keeps it; what it tells of can be read. */
export function tellOfSidekick(streams: Pick<RoomStreams, 'publishEphemeral'>, { tenantId }: TenantContext, kind: 'swp.sidekick.spawned' | 'swp.sidekick.result' | 'swp.sidekick.cancel', row: Told): void {
  const { task_id, room_id, sidekick_room_id, codename, status } = row;
  streams.publishEphemeral({ tenantId, roomId: room_id, kind, payload: { task_id, room_id, sidekick_room_id, codename, status } });
}
