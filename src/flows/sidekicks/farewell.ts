import { voiceOf } from '../../kernel/authority.js';
import { ownWireEventId } from '../../kernel/derived-ids.js';
import { GatewayError, outcomeOf, type ErrorCode } from '../../kernel/errors.js';
import { EVENT_TYPES } from '../../kernel/events.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { SidekickRow } from '../../store/repositories/sidekicks.repository.js';
import type { Store } from '../../store/store.js';
import type { OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';
import type { AgentVoice } from './agent-voice.js';

export interface FarewellDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly agentVoice: Pick<AgentVoice, 'say'>;
}

const CLOSED: ReadonlySet<ErrorCode> = new Set(['SW_ROOM_FROZEN']);

/** Words that the room does not take: it was closed, or the agent put out of it. What came of the task is kept with it. */
export const UNHEARD: ReadonlySet<ErrorCode> = new Set([...CLOSED, 'SW_NOT_MEMBER']);

/** Says in a sidekick's room what came of it, and closes the room. Each step may be repeated. */
export class Farewell {
  constructor(private readonly deps: FarewellDeps) {}

  async run(ctx: TenantContext, row: SidekickRow): Promise<void> {
    const { store, agentVoice } = this.deps;
    const last = row.status === 'done' ? row.result : row.status === 'failed' ? row.error : null;
    if (last !== null && last !== '') await passing(UNHEARD, agentVoice.say(ctx, row, last, ownWireEventId(ctx.tenantId, row.sidekick_room_id, row.agent_id, `${row.task_id} farewell`)));
    await passing(CLOSED, this.#close(ctx, row));
    await store.transact(ctx, ({ sidekicks }) => sidekicks.told(ctx, row.task_id));
  }

  async #close(ctx: TenantContext, row: SidekickRow): Promise<void> {
    const pen = await this.deps.ownEvents.pen(ctx);
    await this.deps.placeEvent.run(ctx, row.sidekick_room_id, (snapshot) => ({
      proven: pen.write(snapshot, { sender: voiceOf(ctx.serverName), type: EVENT_TYPES.state, content: { state: 'closed' } }),
    }));
  }
}

async function passing(codes: ReadonlySet<ErrorCode>, work: Promise<unknown>): Promise<void> {
  const outcome = await outcomeOf(work);
  if (outcome instanceof GatewayError && !codes.has(outcome.code)) throw outcome;
}
