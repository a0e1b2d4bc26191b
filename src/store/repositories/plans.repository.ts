import type { ParticipantId, RoomId } from '../../kernel/ids.js';
import type { PlanAdvance, PlanMode, PlanState, PlanStep, PlanVenue } from '../../kernel/plans.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export interface PlanRow {
  readonly plan_id: string;
  readonly room_id: RoomId;
  /** Rises with every plan of the room; the highest is the current one. */
  readonly number: number;
  readonly goal: string;
  readonly mode: PlanMode;
  readonly advance: PlanAdvance;
  readonly venue: PlanVenue;
  readonly state: PlanState;
  readonly steps: readonly PlanStep[];
  /** Rises with every change. */
  readonly revision: number;
  readonly author_id: ParticipantId;
  readonly created_at: number;
  readonly updated_at: number;
  readonly ended_at: number | null;
}

export type PlanChange = Pick<PlanRow, 'state' | 'updated_at' | 'ended_at'> & Partial<Pick<PlanRow, 'goal' | 'mode' | 'advance' | 'venue' | 'steps'>>;

export class PlansRepository {
  constructor(private readonly tx: Tx) {}

  /** False if another plan of the room was quicker; nothing is changed then. */
  async add(ctx: TenantContext, plan: PlanRow): Promise<boolean> {
    const query = q('plans').insert({ tenant_id: ctx.tenantId, ...plan, steps: JSON.stringify(plan.steps) }).onConflict().ignore().returning('plan_id');
    return (await this.tx.rows(query)).length > 0;
  }

  /** The newest first, at most `limit`. */
  async list(ctx: TenantContext, roomId: RoomId, limit: number): Promise<readonly PlanRow[]> {
    const text = 'select * from plans where tenant_id = $1 and room_id = $2 order by number desc limit $3';
    return this.tx.prepared<PlanRow>('plans_list', text, [ctx.tenantId, roomId, limit]);
  }

  /** The current plan, kept from changing until this transaction has ended. */
  async lockCurrent(ctx: TenantContext, roomId: RoomId): Promise<PlanRow | undefined> {
    const text = 'select * from plans where tenant_id = $1 and room_id = $2 order by number desc limit 1 for no key update';
    return (await this.tx.prepared<PlanRow>('plan_lock_current', text, [ctx.tenantId, roomId]))[0];
  }

  /** Makes the next revision. */
  async change(ctx: TenantContext, planId: string, change: PlanChange): Promise<PlanRow | undefined> {
    const { steps, ...facts } = change;
    const query = q('plans')
      .where({ tenant_id: ctx.tenantId, plan_id: planId })
      .update({ ...facts, ...(steps === undefined ? {} : { steps: JSON.stringify(steps) }) })
      .increment('revision', 1)
      .returning('*');
    return (await this.tx.rows<PlanRow>(query))[0];
  }

  /** Forgets all but the newest `keep` plans of a room. */
  async prune(ctx: TenantContext, roomId: RoomId, keep: number): Promise<void> {
    const text = `delete from plans where tenant_id = $1 and room_id = $2 and number <=
      (select max(number) from plans where tenant_id = $1 and room_id = $2) - $3`;
    await this.tx.prepared('plans_prune', text, [ctx.tenantId, roomId, keep]);
  }
}
