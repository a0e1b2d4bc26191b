import { parseBridgeId, type BridgeId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { BridgeSafe, OpenedSecret } from '../store/bridge-safe.js';
import type { BridgeRow } from '../store/repositories/bridges.repository.js';
import type { DeliveryRow } from '../store/repositories/deliveries.repository.js';
import type { PlacedEntryRow } from '../store/repositories/entry-row.js';
import type { Store } from '../store/store.js';

const CONSUMER_PREFIX = 'bridge:';

export function bridgeConsumerId(bridge: BridgeId): string {
  return `${CONSUMER_PREFIX}${bridge}`;
}

export function bridgeOfConsumer(consumerId: string): BridgeId {
  return parseBridgeId(consumerId.slice(CONSUMER_PREFIX.length));
}

/** What a turn of a bridge begins with. */
export interface BridgeWork {
  readonly bridge: BridgeRow;
  /** Those that sign now. */
  readonly secrets: readonly OpenedSecret[];
  readonly cursor: number;
  readonly headSeq: number;
  readonly entries: readonly PlacedEntryRow[];
  readonly replays: readonly DeliveryRow[];
}

/** Undefined: the bridge, or its lane, is no longer there. */
export async function readBridgeWork(store: Pick<Store, 'read'>, safe: Pick<BridgeSafe, 'open'>, ctx: TenantContext, id: BridgeId, nowMs: number): Promise<BridgeWork | undefined> {
  return store.read(ctx, async ({ bridges, bridgeSecrets, lanes, log, deliveries }) => {
    const bridge = await bridges.find(ctx, id);
    const [lane] = await lanes.listOfConsumer(ctx, bridgeConsumerId(id));
    if (bridge === undefined || lane === undefined) return undefined;
    const secrets = safe.open(ctx, await bridgeSecrets.list(ctx, [id])).filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs);
    const entries = await log.run(ctx, bridge.room_id, lane.cursor, LIMITS.bridgeReadMax);
    const replays = await deliveries.replays(ctx, id, lane.cursor, LIMITS.bridgePostsPerTurnMax);
    return { bridge, secrets, cursor: lane.cursor, headSeq: lane.head_seq, entries, replays };
  });
}
