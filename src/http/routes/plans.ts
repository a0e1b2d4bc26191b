import { parseRoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { PlanAdvance, PlanMode, PlanVenue, StepStatus } from '../../kernel/plans.js';
import type { PlansApi, PlanView, PlanWriting } from '../../flows/api/plans.js';
import { userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { whole, withDefault } from '../read.js';
import { all, one } from '../reply.js';
import type { Route } from '../route.js';

const ROOM = { room_id: parseRoomId };
const plan = one<PlanView>('api/plan');

interface PlanBody {
  readonly goal: string;
  readonly steps: readonly {
    readonly id?: string | null;
    readonly text: string;
    readonly status?: StepStatus;
    readonly result?: string | null;
    readonly attempts?: number;
  }[];
  readonly mode?: PlanMode;
  readonly advance?: PlanAdvance;
  readonly venue?: PlanVenue;
  readonly state?: 'draft' | 'running';
  readonly revision?: number | null;
}

function planWriting(given: PlanBody): PlanWriting {
  return {
    goal: given.goal,
    mode: given.mode ?? 'sequential',
    advance: given.advance ?? 'auto',
    venue: given.venue ?? 'main',
    state: given.state ?? 'running',
    revision: given.revision ?? null,
    steps: given.steps.map((step) => ({
      id: step.id ?? null,
      text: step.text,
      status: step.status ?? 'pending',
      result: step.result ?? null,
      attempts: step.attempts ?? 0,
    })),
  };
}

export function planRoutes(api: PlansApi): readonly Route[] {
  return [
    userRoute({
      method: 'PUT',
      path: '/v1/rooms/{room_id}/plan',
      who: 'member',
      summary: "Write the room's plan, whole: a new one, or the current one again.",
      params: ROOM,
      body: body<PlanBody>('api/plan-writing'),
      reply: plan,
      handle: ({ caller, params, body: given }) => api.write(caller, params.room_id, planWriting(given)),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/plan',
      who: 'member',
      summary: 'The current plan of a room: the newest.',
      params: ROOM,
      reply: plan,
      handle: ({ caller, params }) => api.current(caller, params.room_id),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/rooms/{room_id}/plans',
      who: 'member',
      summary: 'Plans of a room, the newest first.',
      params: ROOM,
      query: { limit: withDefault(whole(1, LIMITS.plansKeptMax), LIMITS.plansPageDefault) },
      reply: all<PlanView>('api/plan'),
      handle: ({ caller, params, query }) => api.list(caller, params.room_id, query.limit),
    }),
    ...ACTS.map(({ act, summary }) =>
      userRoute({
        method: 'POST',
        path: `/v1/rooms/{room_id}/plan/${act}`,
        who: 'member',
        summary,
        params: ROOM,
        body: optionalBody('api/nothing'),
        reply: plan,
        handle: ({ caller, params }) => api[act](caller, params.room_id),
      }),
    ),
  ];
}

const ACTS = [
  { act: 'pause', summary: 'Hold up a running plan.' },
  { act: 'resume', summary: 'Let a paused plan go on, or a draft begin.' },
  { act: 'cancel', summary: 'End a plan that is not done.' },
] as const;
