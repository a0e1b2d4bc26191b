import { EVENT_TYPES } from '../../kernel/events.js';
import type { WireEventId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { fqidOfRow } from '../../store/repositories/participants.repository.js';
import type { SidekickRow } from '../../store/repositories/sidekicks.repository.js';
import type { Store } from '../../store/store.js';
import { requestHash, type OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';

export interface AgentVoiceDeps {
  readonly store: Pick<Store, 'read'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
}

/** Lets a sidekick's agent speak in its own room: the same words under the same id are said once. */
export class AgentVoice {
  constructor(private readonly deps: AgentVoiceDeps) {}

  async say(ctx: TenantContext, row: Pick<SidekickRow, 'agent_id' | 'sidekick_room_id'>, words: string, wireId: WireEventId): Promise<void> {
    const { store, placeEvent, ownEvents } = this.deps;
    const agent = await store.read(ctx, ({ participants }) => participants.find(ctx, row.agent_id));
    if (agent === undefined) throw new Error('an agent is gone');
    const sender = fqidOfRow(agent);
    const pen = await ownEvents.pen(ctx);
    const content = { msgtype: 'swp.text', body: words };
    await placeEvent.run(ctx, row.sidekick_room_id, (snapshot) => ({
      proven: pen.write(snapshot, { sender, type: EVENT_TYPES.message, content, wireId }),
      senderId: row.agent_id,
      dedupeHash: requestHash(EVENT_TYPES.message, sender, content),
    }));
  }
}
