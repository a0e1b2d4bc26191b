import { POWER } from '../../kernel/authority.js';
import { actBy } from '../../kernel/audit.js';
import { roleReaches, type Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { RoomId, TaskId } from '../../kernel/ids.js';
import type { SidekickFilter, SidekickRow } from '../../store/repositories/sidekicks.repository.js';
import type { Store } from '../../store/store.js';
import type { Page, PageRequest } from '../api/page.js';
import type { NewSidekickTask, SidekicksApi, SidekickView, SpawnedView } from '../api/sidekicks.js';
import { joinedRoom } from '../rooms/joined-room.js';
import type { EndSidekick } from './end-sidekick.js';
import { sidekickView } from './sidekick-view.js';
import type { SpawnSidekick } from './spawn-sidekick.js';

export interface SidekicksDeps {
  readonly store: Pick<Store, 'read'>;
  readonly spawnSidekick: Pick<SpawnSidekick, 'run'>;
  readonly endSidekick: Pick<EndSidekick, 'run'>;
}

const CANCELLED = { status: 'cancelled', result: null, error: null } as const;

/** What members of a room ask of sidekicks, and see of them. */
export class Sidekicks implements SidekicksApi {
  constructor(private readonly deps: SidekicksDeps) {}

  async spawn(caller: Caller, room: RoomId, task: NewSidekickTask): Promise<SpawnedView> {
    return this.deps.spawnSidekick.run(caller, room, task);
  }

  async list(caller: Caller, roomId: RoomId, page: PageRequest): Promise<Page<SidekickView>> {
    await this.deps.store.read(caller.ctx, (repositories) => joinedRoom(caller.ctx, repositories, roomId, caller.participantId));
    return this.#page(caller, { roomId, spawner: null, liveOnly: false, ...page });
  }

  async mine(caller: Caller, page: PageRequest): Promise<Page<SidekickView>> {
    return this.#page(caller, { roomId: null, spawner: caller.participantId, liveOnly: false, ...page });
  }

  async get({ ctx, participantId }: Caller, roomId: RoomId, taskId: TaskId): Promise<SidekickView> {
    const row = await this.deps.store.read(ctx, async (repositories) => {
      await joinedRoom(ctx, repositories, roomId, participantId);
      return repositories.sidekicks.find(ctx, taskId);
    });
    return sidekickView(ofRoom(row, roomId));
  }

  /** By whoever asked for it, by a moderator of the room, or by an administrator of the tenant. */
  async cancel(caller: Caller, roomId: RoomId, taskId: TaskId): Promise<SidekickView> {
    const { ctx } = caller;
    const row = await this.#cancellable(caller, roomId, taskId);
    const ended = await this.deps.endSidekick.run(ctx, row.task_id, CANCELLED, async ({ audit }) => {
      const asAdmin = roleReaches(caller.role, 'tenant_admin') && row.spawner_id !== caller.participantId;
      if (asAdmin) await audit.append(ctx, actBy(caller, 'sidekick.cancelled', taskId, { room_id: roomId, spawned_by: row.spawner_id }));
    });
    if (ended === undefined) throw new GatewayError('SW_SIDEKICK_ENDED', row.status);
    return sidekickView(ended);
  }

  async #cancellable({ ctx, participantId, role }: Caller, roomId: RoomId, taskId: TaskId): Promise<SidekickRow> {
    return this.deps.store.read(ctx, async (repositories) => {
      const { rooms, members, sidekicks } = repositories;
      const isAdmin = roleReaches(role, 'tenant_admin') && (await rooms.find(ctx, roomId)) !== undefined;
      if (!isAdmin) await joinedRoom(ctx, repositories, roomId, participantId);
      const row = ofRoom(await sidekicks.find(ctx, taskId), roomId);
      if (isAdmin || row.spawner_id === participantId) return row;
      const power = (await members.find(ctx, roomId, participantId))?.power ?? 0;
      if (power < POWER.moderator) throw new GatewayError('SW_ROOM_FORBIDDEN', 'another person’s sidekick');
      return row;
    });
  }

  async #page({ ctx }: Caller, filter: SidekickFilter): Promise<Page<SidekickView>> {
    const rows = await this.deps.store.read(ctx, ({ sidekicks }) => sidekicks.list(ctx, filter));
    return { items: rows.map(sidekickView), total: rows[0]?.total ?? 0 };
  }
}

function ofRoom(row: SidekickRow | undefined, roomId: RoomId): SidekickRow {
  if (row?.room_id !== roomId) throw new GatewayError('SW_SIDEKICK_NOT_FOUND', roomId);
  return row;
}
