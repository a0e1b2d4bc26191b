import type { Caller } from '../../kernel/caller.js';
import type { RoomId, TaskId } from '../../kernel/ids.js';
import type { ContextMode, SidekickStatus } from '../../kernel/sidekicks.js';
import type { Page, PageRequest } from './page.js';

export interface SidekickView {
  readonly task_id: string;
  readonly codename: string;
  /** Where it was asked for. */
  readonly room_id: string;
  readonly sidekick_room_id: string;
  readonly agent_participant_id: string;
  readonly spawned_by: string;
  readonly status: SidekickStatus;
  readonly task: string;
  readonly context_mode: ContextMode;
  readonly model_id: string | null;
  readonly timeout_seconds: number;
  /** As the worker said last, of the whole task. */
  readonly steps: number;
  readonly tokens: number;
  /** The worker's last word. */
  readonly progress: string | null;
  readonly result: string | null;
  readonly error: string | null;
  /** ISO 8601. */
  readonly deadline: string;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

export interface SpawnedView {
  readonly task_id: string;
  readonly codename: string;
  readonly sidekick_room_id: string;
  readonly agent_participant_id: string;
  readonly status: 'spawning';
}

export interface NewSidekickTask {
  readonly task: string;
  readonly contextMode: ContextMode;
  readonly modelId: string | null;
  readonly timeoutSeconds: number;
  /** `null`: one is thought of. */
  readonly name: string | null;
}

/** What a worker says of its task. */
export interface SidekickReport {
  readonly status: 'running' | 'done' | 'failed';
  readonly progress: string | null;
  /** With `done`. */
  readonly result: string | null;
  /** With `failed`. */
  readonly error: string | null;
  /** Of the whole task so far; what is not said is as it was. */
  readonly steps: number | null;
  readonly tokens: number | null;
  /** The same one again is the same word in the room. */
  readonly eventUuid: string | null;
}

export interface ReportedView {
  readonly task_id: string;
  readonly status: SidekickStatus;
  /** `tokens`: those of the task are nearly used up. */
  readonly warning: 'tokens' | null;
}

export interface SidekicksApi {
  spawn(caller: Caller, room: RoomId, task: NewSidekickTask): Promise<SpawnedView>;
  /** Of one room, the newest first. */
  list(caller: Caller, room: RoomId, page: PageRequest): Promise<Page<SidekickView>>;
  /** The caller's own, in all rooms. */
  mine(caller: Caller, page: PageRequest): Promise<Page<SidekickView>>;
  get(caller: Caller, room: RoomId, task: TaskId): Promise<SidekickView>;
  cancel(caller: Caller, room: RoomId, task: TaskId): Promise<SidekickView>;
}

export interface SidekickReportsApi {
  /** Throws SW_SIDEKICK_TOKEN unless `token` is the one that was handed over with this task, and the task is under way; SW_SIDEKICK_SPENT when it is so no longer, for what it has used. */
  report(task: TaskId, token: string, report: SidekickReport): Promise<ReportedView>;
}
