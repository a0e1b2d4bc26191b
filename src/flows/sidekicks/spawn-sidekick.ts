import { aiSettingsOf, modelFor } from '../../kernel/ai-settings.js';
import type { Caller } from '../../kernel/caller.js';
import { cutText } from '../../kernel/cut-text.js';
import { GatewayError } from '../../kernel/errors.js';
import { fqidOf, parseLocalId, parseParticipantId, parseTaskId, SIDEKICK_LOCAL_ID_PREFIX, type ParticipantId, type RoomId, type TaskId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Cache, Clock, Meter, Randomness, RoomStreams, Wake } from '../../kernel/ports.js';
import { maxSidekicks } from '../../kernel/sidekicks.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { SIDEKICK_DUTY } from '../../lanes/duties.js';
import { clean } from '../../rehome/shadows.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { NewSidekick } from '../../store/repositories/sidekicks.repository.js';
import type { SidekickSafe } from '../../store/sidekick-safe.js';
import type { Repositories, Store } from '../../store/store.js';
import type { NewSidekickTask, SpawnedView } from '../api/sidekicks.js';
import type { ChangeRoom } from '../change-room.js';
import { currentTenant } from '../current-tenant.js';
import type { OwnEvents, Pen } from '../own-events.js';
import type { Founding, FoundRoom } from '../rooms/found-room.js';
import { openJoinedRoom } from '../rooms/joined-room.js';
import { codename } from './codename.js';
import { tellOfSidekick } from './sidekick-news.js';
import { newSidekickToken, tokenHash } from './sidekick-token.js';

export interface SpawnSidekickDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly budget: { requireBudget(ctx: TenantContext): Promise<void> };
  readonly foundRoom: Pick<FoundRoom, 'create' | 'write'>;
  readonly changeRoom: Pick<ChangeRoom, 'done'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly safe: Pick<SidekickSafe, 'seal'>;
  readonly cache: Pick<Cache, 'set'>;
  readonly streams: Pick<RoomStreams, 'publishEphemeral'>;
  readonly wake: Pick<Wake, 'hint'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid' | 'bytes' | 'fraction'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** Whom a task is for and what it is called, decided before anything is written. */
interface Spawning {
  readonly taskId: TaskId;
  readonly agentId: ParticipantId;
  readonly agent: Founding['creator'];
  readonly codename: string;
  readonly token: string;
}

/** Takes a slot and makes the task, its room and its agent, all in one transaction; who does the work is told after it. */
export class SpawnSidekick {
  constructor(private readonly deps: SpawnSidekickDeps) {}

  async run(caller: Caller, roomId: RoomId, wish: NewSidekickTask): Promise<SpawnedView> {
    const { store, budget, ownEvents } = this.deps;
    await store.read(caller.ctx, async (repositories) => requireFittingRoom(await openJoinedRoom(caller.ctx, repositories, roomId, caller.participantId)));
    await budget.requireBudget(caller.ctx);
    const pen = await ownEvents.pen(caller.ctx);
    const spawning = this.#prepare(caller.ctx, wish);
    const row = await store.transact(caller.ctx, async (repositories) => {
      const ctx = await currentTenant(caller.ctx, repositories);
      requireFittingRoom(await openJoinedRoom(ctx, repositories, roomId, caller.participantId));
      const modelId = modelFor(aiSettingsOf(await repositories.ai.settings(ctx)), wish.modelId);
      return this.#make({ ...caller, ctx }, repositories, roomId, { ...wish, modelId }, spawning, pen);
    });
    await this.#follow(caller.ctx, row, spawning);
    return { task_id: row.task_id, codename: row.codename, sidekick_room_id: row.sidekick_room_id, agent_participant_id: row.agent_id, status: 'spawning' };
  }

  #prepare(ctx: TenantContext, wish: NewSidekickTask): Spawning {
    const { randomness } = this.deps;
    return {
      taskId: parseTaskId(`task-${randomness.uuid()}`),
      agentId: parseParticipantId(randomness.uuid()),
      agent: fqidOf(parseLocalId(`${SIDEKICK_LOCAL_ID_PREFIX}${randomness.uuid()}`), ctx.serverName),
      codename: clean(wish.name ?? undefined) ?? codename(randomness),
      token: newSidekickToken(ctx, randomness),
    };
  }

  /** Locks in the order of everybody: rooms, people, usage, consumers, the tenant's head. */
  async #make(caller: Caller, repositories: Repositories, roomId: RoomId, wish: NewSidekickTask, spawning: Spawning, pen: Pen): Promise<NewSidekick> {
    const { ctx } = caller;
    const { foundRoom } = this.deps;
    const founding = foundingOf(caller, wish, spawning);
    await this.#addAgent(ctx, repositories, spawning);
    const sidekickRoom = await foundRoom.create(ctx, repositories, founding);
    await takeSlot(caller, repositories);
    const row = this.#rowOf(caller, roomId, sidekickRoom, wish, spawning);
    await repositories.sidekicks.add(ctx, row);
    await repositories.consumers.ensure(ctx, SIDEKICK_DUTY, 'duty');
    await repositories.consumers.wake(ctx, [SIDEKICK_DUTY]);
    await foundRoom.write(ctx, repositories, pen, sidekickRoom, founding);
    return row;
  }

  async #addAgent(ctx: TenantContext, { participants }: Repositories, { agentId, agent, codename: name }: Spawning): Promise<void> {
    const localId = parseLocalId(agent.slice(1, agent.indexOf(':')));
    const made = await participants.add(ctx, {
      participant_id: agentId,
      participant_type: 'agent',
      local_id: localId,
      server_name: ctx.serverName,
      display_name: name,
      avatar_url: null,
      foreign_origin: null,
      scaikey_subject: null,
      created_at: this.deps.clock.nowMs(),
    });
    if (!made) throw new Error('a new agent was there already');
  }

  #rowOf({ ctx, participantId }: Caller, roomId: RoomId, sidekickRoom: RoomId, wish: NewSidekickTask, spawning: Spawning): NewSidekick {
    const nowMs = this.deps.clock.nowMs();
    return {
      task_id: spawning.taskId,
      room_id: roomId,
      sidekick_room_id: sidekickRoom,
      agent_id: spawning.agentId,
      spawner_id: participantId,
      codename: spawning.codename,
      task: wish.task,
      context_mode: wish.contextMode,
      model_id: wish.modelId,
      timeout_seconds: wish.timeoutSeconds,
      token_hash: tokenHash(spawning.token),
      sealed_token: this.deps.safe.seal(ctx, spawning.taskId, spawning.token),
      deadline: nowMs + wish.timeoutSeconds * 1_000,
      created_at: nowMs,
    };
  }

  async #follow(ctx: TenantContext, row: NewSidekick, { taskId, token }: Spawning): Promise<void> {
    const { changeRoom, cache, streams, wake, meter } = this.deps;
    changeRoom.done(ctx, row.sidekick_room_id);
    wake.hint({ kind: 'due', tenantId: ctx.tenantId });
    await cache.set(ctx, 'sidekick_token', taskId, tokenHash(token).toString('hex'), row.timeout_seconds * 1_000);
    tellOfSidekick(streams, ctx, 'swp.sidekick.spawned', { ...row, status: 'spawning' });
    meter.count('sidekicks_spawned_total');
  }
}

/** The two limits under one lock: whoever counts the person's tasks has the tenant's usage to themselves. */
async function takeSlot({ ctx, participantId }: Caller, { usage, sidekicks }: Repositories): Promise<void> {
  const max = maxSidekicks(ctx);
  if (!(await usage.take(ctx, 'sidekicks', max))) throw new GatewayError('SW_SIDEKICK_CAPACITY', `max_sidekicks ${max}`, { publicDetail: 'The tenant has as many at work as it may.' });
  const own = ctx.limits.max_sidekicks_per_user;
  if ((await sidekicks.countLive(ctx, participantId)) < own) return;
  throw new GatewayError('SW_SIDEKICK_CAPACITY', `max_sidekicks_per_user ${own}`, { publicDetail: 'You have as many at work as you may.' });
}

/** What is said in confidence goes to no worker, and a sidekick has none of its own. */
function requireFittingRoom({ room_type: type }: RoomRow): void {
  if (type === 'incognito' || type === 'sidekick') throw new GatewayError('SW_ROOM_TYPE_INVARIANT', type);
}

function foundingOf({ fqid }: Caller, wish: NewSidekickTask, { agent, codename: name }: Spawning): Founding {
  return {
    type: 'sidekick',
    creator: fqid,
    visibility: 'private',
    history: 'invite',
    name,
    topic: cutText(wish.task, LIMITS.topicCharsMax),
    federated: false,
    dmKey: null,
    joined: [fqid, agent],
    invited: [],
  };
}
