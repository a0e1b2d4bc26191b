import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { cutText } from '../../kernel/cut-text.js';
import { GatewayError } from '../../kernel/errors.js';
import { fqidOf, parseBridgeId, parseLocalId, parseParticipantId, BRIDGE_LOCAL_ID_PREFIX, type BridgeId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Randomness } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { bridgeConsumerId } from '../../lanes/bridge-work.js';
import type { BridgePost } from '../../lanes/bridge-post.js';
import { bridgeSecretOf } from '../../protocol/bridge-signature.js';
import type { Transports } from '../../protocol/transports/transports.js';
import { originOf } from '../../rehome/bridge-shadows.js';
import type { BridgeSafe } from '../../store/bridge-safe.js';
import type { NewBridgeRow } from '../../store/repositories/bridges.repository.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { NewBridge } from '../api/bridges-admin.js';
import type { ChangeRoom } from '../change-room.js';
import type { Draft, OwnEvents, Pen } from '../own-events.js';
import type { Placed, PlaceEvent } from '../place-event.js';
import { dropBridge } from './close-bridge.js';
import { channelDraft, joinDraft, voiceInviteDraft } from './bridge-drafts.js';

const SECRET_BYTES = 32;

export interface OpenBridgeDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly transports: Transports;
  readonly post: Pick<BridgePost, 'judge'>;
  readonly safe: Pick<BridgeSafe, 'seal'>;
  readonly changeRoom: Pick<ChangeRoom, 'change' | 'done'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid' | 'bytes'>;
}

export interface OpenedBridge {
  readonly bridgeId: BridgeId;
  /** Shown once. */
  readonly secret: string;
}

/** Makes a bridge whole or not at all: its row and secret, its member in the room, its claim to the channel, its lane. */
export class OpenBridge {
  constructor(private readonly deps: OpenBridgeDeps) {}

  async run(caller: Caller, wanted: NewBridge): Promise<OpenedBridge> {
    const { ctx } = caller;
    const bridge = this.#rowOf(ctx, wanted);
    if (bridge.outbound_webhook !== null) await this.deps.post.judge(bridge.outbound_webhook);
    const secret = bridgeSecretOf(this.deps.randomness.bytes(SECRET_BYTES));
    const pen = await this.deps.ownEvents.pen(ctx);
    const room = await this.deps.store.transact(ctx, async (repositories) => {
      const locked = await lockBridgeable(ctx, repositories, bridge);
      await this.#write(ctx, repositories, bridge, secret);
      const { name, transport, direction, room_id } = bridge;
      await repositories.audit.append(ctx, actBy(caller, 'bridge.created', bridge.bridge_id, { name, transport, direction, room_id }));
      const cursor = locked.phase === 'hosted' ? await this.#enter(ctx, repositories, locked, bridge, pen) : locked.head_seq;
      await repositories.consumers.ensure(ctx, bridgeConsumerId(bridge.bridge_id), 'bridge');
      await repositories.lanes.open(ctx, { room_id: bridge.room_id, consumer_id: bridgeConsumerId(bridge.bridge_id), mode: 'bridge', cursor });
      return locked;
    });
    this.deps.changeRoom.done(ctx, bridge.room_id);
    if (room.phase === 'mirrored') await this.#askOrUndo(caller, bridge, pen);
    return { bridgeId: bridge.bridge_id, secret };
  }

  #rowOf(ctx: TenantContext, { transport: name, direction, roomId, name: title, outboundWebhook, settings }: NewBridge): NewBridgeRow {
    const transport = this.deps.transports.named(name);
    const uuid = this.deps.randomness.uuid();
    const bridgeId = parseBridgeId(`brg-${uuid}`);
    const endpoint = { bridgeId, direction, outboundWebhook, settings };
    const fault = transport.settingsFault(endpoint);
    if (fault !== undefined) throw new GatewayError('SW_BAD_SCHEMA', 'settings of a bridge', { publicDetail: fault });
    return {
      bridge_id: bridgeId,
      room_id: roomId,
      participant_id: parseParticipantId(this.deps.randomness.uuid()),
      fqid: fqidOf(parseLocalId(`${BRIDGE_LOCAL_ID_PREFIX}${uuid}`), ctx.serverName),
      name: title,
      transport: name,
      direction,
      outbound_webhook: outboundWebhook,
      settings,
      channel: `${name}:${transport.channelOf(endpoint)}`,
      created_at: this.deps.clock.nowMs(),
    };
  }

  async #write(ctx: TenantContext, { participants, bridges, bridgeSecrets, tenants }: Repositories, bridge: NewBridgeRow, secret: string): Promise<void> {
    await participants.add(ctx, {
      participant_id: bridge.participant_id,
      participant_type: 'bridge',
      local_id: parseLocalId(`${BRIDGE_LOCAL_ID_PREFIX}${bridge.bridge_id.slice('brg-'.length)}`),
      server_name: ctx.serverName,
      display_name: cutText(bridge.name, LIMITS.displayNameCharsMax),
      avatar_url: null,
      foreign_origin: originOf(bridge.bridge_id),
      scaikey_subject: null,
      created_at: bridge.created_at,
    });
    await bridges.add(ctx, bridge);
    const sealed = this.deps.safe.seal(ctx, bridge.bridge_id, 1, secret);
    await bridgeSecrets.add(ctx, { bridge_id: bridge.bridge_id, ordinal: 1, sealed_secret: sealed, created_at: bridge.created_at });
    await tenants.addName(ctx, 'bridge', bridge.bridge_id);
  }

  /** Into a room of ours, at once. Returns the place from which the bridge relays. */
  async #enter(ctx: TenantContext, repositories: Repositories, room: RoomRow, bridge: NewBridgeRow, pen: Pen): Promise<number> {
    const { changeRoom } = this.deps;
    const present = await repositories.members.countOfServer(ctx, room.room_id, ctx.serverName, ['join']);
    const write = (draft: Draft): Promise<Placed> =>
      changeRoom.change(ctx, repositories, room.room_id, (snapshot) => ({ proven: pen.write(snapshot, draft) }));
    if (present === 0) await write(voiceInviteDraft(bridge, room.home));
    const joined = await write(joinDraft(bridge));
    const announced = await write(channelDraft(ctx, bridge));
    await repositories.bridges.change(ctx, bridge.bridge_id, { joined_by: joined.eventId, announced_by: announced.eventId });
    return announced.seq ?? room.head_seq;
  }

  async #askOrUndo(caller: Caller, bridge: NewBridgeRow, pen: Pen): Promise<void> {
    const { ctx } = caller;
    try {
      await this.#ask(ctx, bridge, pen);
    } catch (error) {
      await this.deps.store.transact(ctx, async (repositories) => {
        await dropBridge(ctx, repositories, bridge);
        await repositories.audit.append(ctx, actBy(caller, 'bridge.deleted', bridge.bridge_id, { room_id: bridge.room_id }));
      });
      throw error;
    }
  }

  /** Into a room whose home is elsewhere: by asking. The lane goes on when the home has answered. */
  async #ask(ctx: TenantContext, bridge: NewBridgeRow, pen: Pen): Promise<void> {
    const joined = await this.deps.placeEvent.run(ctx, bridge.room_id, (snapshot) => ({ proven: pen.write(snapshot, joinDraft(bridge)), senderId: bridge.participant_id }));
    await this.deps.store.transact(ctx, ({ bridges }) => bridges.change(ctx, bridge.bridge_id, { joined_by: joined.eventId }));
  }
}

/** Rooms that promise their people who reads along take no bridge. */
async function lockBridgeable(ctx: TenantContext, { rooms }: Repositories, { room_id: roomId }: NewBridgeRow): Promise<RoomRow> {
  const room = await rooms.lock(ctx, roomId);
  if (room === undefined || (room.phase !== 'hosted' && room.phase !== 'mirrored')) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
  const closed = room.room_type === 'incognito' || room.room_type === 'sidekick' || room.room_type === 'dm' || room.visibility === 'restricted';
  if (closed) throw new GatewayError('SW_ROOM_TYPE_INVARIANT', `${room.room_type} ${room.visibility}`);
  if (room.state !== 'open') throw new GatewayError('SW_ROOM_FROZEN', room.state);
  return room;
}
