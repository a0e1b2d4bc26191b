import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { LIMITS } from '../kernel/limits.js';
import { START_BYTES_MAX, startBytes } from '../lanes/build-batch.js';
import { readDescriptors } from '../lanes/read-peer-work.js';
import type { RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';

interface StateSources {
  readonly log: Pick<Repositories['log'], 'stateSize'>;
  readonly peers: Pick<Repositories['peers'], 'find'>;
}

/**
 * A newcomer learns in one piece what holds in the room at `seq`. Whom that piece would not reach is not let in and left
 * waiting: whoever invites or joins hears it at once. Throws SW_FED_ROOM_TOO_LARGE.
 */
export async function requireStartFits(ctx: TenantContext, repositories: StateSources, room: Pick<RoomRow, 'room_id'>, server: ServerName, seq: number): Promise<void> {
  const size = await repositories.log.stateSize(ctx, room.room_id, seq);
  const authors = new Set(size.origins.filter((origin) => origin !== ctx.serverName && origin !== server));
  const descriptors = await readDescriptors(ctx, repositories, authors);
  if (authors.size > LIMITS.batchKeysMax) throw new GatewayError('SW_FED_ROOM_TOO_LARGE', `a start by people of ${authors.size} servers`);
  const bytes = startBytes(size, [...descriptors.values()]);
  if (bytes > START_BYTES_MAX) throw new GatewayError('SW_FED_ROOM_TOO_LARGE', `a start of ${bytes} bytes`);
}
