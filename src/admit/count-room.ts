import { GatewayError } from '../kernel/errors.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { RoomPhase, RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories } from '../store/store.js';

type Standing = Pick<RoomRow, 'phase' | 'state'>;

const COUNTED: ReadonlySet<RoomPhase> = new Set(['hosted', 'joining', 'mirrored']);

/**
 * A room counts for `max_rooms` while it is hosted, joined or mirrored here and not closed. Counts what a change means
 * for that, inside the transaction that makes it, so the limit is exact. Throws SW_TENANT_CAPACITY.
 */
export async function countRoom(ctx: TenantContext, { usage }: Pick<Repositories, 'usage'>, before: Standing | undefined, after: Standing): Promise<void> {
  const counted = before !== undefined && counts(before);
  if (counted === counts(after)) return;
  if (counted) await usage.release(ctx, 'rooms');
  else if (!(await usage.take(ctx, 'rooms', ctx.limits.max_rooms))) {
    throw new GatewayError('SW_TENANT_CAPACITY', `max_rooms ${ctx.limits.max_rooms}`);
  }
}

function counts({ phase, state }: Standing): boolean {
  return COUNTED.has(phase) && state !== 'closed';
}
