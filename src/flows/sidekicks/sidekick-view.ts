import type { SidekickRow } from '../../store/repositories/sidekicks.repository.js';
import type { SidekickView } from '../api/sidekicks.js';
import { iso } from '../event-view.js';

export function sidekickView(row: SidekickRow): SidekickView {
  return {
    task_id: row.task_id,
    codename: row.codename,
    room_id: row.room_id,
    sidekick_room_id: row.sidekick_room_id,
    agent_participant_id: row.agent_id,
    spawned_by: row.spawner_id,
    status: row.status,
    task: row.task,
    context_mode: row.context_mode,
    model_id: row.model_id,
    timeout_seconds: row.timeout_seconds,
    steps: row.steps,
    tokens: row.tokens,
    progress: row.progress,
    result: row.result,
    error: row.error,
    deadline: iso(row.deadline),
    created_at: iso(row.created_at),
    started_at: row.started_at === null ? null : iso(row.started_at),
    ended_at: row.ended_at === null ? null : iso(row.ended_at),
  };
}
