import type { Caller } from '../../src/kernel/caller.js';
import { parseRoomId, parseTaskId, type RoomId, type TaskId } from '../../src/kernel/ids.js';
import { systemClock } from '../../src/kernel/system-ports.js';
import type { SpawnedView } from '../../src/flows/api/sidekicks.js';
import { LocalTasks } from '../../src/streams/local-tasks.js';
import type { FlowsProcess } from './flows-process.js';

/** A task as a worker gets it. */
export interface Handed {
  readonly tenant_id: string;
  readonly task_id: string;
  readonly sidekick_token: string;
  readonly report_path: string;
  readonly task: string;
  readonly room_id: string;
  readonly sidekick_room_id: string;
  readonly max_steps: number;
  readonly max_tokens: number | null;
  readonly context_mode: string;
  readonly context: readonly { readonly event_id: string; readonly sender: string; readonly content: Readonly<Record<string, unknown>> }[];
}

const NO_SIGNAL = new AbortController().signal;

/** Gives a task in a room, as a person would. */
export function spawnIn(process: FlowsProcess, caller: Caller, room: string, timeoutSeconds = 300): Promise<SpawnedView> {
  return process.sidekicks.sidekicks.spawn(caller, parseRoomId(room), { task: 'Find out', contextMode: 'task_only', modelId: null, timeoutSeconds, name: null });
}

/** One turn of what a tenant's tasks need, as its duty would do it. */
export function tend(process: FlowsProcess, { ctx }: Pick<Caller, 'ctx'>): Promise<number> {
  return process.sidekicks.tendSidekicks.run(ctx, NO_SIGNAL);
}

/** Everything that was handed over inside this process and not taken yet. */
export function handed({ tasks }: FlowsProcess): readonly Handed[] {
  if (!(tasks instanceof LocalTasks)) throw new Error('tasks go elsewhere');
  const all: Handed[] = [];
  for (let next = tasks.take(); next !== undefined; next = tasks.take()) all.push(JSON.parse(next.data) as Handed);
  return all;
}

export const REPORT = { status: 'running', progress: null, result: null, error: null, steps: null, tokens: null, eventUuid: null } as const;

export function idsOf({ task_id, sidekick_room_id }: Pick<SpawnedView, 'task_id' | 'sidekick_room_id'>): { readonly task: TaskId; readonly room: RoomId } {
  return { task: parseTaskId(task_id), room: parseRoomId(sidekick_room_id) };
}

export function soon(ms: number): Promise<void> {
  const until = systemClock.monotonicMs() + ms;
  return new Promise((resolve) => {
    const look = (): void => void (systemClock.monotonicMs() >= until ? resolve() : setTimeout(look, 20));
    look();
  });
}
