/** The words of a plan (specs/protocol/plans.md). */
export const PLAN_MODES = ['sequential', 'parallel'] as const;
export const PLAN_ADVANCES = ['auto', 'manual'] as const;
export const PLAN_VENUES = ['main', 'sidekick'] as const;
export type PlanMode = (typeof PLAN_MODES)[number];
export type PlanAdvance = (typeof PLAN_ADVANCES)[number];
export type PlanVenue = (typeof PLAN_VENUES)[number];
export type PlanState = 'draft' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';
export type StepStatus = 'pending' | 'in_progress' | 'done' | 'failed' | 'skipped';

export interface PlanStep {
  /** Five characters, unique in its plan. */
  readonly id: string;
  readonly text: string;
  readonly status: StepStatus;
  readonly result: string | null;
  readonly attempts: number;
}

const LIVE: ReadonlySet<PlanState> = new Set(['draft', 'running', 'paused']);

/** A room has at most one plan that is still to come to an end. */
export function isLive(state: PlanState): boolean {
  return LIVE.has(state);
}

/** What a begun plan comes to when its steps stand as they do: it ends by itself when none is left to do. */
export function stateBySteps(state: 'running' | 'paused', steps: readonly Pick<PlanStep, 'status'>[]): PlanState {
  if (steps.some(({ status }) => status === 'pending' || status === 'in_progress')) return state;
  return steps.some(({ status }) => status === 'failed') ? 'failed' : 'done';
}
