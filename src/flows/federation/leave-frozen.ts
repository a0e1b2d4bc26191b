import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { RoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Wake } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { countRoom } from '../../admit/count-room.js';
import type { RoomSnapshots } from '../../admit/room-snapshots.js';
import { peerConsumerId } from '../../lanes/peer-lane.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import { refusedSubmission } from './refused-submission.js';

export interface LeaveFrozenDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly snapshots: Pick<RoomSnapshots, 'forget'>;
  readonly wake: Pick<Wake, 'hint'>;
}

/**
 * The way out of a copy that a contradiction has frozen. Its home can tell us nothing any more, so nobody of ours could
 * leave by an entry: they are taken out here alone. What was read stays readable, what waited for the home is refused, and
 * both signed words are kept until somebody accepts a new invitation.
 */
export class LeaveFrozen {
  constructor(private readonly deps: LeaveFrozenDeps) {}

  async run(caller: Caller, roomId: RoomId): Promise<void> {
    const { ctx } = caller;
    await this.deps.store.transact(ctx, async (repositories) => {
      const room = await repositories.rooms.lock(ctx, roomId);
      if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
      const code = await frozenBy(ctx, repositories, room);
      if (code === null) throw new GatewayError('SW_FED_NOT_FROZEN', roomId);
      await leave(ctx, repositories, room, code);
      await repositories.audit.append(ctx, actBy(caller, 'room.frozen_left', roomId, { home: room.home, code }));
    });
    this.deps.snapshots.forget(ctx, roomId);
    this.deps.wake.hint({ kind: 'log', tenantId: ctx.tenantId });
  }
}

/** By the home's words to us, or by ours to the home. */
async function frozenBy(ctx: TenantContext, { lanes }: Pick<Repositories, 'lanes'>, { room_id: roomId, phase, frozen, home }: RoomRow): Promise<string | null> {
  if (phase !== 'mirrored' && phase !== 'joining') return null;
  return frozen ?? (await lanes.find(ctx, roomId, peerConsumerId(home)))?.frozen ?? null;
}

/** Places on the stream come late, as in every transaction; those who read until now still see what was refused. */
async function leave(ctx: TenantContext, repositories: Repositories, room: RoomRow, code: string): Promise<void> {
  const { rooms, members, log } = repositories;
  const waiting = await log.pending(ctx, room.room_id, LIMITS.submissionsPerRoomMax);
  for (const entry of waiting) await refusedSubmission(ctx, repositories, { entry, code });
  const now = (await rooms.lock(ctx, room.room_id)) ?? room;
  if (now.phase !== 'refused') {
    await countRoom(ctx, repositories, now, { ...now, phase: 'left' });
    await rooms.change(ctx, room.room_id, { phase: 'left' });
  }
  await log.refusePending(ctx, waiting.map(({ event_id: eventId }) => ({ eventId, reason: code })));
  await members.forgetInside(ctx, room.room_id, await log.position(ctx));
}
