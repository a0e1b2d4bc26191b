import { actBy, actOf } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { BridgeId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { bridgeConsumerId } from '../../lanes/bridge-work.js';
import { originOf } from '../../rehome/bridge-shadows.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { BridgeDirectory } from '../../verify/bridge-directory.js';
import type { ChangeRoom } from '../change-room.js';
import type { OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';
import { leaveDraft } from './bridge-drafts.js';

export interface CloseBridgeDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly changeRoom: Pick<ChangeRoom, 'change' | 'done'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly directory: Pick<BridgeDirectory, 'forget'>;
}

/** Two ways in which a bridge stops for good: its administrator removes it, or its room has no more place for it. */
export class CloseBridge {
  constructor(private readonly deps: CloseBridgeDeps) {}

  /** Its rows and its map go, its member leaves. What it brought stays in the room. */
  async remove(caller: Caller, id: BridgeId): Promise<void> {
    const { ctx } = caller;
    const bridge = await this.deps.store.read(ctx, ({ bridges }) => bridges.find(ctx, id));
    if (bridge === undefined) throw new GatewayError('SW_BRIDGE_NOT_FOUND', id);
    const pen = await this.deps.ownEvents.pen(ctx);
    const hosted = await this.deps.store.transact(ctx, async (repositories) => {
      const room = await repositories.rooms.lock(ctx, bridge.room_id);
      if (!(await dropBridge(ctx, repositories, bridge))) throw new GatewayError('SW_BRIDGE_NOT_FOUND', id);
      await repositories.audit.append(ctx, actBy(caller, 'bridge.deleted', id, { room_id: bridge.room_id }));
      if (room?.phase !== 'hosted') return false;
      if (await isJoined(ctx, repositories, bridge)) {
        await this.deps.changeRoom.change(ctx, repositories, bridge.room_id, (snapshot) => ({ proven: pen.write(snapshot, leaveDraft(bridge)) }));
      }
      return true;
    });
    this.deps.directory.forget(id);
    if (hosted) this.deps.changeRoom.done(ctx, bridge.room_id);
    else await this.#leave(ctx, bridge);
  }

  /** It stays to be looked at, and does nothing more. */
  async end(ctx: TenantContext, bridge: BridgeRow, reason: string): Promise<void> {
    await this.#leave(ctx, bridge);
    await this.deps.store.transact(ctx, async ({ bridges, lanes, consumers, audit }) => {
      const held = await bridges.lock(ctx, bridge.bridge_id);
      if (held === undefined || held.state === 'ended') return;
      await consumers.hold(ctx, bridgeConsumerId(bridge.bridge_id));
      await bridges.change(ctx, bridge.bridge_id, { state: 'ended', paused_reason: reason });
      await lanes.close(ctx, bridge.room_id, bridgeConsumerId(bridge.bridge_id));
      await audit.append(ctx, actOf('system', 'bridge.ended', bridge.bridge_id, { reason }));
    });
    this.deps.directory.forget(bridge.bridge_id);
  }

  async #leave(ctx: TenantContext, bridge: BridgeRow): Promise<void> {
    if (!(await this.deps.store.read(ctx, (repositories) => isJoined(ctx, repositories, bridge)))) return;
    const pen = await this.deps.ownEvents.pen(ctx);
    await this.deps.placeEvent.run(ctx, bridge.room_id, (snapshot) => ({ proven: pen.write(snapshot, leaveDraft(bridge)), senderId: bridge.participant_id }));
  }
}

/** Everything that is only about the bridge. Its shadows stay as authors, and count no more. False: it has gone already. */
export async function dropBridge(ctx: TenantContext, { consumers, lanes, bridges, tenants, participants, usage }: Repositories, bridge: Pick<BridgeRow, 'bridge_id' | 'room_id'>): Promise<boolean> {
  const consumerId = bridgeConsumerId(bridge.bridge_id);
  await consumers.hold(ctx, consumerId);
  await lanes.close(ctx, bridge.room_id, consumerId);
  await consumers.remove(ctx, consumerId);
  if (!(await bridges.remove(ctx, bridge.bridge_id))) return false;
  await tenants.removeName(ctx, 'bridge', bridge.bridge_id);
  await usage.release(ctx, 'bridge_shadows', await participants.countFrom(ctx, originOf(bridge.bridge_id)));
  return true;
}

async function isJoined(ctx: TenantContext, { members }: Repositories, bridge: BridgeRow): Promise<boolean> {
  return (await members.find(ctx, bridge.room_id, bridge.participant_id))?.membership === 'join';
}
