import { randomUUID } from 'node:crypto';
import { parseBridgeId, parseEventId, parseInvitationId, parseLogName, parseMediaId, parseParticipantId, parsePartnerId, parseRoomId, parseServerName, parseTaskId, parseTenantId, parseWireEventId } from '../../src/kernel/ids.js';
import type { AuditEntry } from '../../src/kernel/audit.js';
import { parseModelSlug } from '../../src/kernel/ai-settings.js';
import type { ModelParticipantRow } from '../../src/store/repositories/model-participants.repository.js';
import type { AppendItem, RunItem } from '../../src/store/repositories/log-items.js';
import type { PlanRow } from '../../src/store/repositories/plans.repository.js';
import type { NewSidekick } from '../../src/store/repositories/sidekicks.repository.js';
import type { NewRoom, RoomRow } from '../../src/store/repositories/rooms.repository.js';
import type { Settlement } from '../../src/store/repositories/consumers.repository.js';
import type { LaneMove } from '../../src/store/repositories/lanes.repository.js';
import { IDS, LOGS } from '../support/twins.js';

/** What there is not yet; everything else fits rows of both twins. */
export const NEW = {
  tenant: parseTenantId(randomUUID()),
  participant: parseParticipantId(randomUUID()),
  room: parseRoomId(`room-${randomUUID()}`),
  event: parseEventId(`evt-${randomUUID()}`),
  task: parseTaskId(`task-${randomUUID()}`),
  bridge: parseBridgeId(`brg-${randomUUID()}`),
  invitation: parseInvitationId(`inv-${randomUUID()}`),
  media: parseMediaId(`med-${randomUUID()}`),
  rejection: randomUUID(),
  partner: parsePartnerId('prt_new'),
  server: parseServerName('c.example'),
} as const;

export const HASH = Buffer.alloc(32, 1);
export const HEAD_HASH = Buffer.from('2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', 'hex');
export const PAGE = { limit: 10, offset: 0 } as const;
export const SEARCH = { limit: 10, turn: 1, nowMs: 1_000_000 } as const;

export const ITEM: AppendItem = {
  roomId: IDS.room, epoch: 1, eventId: NEW.event, origin: IDS.server, wireId: parseWireEventId(randomUUID()), type: 'swp.room.message', sender: IDS.fqid, senderId: IDS.person,
  foreignOrigin: null, target: null, eventHash: HASH, dedupeHash: HASH, jws: 'jws', content: { body: 'new' }, relatesTo: null, via: [], originTs: 1,
};

export const RUN_ITEM: RunItem = {
  at: 20, chainHash: HASH, eventId: NEW.event, origin: IDS.peer, wireId: parseWireEventId(randomUUID()), type: 'swp.room.message', sender: IDS.foreign, senderId: IDS.foreigner,
  foreignOrigin: IDS.peer, target: null, eventHash: HASH, jws: 'jws', content: { body: 'new' }, relatesTo: null, via: [], state: 'placed', reason: null, redactedBy: null, originTs: 1,
};

export const ROOM: RoomRow = {
  room_id: IDS.room, log_name: LOGS.room, home: IDS.server, phase: 'hosted', room_type: 'group', visibility: 'private', history: 'invite', name: null, topic: null,
  creator: IDS.fqid, federated: false, state: 'open', dm_key: null, frozen: null, frozen_proof: null, frozen_own_proof: null, epoch: 1, start_seq: 0, head_seq: 0, head_at: 0, head_hash: HASH, created_at: 1,
};

export const NEW_ROOM: NewRoom = {
  room_id: NEW.room, log_name: parseLogName(`!${NEW.room}:a.example`), home: IDS.server, phase: 'hosted', room_type: 'group', visibility: 'private', history: 'invite',
  name: 'new', topic: null, creator: IDS.fqid, dm_key: null, start_seq: 0, head_seq: 0, head_hash: HASH, created_at: 1,
};

export const SETTLEMENT: Settlement = { nextMs: null, failed: false, attempts: 0, error: null, nowMs: 7, position: 9, lanes: [{ roomId: IDS.room, cursor: 3 }] };

export const MOVE: LaneMove = {
  roomId: IDS.room, generation: 0, cursor: 4, refusedCode: null, refusedTimes: 0, runLimit: null, restUntil: null, withhold: { seq: 3, code: 'SW_NEW' },
};

export const PLAN: PlanRow = {
  plan_id: 'plan-1', room_id: IDS.room, number: 2, goal: 'new', mode: 'sequential', advance: 'auto', venue: 'main', state: 'running', steps: [], revision: 1, author_id: IDS.person, created_at: 1, updated_at: 1, ended_at: null,
};
export const ACT: AuditEntry = { actor: 'cli', act: 'bridge.created', target: IDS.bridge, detail: { name: 'new' }, requestId: null };

export const SIDEKICK: NewSidekick = {
  task_id: IDS.task, room_id: IDS.room, sidekick_room_id: IDS.room, agent_id: IDS.person, spawner_id: IDS.person, codename: 'new', task: 'new', context_mode: 'task_only', model_id: null,
  timeout_seconds: 9, token_hash: HASH, sealed_token: HASH, deadline: 99, created_at: 1,
};

export const ATTEMPT = { delivery_id: IDS.delivery, bridge_id: IDS.bridge, event_id: IDS.message, seq: 2, form_seq: 2, contentHash: HASH, nowMs: 9 } as const;

export const SETTLED = { state: 'delivered', failed: 0, triedAtMs: 8, status: 200, error: null, ms: 1, answer: null, externalId: null, nextAttemptAtMs: null, outcomeKnown: true, nowMs: 9, expiresAtMs: 99 } as const;

export const MODEL_PARTICIPANT: ModelParticipantRow = {
  participant_id: IDS.person, model: parseModelSlug('maker/model'), is_main: true, system_prompt: 'new', default_response_mode: 'streaming', enabled: false,
};
