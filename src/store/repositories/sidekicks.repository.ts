import type { Membership, RoomState } from '../../kernel/events.js';
import type { ParticipantId, RoomId, TaskId } from '../../kernel/ids.js';
import type { ContextMode, SidekickStatus } from '../../kernel/sidekicks.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export interface SidekickRow {
  readonly task_id: TaskId;
  /** Where it was asked for. */
  readonly room_id: RoomId;
  readonly sidekick_room_id: RoomId;
  readonly agent_id: ParticipantId;
  readonly spawner_id: ParticipantId;
  readonly codename: string;
  readonly task: string;
  readonly context_mode: ContextMode;
  readonly model_id: string | null;
  readonly timeout_seconds: number;
  readonly status: SidekickStatus;
  /** SHA-256; null when the task has ended. */
  readonly token_hash: Buffer | null;
  /** null when it has been handed over, or has ended. */
  readonly sealed_token: Buffer | null;
  readonly attempts: number;
  readonly next_attempt_at: number;
  readonly handed_over_at: number | null;
  readonly steps: number;
  readonly tokens: number;
  readonly progress: string | null;
  readonly result: string | null;
  readonly error: string | null;
  /** False: it has ended, and its room does not know yet. */
  readonly told: boolean;
  readonly deadline: number;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
}

export type NewSidekick = Pick<
  SidekickRow,
  'task_id' | 'room_id' | 'sidekick_room_id' | 'agent_id' | 'spawner_id' | 'codename' | 'task' | 'context_mode' | 'model_id' | 'timeout_seconds' | 'token_hash' | 'sealed_token' | 'deadline' | 'created_at'
>;

export interface SidekickEnding {
  readonly status: 'done' | 'failed' | 'cancelled' | 'timed_out';
  readonly result: string | null;
  readonly error: string | null;
}

/** Over the whole task; what is not said stays, and neither falls. */
export interface SidekickUse {
  readonly steps: number | null;
  readonly tokens: number | null;
}

export interface SidekickFilter {
  readonly roomId: RoomId | null;
  readonly spawner: ParticipantId | null;
  readonly liveOnly: boolean;
  readonly limit: number;
  readonly offset: number;
}

/** A task that is under way, and whether those it is for are still there. */
export interface LiveSidekick extends SidekickRow {
  readonly room_state: RoomState;
  readonly sidekick_room_state: RoomState;
  readonly spawner_membership: Membership | null;
  /** In its own room. */
  readonly agent_membership: Membership | null;
}

const LIVE = "status in ('spawning', 'running')";

export class SidekicksRepository {
  constructor(private readonly tx: Tx) {}

  async add(ctx: TenantContext, row: NewSidekick): Promise<void> {
    await this.tx.rows(q('sidekicks').insert({ tenant_id: ctx.tenantId, ...row }));
  }

  /** Exact under the lock of the tenant's usage. */
  async countLive(ctx: TenantContext, spawner: ParticipantId): Promise<number> {
    const text = `select count(*)::integer as n from sidekicks where tenant_id = $1 and spawner_id = $2 and ${LIVE}`;
    return (await this.tx.prepared<{ n: number }>('sidekicks_count_live', text, [ctx.tenantId, spawner]))[0]?.n ?? 0;
  }

  async find(ctx: TenantContext, taskId: TaskId): Promise<SidekickRow | undefined> {
    const text = 'select * from sidekicks where tenant_id = $1 and task_id = $2';
    return (await this.tx.prepared<SidekickRow>('sidekick_find', text, [ctx.tenantId, taskId]))[0];
  }

  /** The newest first. */
  async list(ctx: TenantContext, filter: SidekickFilter): Promise<readonly (SidekickRow & { readonly total: number })[]> {
    return this.tx.prepared(
      'sidekicks_list',
      `select *, count(*) over () as total from sidekicks where tenant_id = $1
         and ($2::text is null or room_id = $2) and ($3::uuid is null or spawner_id = $3) and (not $4::boolean or ${LIVE})
       order by created_at desc, task_id limit $5 offset $6`,
      [ctx.tenantId, filter.roomId, filter.spawner, filter.liveOnly, filter.limit, filter.offset],
    );
  }

  /** Tasks under way whose time is up, or whose rooms or people are not there any more. */
  async over(ctx: TenantContext, nowMs: number, limit: number): Promise<readonly LiveSidekick[]> {
    return this.tx.prepared<LiveSidekick>(
      'sidekicks_over',
      `select k.*, r.state as room_state, o.state as sidekick_room_state, m.membership as spawner_membership, a.membership as agent_membership
       from sidekicks k
       join rooms r on r.tenant_id = k.tenant_id and r.room_id = k.room_id
       join rooms o on o.tenant_id = k.tenant_id and o.room_id = k.sidekick_room_id
       left join members m on m.tenant_id = k.tenant_id and m.room_id = k.room_id and m.participant_id = k.spawner_id
       left join members a on a.tenant_id = k.tenant_id and a.room_id = k.sidekick_room_id and a.participant_id = k.agent_id
       where k.tenant_id = $1 and k.${LIVE} and (k.deadline <= $2 or r.state <> 'open' or o.state <> 'open'
         or m.membership is distinct from 'join' or a.membership is distinct from 'join')
       order by k.deadline limit $3`,
      [ctx.tenantId, nowMs, limit],
    );
  }

  async toHandOver(ctx: TenantContext, nowMs: number, limit: number): Promise<readonly SidekickRow[]> {
    const text = `select * from sidekicks where tenant_id = $1 and ${LIVE} and handed_over_at is null and next_attempt_at <= $2 order by next_attempt_at, deadline limit $3`;
    return this.tx.prepared<SidekickRow>('sidekicks_to_hand_over', text, [ctx.tenantId, nowMs, limit]);
  }

  /** When the next task under way needs something by the clock; `null` if there is none. */
  async nextDue(ctx: TenantContext): Promise<number | null> {
    const text = `select min(case when handed_over_at is null then least(deadline, next_attempt_at) else deadline end) as at from sidekicks where tenant_id = $1 and ${LIVE}`;
    return (await this.tx.prepared<{ at: number | null }>('sidekicks_next_due', text, [ctx.tenantId]))[0]?.at ?? null;
  }

  /** What a task has used; nothing if it has ended. */
  async use(ctx: TenantContext, taskId: TaskId, { steps, tokens }: SidekickUse): Promise<SidekickRow | undefined> {
    const rows = await this.tx.prepared<SidekickRow>(
      'sidekick_use',
      `update sidekicks set steps = greatest(steps, $3), tokens = greatest(tokens, $4) where tenant_id = $1 and task_id = $2 and ${LIVE} returning *`,
      [ctx.tenantId, taskId, steps, tokens],
    );
    return rows[0];
  }

  /** A sign of life; nothing if the task has ended. */
  async progress(ctx: TenantContext, taskId: TaskId, progress: string | null, nowMs: number): Promise<SidekickRow | undefined> {
    const rows = await this.tx.prepared<SidekickRow>(
      'sidekick_progress',
      `update sidekicks set status = 'running', progress = coalesce($3, progress), started_at = coalesce(started_at, $4)
       where tenant_id = $1 and task_id = $2 and ${LIVE} returning *`,
      [ctx.tenantId, taskId, progress, nowMs],
    );
    return rows[0];
  }

  /** Of all who would end a task one does: whoever gets the row gives the slot back. */
  async end(ctx: TenantContext, taskId: TaskId, ending: SidekickEnding, nowMs: number): Promise<SidekickRow | undefined> {
    const rows = await this.tx.prepared<SidekickRow>(
      'sidekick_end',
      `update sidekicks set status = $3, result = $4, error = $5, ended_at = $6, token_hash = null, sealed_token = null, told = false, next_attempt_at = $6
       where tenant_id = $1 and task_id = $2 and ${LIVE} returning *`,
      [ctx.tenantId, taskId, ending.status, ending.result, ending.error, nowMs],
    );
    return rows[0];
  }

  async handedOver(ctx: TenantContext, taskId: TaskId, nowMs: number): Promise<void> {
    await this.tx.rows(q('sidekicks').where({ tenant_id: ctx.tenantId, task_id: taskId }).update({ handed_over_at: nowMs, sealed_token: null }));
  }

  /** What could not be done for a task, handing it over or telling its end, waits until then. */
  async putOff(ctx: TenantContext, taskId: TaskId, nextAttemptAtMs: number): Promise<void> {
    await this.tx.rows(q('sidekicks').where({ tenant_id: ctx.tenantId, task_id: taskId }).update({ next_attempt_at: nextAttemptAtMs }).increment('attempts', 1));
  }

  /** Tasks whose end is still to be said, those that could not be told come last. */
  async untold(ctx: TenantContext, limit: number): Promise<readonly SidekickRow[]> {
    const text = 'select * from sidekicks where tenant_id = $1 and not told order by next_attempt_at, ended_at limit $2';
    return this.tx.prepared<SidekickRow>('sidekicks_untold', text, [ctx.tenantId, limit]);
  }

  async told(ctx: TenantContext, taskId: TaskId): Promise<void> {
    await this.tx.rows(q('sidekicks').where({ tenant_id: ctx.tenantId, task_id: taskId }).update({ told: true }));
  }

  /** Deletes what ended before, at most `limit` at a time; tells how many went. */
  async expire(ctx: TenantContext, beforeMs: number, limit: number): Promise<number> {
    const rows = await this.tx.prepared(
      'sidekicks_expire',
      `delete from sidekicks where tenant_id = $1 and task_id in
         (select task_id from sidekicks where tenant_id = $1 and ended_at < $2 and told limit $3) returning 1`,
      [ctx.tenantId, beforeMs, limit],
    );
    return rows.length;
  }
}
