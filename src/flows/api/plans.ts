import type { Caller } from '../../kernel/caller.js';
import type { RoomId } from '../../kernel/ids.js';
import type { PlanAdvance, PlanMode, PlanState, PlanStep, PlanVenue, StepStatus } from '../../kernel/plans.js';

export interface PlanView {
  readonly plan_id: string;
  readonly room_id: string;
  readonly goal: string;
  readonly mode: PlanMode;
  readonly advance: PlanAdvance;
  readonly venue: PlanVenue;
  readonly state: PlanState;
  readonly steps: readonly PlanStep[];
  /** To be given back by whoever writes the plan again. */
  readonly revision: number;
  /** Who wrote it first. */
  readonly author_id: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly updated_at: string;
  readonly ended_at: string | null;
}

export interface StepWriting {
  /** `null`: one is made. */
  readonly id: string | null;
  readonly text: string;
  readonly status: StepStatus;
  readonly result: string | null;
  readonly attempts: number;
}

/** The whole plan, as it is to be. */
export interface PlanWriting {
  readonly goal: string;
  readonly mode: PlanMode;
  readonly advance: PlanAdvance;
  readonly venue: PlanVenue;
  readonly steps: readonly StepWriting[];
  /** Whether work may begin. */
  readonly state: 'draft' | 'running';
  /** Of the plan that is written again; `null`: a new plan. */
  readonly revision: number | null;
}

export interface PlansApi {
  write(caller: Caller, room: RoomId, writing: PlanWriting): Promise<PlanView>;
  /** The newest plan of the room. Throws SW_PLAN_NOT_FOUND. */
  current(caller: Caller, room: RoomId): Promise<PlanView>;
  /** The newest first. */
  list(caller: Caller, room: RoomId, limit: number): Promise<readonly PlanView[]>;
  pause(caller: Caller, room: RoomId): Promise<PlanView>;
  resume(caller: Caller, room: RoomId): Promise<PlanView>;
  cancel(caller: Caller, room: RoomId): Promise<PlanView>;
}
