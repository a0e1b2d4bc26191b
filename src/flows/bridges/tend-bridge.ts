import type { Membership } from '../../kernel/events.js';
import { parseDeliveryId, type BridgeId, type EventId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log, Randomness } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { BridgeTended, BridgeUpkeep } from '../../lanes/bridge-lane.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { EntryRow } from '../../store/repositories/entry-row.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';
import { channelDraft } from './bridge-drafts.js';
import type { CloseBridge } from './close-bridge.js';

export interface TendBridgeDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly closeBridge: Pick<CloseBridge, 'end'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
  readonly log: Pick<Log, 'warn'>;
}

interface Facts {
  readonly bridge: BridgeRow;
  readonly room: RoomRow;
  readonly membership: Membership | undefined;
  /** What the room's home has refused of the bridge's own standing. */
  readonly refusedStanding: EntryRow | undefined;
}

/** Whoever throws a bridge's member out has ended the bridge; in a room of another home it waits to be let in. */
export class TendBridge implements BridgeUpkeep {
  constructor(private readonly deps: TendBridgeDeps) {}

  async tend(ctx: TenantContext, id: BridgeId, position: number): Promise<BridgeTended> {
    const facts = await this.deps.store.read(ctx, (repositories) => readFacts(ctx, repositories, id));
    if (facts === undefined || facts.bridge.state === 'ended') return { open: false, position, more: false };
    const over = reasonToEnd(facts);
    if (over !== undefined) {
      this.deps.log.warn({ tenantId: ctx.tenantId, bridgeId: id, note: over }, 'a bridge has ended');
      await this.deps.closeBridge.end(ctx, facts.bridge, over);
      return { open: false, position, more: false };
    }
    if (facts.room.phase === 'hosted') return { open: true, position, more: false };
    const looked = await this.#parkRefused(ctx, facts.bridge, position);
    if (facts.membership !== 'join') return { open: false, ...looked };
    if (facts.bridge.announced_by === null) await this.#announce(ctx, facts.bridge);
    return { open: true, ...looked };
  }

  /** What the home refused is set aside at the bridge, with its reason. */
  async #parkRefused(ctx: TenantContext, bridge: BridgeRow, position: number): Promise<Pick<BridgeTended, 'position' | 'more'>> {
    const nowMs = this.deps.clock.nowMs();
    return this.deps.store.transact(ctx, async ({ relay, deliveries }) => {
      const rows = await relay.refused(ctx, bridge.room_id, bridge.bridge_id, position, LIMITS.bridgeReadMax);
      for (const row of rows) {
        await deliveries.addRefused(ctx, {
          delivery_id: parseDeliveryId(`dlv-${this.deps.randomness.uuid()}`),
          bridge_id: bridge.bridge_id,
          event_id: row.event_id,
          last_error: row.reason,
          updated_at: nowMs,
          expires_at: nowMs + LIMITS.deliveryKeptMs,
        });
      }
      return { position: rows.at(-1)?.stream_position ?? position, more: rows.length === LIMITS.bridgeReadMax };
    });
  }

  async #announce(ctx: TenantContext, bridge: BridgeRow): Promise<void> {
    const pen = await this.deps.ownEvents.pen(ctx);
    const placed = await this.deps.placeEvent.run(ctx, bridge.room_id, (snapshot) => ({ proven: pen.write(snapshot, channelDraft(ctx, bridge)), senderId: bridge.participant_id }));
    await this.deps.store.transact(ctx, ({ bridges }) => bridges.change(ctx, bridge.bridge_id, { announced_by: placed.eventId }));
  }
}

async function readFacts(ctx: TenantContext, { bridges, rooms, members, log }: Repositories, id: BridgeId): Promise<Facts | undefined> {
  const bridge = await bridges.find(ctx, id);
  const room = bridge && (await rooms.find(ctx, bridge.room_id));
  if (bridge === undefined || room === undefined) return undefined;
  const membership = (await members.find(ctx, room.room_id, bridge.participant_id))?.membership;
  const standing = [bridge.joined_by, bridge.announced_by].filter((event): event is EventId => event !== null);
  const refusedStanding = room.phase === 'hosted' ? undefined : (await log.findMany(ctx, standing)).find((row) => row.state === 'refused');
  return { bridge, room, membership, refusedStanding };
}

function reasonToEnd({ room, membership, refusedStanding }: Facts): string | undefined {
  if (room.phase === 'left' || room.phase === 'refused') return 'the room is no longer held here';
  if (refusedStanding !== undefined) return refusedStanding.reason ?? 'refused by the home of the room';
  if (membership === 'leave' || membership === 'ban') return `its member was removed from the room (${membership})`;
  return undefined;
}
