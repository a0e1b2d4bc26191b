import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { bridgeConsumerId } from '../../lanes/bridge-work.js';
import { isRelayed } from '../../lanes/outbound-message.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { Repositories } from '../../store/store.js';

/** How many of the next entries a bridge would have to tell if it went on from where it stands. */
export async function countWaiting(ctx: TenantContext, { lanes, relay }: Repositories, bridge: BridgeRow): Promise<number> {
  const { bridge_id: id, room_id: roomId } = bridge;
  const lane = await lanes.find(ctx, roomId, bridgeConsumerId(id));
  if (lane === undefined || bridge.direction === 'in' || bridge.state === 'ended') return 0;
  const ahead = await relay.ahead(ctx, roomId, id, lane.cursor, LIMITS.bridgeWaitingMax);
  return ahead.filter((entry) => isRelayed(bridge, entry) && entry.redacted_by === null && !entry.closed).length;
}
