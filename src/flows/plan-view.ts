import type { PlanRow } from '../store/repositories/plans.repository.js';
import type { PlanView } from './api/plans.js';
import { iso } from './event-view.js';

export function planView(row: PlanRow): PlanView {
  return {
    plan_id: row.plan_id,
    room_id: row.room_id,
    goal: row.goal,
    mode: row.mode,
    advance: row.advance,
    venue: row.venue,
    state: row.state,
    steps: row.steps,
    revision: row.revision,
    author_id: row.author_id,
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    ended_at: row.ended_at === null ? null : iso(row.ended_at),
  };
}
