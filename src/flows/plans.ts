import type { Caller } from '../kernel/caller.js';
import { GatewayError, type ErrorCode } from '../kernel/errors.js';
import type { RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { isLive, stateBySteps, type PlanState } from '../kernel/plans.js';
import type { Clock, Randomness, RoomStreams } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { PlanChange, PlanRow } from '../store/repositories/plans.repository.js';
import type { Repositories, Store } from '../store/store.js';
import type { PlansApi, PlanView, PlanWriting } from './api/plans.js';
import { currentTenant } from './current-tenant.js';
import { planView } from './plan-view.js';
import { numberedSteps } from './plan-steps.js';
import { joinedRoom, openJoinedRoom } from './rooms/joined-room.js';

export interface PlansDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly streams: Pick<RoomStreams, 'publishEphemeral'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid' | 'bytes'>;
}

/** What a room's AI means to do, written down where its members can see it, hold it up and end it. */
export class Plans implements PlansApi {
  constructor(private readonly deps: PlansDeps) {}

  async write(caller: Caller, roomId: RoomId, writing: PlanWriting): Promise<PlanView> {
    const { store } = this.deps;
    const row = await store.transact(caller.ctx, async (repositories) => {
      const ctx = await currentTenant(caller.ctx, repositories);
      await openJoinedRoom(ctx, repositories, roomId, caller.participantId);
      const last = await repositories.plans.lockCurrent(ctx, roomId);
      // First what no other writer can change: who is told of a conflict may try again.
      requireFewSteps(ctx, writing, last);
      requireRevision(last, writing.revision);
      return last === undefined || writing.revision === null
        ? this.#begin(ctx, repositories, caller, roomId, last, writing)
        : this.#rewrite(ctx, repositories, last, writing);
    });
    return this.#told(caller, row);
  }

  async current(caller: Caller, roomId: RoomId): Promise<PlanView> {
    const [plan] = await this.list(caller, roomId, 1);
    if (plan === undefined) throw new GatewayError('SW_PLAN_NOT_FOUND', roomId);
    return plan;
  }

  async list({ ctx, participantId }: Caller, roomId: RoomId, limit: number): Promise<readonly PlanView[]> {
    const rows = await this.deps.store.read(ctx, async (repositories) => {
      await joinedRoom(ctx, repositories, roomId, participantId);
      return repositories.plans.list(ctx, roomId, limit);
    });
    return rows.map(planView);
  }

  async pause(caller: Caller, roomId: RoomId): Promise<PlanView> {
    return this.#move(caller, roomId, { from: ['running'], to: 'paused', otherwise: 'SW_PLAN_NOT_PAUSABLE', inFrozenRoom: true });
  }

  async resume(caller: Caller, roomId: RoomId): Promise<PlanView> {
    return this.#move(caller, roomId, { from: ['paused', 'draft'], to: 'running', otherwise: 'SW_PLAN_NOT_RUNNING', inFrozenRoom: false });
  }

  async cancel(caller: Caller, roomId: RoomId): Promise<PlanView> {
    return this.#move(caller, roomId, { from: ['draft', 'running', 'paused'], to: 'cancelled', otherwise: 'SW_PLAN_NOT_RUNNING', inFrozenRoom: true });
  }

  async #begin(ctx: TenantContext, { plans }: Repositories, { participantId }: Caller, roomId: RoomId, last: PlanRow | undefined, writing: PlanWriting): Promise<PlanRow> {
    const nowMs = this.deps.clock.nowMs();
    const plan: PlanRow = {
      ...this.#written(writing, writing.state),
      plan_id: `plan-${this.deps.randomness.uuid()}`,
      room_id: roomId,
      number: (last?.number ?? 0) + 1,
      revision: 1,
      author_id: participantId,
      created_at: nowMs,
    };
    if (!(await plans.add(ctx, plan))) throw new GatewayError('SW_PLAN_CONFLICT', 'another plan was quicker');
    await plans.prune(ctx, roomId, LIMITS.plansKeptMax);
    return plan;
  }

  /** A plan that has begun is no draft any more; one that a member has paused stays so, whatever its writer wishes. */
  async #rewrite(ctx: TenantContext, { plans }: Repositories, last: PlanRow, writing: PlanWriting): Promise<PlanRow> {
    const state = last.state === 'paused' || last.state === 'running' ? last.state : writing.state;
    return changed(await plans.change(ctx, last.plan_id, this.#written(writing, state)));
  }

  #written(writing: PlanWriting, wished: 'draft' | 'running' | 'paused'): Required<PlanChange> {
    const steps = numberedSteps(writing.steps, this.deps.randomness);
    const state = wished === 'draft' ? wished : stateBySteps(wished, steps);
    return { goal: writing.goal, mode: writing.mode, advance: writing.advance, venue: writing.venue, steps, ...this.#stamped(state) };
  }

  #stamped(state: PlanState): PlanChange {
    const nowMs = this.deps.clock.nowMs();
    return { state, updated_at: nowMs, ended_at: isLive(state) ? null : nowMs };
  }

  async #move(caller: Caller, roomId: RoomId, move: { readonly from: readonly PlanState[]; readonly to: PlanState; readonly otherwise: ErrorCode; readonly inFrozenRoom: boolean }): Promise<PlanView> {
    const { ctx, participantId } = caller;
    const find = move.inFrozenRoom ? joinedRoom : openJoinedRoom;
    const row = await this.deps.store.transact(ctx, async (repositories) => {
      await find(ctx, repositories, roomId, participantId);
      const plan = await repositories.plans.lockCurrent(ctx, roomId);
      if (plan === undefined) throw new GatewayError('SW_PLAN_NOT_FOUND', roomId);
      if (!move.from.includes(plan.state)) throw new GatewayError(move.otherwise, plan.state);
      return changed(await repositories.plans.change(ctx, plan.plan_id, this.#stamped(move.to)));
    });
    return this.#told(caller, row);
  }

  /** Whoever looks at the room hears that there is something to fetch; the plan itself may be long. */
  #told({ ctx }: Caller, row: PlanRow): PlanView {
    const { plan_id, room_id, state, revision } = row;
    this.deps.streams.publishEphemeral({ tenantId: ctx.tenantId, roomId: room_id, kind: 'swp.plan.updated', payload: { plan_id, room_id, state, revision } });
    return planView(row);
  }
}

/** The revision says which plan the writer had in mind: none, for a new one. */
function requireRevision(last: PlanRow | undefined, revision: number | null): void {
  if (revision === null) {
    if (last !== undefined && isLive(last.state)) throw new GatewayError('SW_PLAN_CONFLICT', 'a plan is under way');
    return;
  }
  if (last === undefined) throw new GatewayError('SW_PLAN_NOT_FOUND', 'nothing to write again');
  if (!isLive(last.state)) throw new GatewayError('SW_PLAN_NOT_RUNNING', last.state);
  if (last.revision !== revision) throw new GatewayError('SW_PLAN_CONFLICT', `revision ${last.revision}, not ${revision}`);
}

/** A plan that was written under a higher limit may go on with the steps it has. */
function requireFewSteps({ limits }: TenantContext, { steps, revision }: PlanWriting, last: PlanRow | undefined): void {
  const had = revision === null ? 0 : (last?.steps.length ?? 0);
  if (steps.length > Math.max(limits.max_plan_steps, had)) throw new GatewayError('SW_PLAN_CAPACITY', `max_plan_steps ${limits.max_plan_steps}`);
}

function changed(row: PlanRow | undefined): PlanRow {
  if (row === undefined) throw new Error('a locked plan is gone');
  return row;
}
