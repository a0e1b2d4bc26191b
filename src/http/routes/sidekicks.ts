import { parseRoomId, parseTaskId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { ContextMode } from '../../kernel/sidekicks.js';
import type { NewSidekickTask, ReportedView, SidekickReport, SidekickReportsApi, SidekicksApi, SidekickView, SpawnedView } from '../../flows/api/sidekicks.js';
import { sidekickRoute, userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const ROOM = { room_id: parseRoomId };
const TASK = { ...ROOM, task_id: parseTaskId };
const sidekick = one<SidekickView>('api/sidekick');
const sidekicks = page<SidekickView>('api/sidekick');

interface SpawnBody {
  readonly task: string;
  readonly context_mode?: ContextMode;
  readonly model_id?: string | null;
  readonly timeout_seconds?: number;
  readonly name?: string | null;
}

interface ReportBody {
  readonly status: SidekickReport['status'];
  readonly progress?: string | null;
  readonly result?: string | null;
  readonly error?: string | null;
  readonly steps?: number | null;
  readonly tokens?: number | null;
  readonly event_uuid?: string | null;
}

function newTask(given: SpawnBody): NewSidekickTask {
  return {
    task: given.task,
    contextMode: given.context_mode ?? 'task_only',
    modelId: given.model_id ?? null,
    timeoutSeconds: given.timeout_seconds ?? LIMITS.sidekickTimeoutMaxS,
    name: given.name ?? null,
  };
}

function reportOf(given: ReportBody): SidekickReport {
  return {
    status: given.status,
    progress: given.progress ?? null,
    result: given.result ?? null,
    error: given.error ?? null,
    steps: given.steps ?? null,
    tokens: given.tokens ?? null,
    eventUuid: given.event_uuid ?? null,
  };
}

export function sidekickRoutes(api: SidekicksApi): readonly Route[] {
  return [
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/sidekicks',
      who: 'member',
      summary: 'Give a task to a sidekick, in a room of its own.',
      params: ROOM,
      body: body<SpawnBody>('api/new-sidekick'),
      reply: one<SpawnedView>('api/spawned-sidekick'),
      handle: ({ caller, params, body: given }) => api.spawn(caller, params.room_id, newTask(given)),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/sidekicks',
      who: 'member',
      summary: 'Sidekicks of a room, the newest first.',
      params: ROOM,
      query: PAGE_QUERY,
      reply: sidekicks,
      handle: ({ caller, params, query }) => api.list(caller, params.room_id, query),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/sidekicks/{task_id}',
      who: 'member',
      summary: 'One sidekick.',
      params: TASK,
      reply: sidekick,
      handle: ({ caller, params }) => api.get(caller, params.room_id, params.task_id),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/rooms/{room_id}/sidekicks/{task_id}/cancel',
      who: 'member',
      summary: 'End a sidekick before it is done; its slot is free at once.',
      params: TASK,
      body: optionalBody('api/nothing'),
      reply: sidekick,
      handle: ({ caller, params }) => api.cancel(caller, params.room_id, params.task_id),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/sidekicks',
      who: 'member',
      summary: "The caller's own sidekicks in all rooms, the newest first.",
      query: PAGE_QUERY,
      reply: sidekicks,
      handle: ({ caller, query }) => api.mine(caller, query),
    }),
  ];
}

export function sidekickReportRoutes(api: SidekickReportsApi): readonly Route[] {
  return [
    sidekickRoute({
      method: 'POST',
      path: '/v1/sidekicks/{task_id}/report',
      who: 'sidekick',
      summary: "A worker's word on its task, under the task's token.",
      params: { task_id: parseTaskId },
      body: body<ReportBody>('api/sidekick-report'),
      reply: one<ReportedView>('api/sidekick-reported'),
      handle: ({ params, token, body: given }) => api.report(params.task_id, token, reportOf(given)),
    }),
  ];
}
