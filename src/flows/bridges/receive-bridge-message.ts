import { bridgedWireEventId } from '../../kernel/derived-ids.js';
import { codeOf, GatewayError } from '../../kernel/errors.js';
import { EVENT_TYPES, type Relation } from '../../kernel/events.js';
import type { EventId, ParticipantId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Meter } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { contentBytes } from '../../protocol/event.js';
import { neutralHash } from '../../protocol/transports/neutral-hash.js';
import { hopOf, passedThrough } from '../../protocol/transports/via.js';
import type { BridgeMessage, BridgeMessageType } from '../../protocol/transports/transport.js';
import type { Transports } from '../../protocol/transports/transports.js';
import { originOf } from '../../rehome/bridge-shadows.js';
import { bridgedContent } from '../../rehome/bridged-content.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { Store } from '../../store/store.js';
import type { ProvenBridgeCall, VerifyBridgeCall } from '../../verify/bridge-call.js';
import type { BridgeCall, BridgeInboundApi, BridgeInboundView } from '../api/bridge-inbound.js';
import type { OwnEvents } from '../own-events.js';
import type { Placed, PlaceEvent } from '../place-event.js';
import { bridgedEventId, findTarget } from './find-target.js';
import type { KnownShadows } from './known-shadows.js';
import type { MapWriter } from './map-writer.js';

export interface ReceiveBridgeMessageDeps {
  readonly verify: Pick<VerifyBridgeCall, 'verify'>;
  readonly transports: Transports;
  readonly shadows: Pick<KnownShadows, 'of'>;
  readonly map: Pick<MapWriter, 'add'>;
  readonly store: Pick<Store, 'read'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly meter: Pick<Meter, 'count'>;
}

const EVENT_TYPE_OF: Readonly<Record<BridgeMessageType, string>> = {
  'message.created': EVENT_TYPES.message,
  'message.edited': EVENT_TYPES.edit,
  'message.deleted': EVENT_TYPES.redaction,
  'reaction.added': EVENT_TYPES.reaction,
  'reaction.removed': EVENT_TYPES.reactionRemove,
};

/** One message of another system into the room: verify, read, find who and what is meant, write, remember its name. */
export class ReceiveBridgeMessage implements BridgeInboundApi {
  constructor(private readonly deps: ReceiveBridgeMessageDeps) {}

  async receive(call: BridgeCall): Promise<BridgeInboundView> {
    const proven = await this.deps.verify.verify(call);
    try {
      const view = await this.#take(proven);
      this.deps.meter.count('bridge_calls_total', { outcome: view.status });
      return view;
    } catch (error) {
      this.deps.meter.count('bridge_calls_total', { outcome: codeOf(error) });
      throw error;
    }
  }

  async #take({ ctx, bridge, body }: ProvenBridgeCall): Promise<BridgeInboundView> {
    requireOpen(bridge);
    const message = this.deps.transports.named(bridge.transport).readInbound(body);
    const eventId = bridgedEventId(ctx, bridge, message.eventId);
    if (await this.#comesBack(ctx, bridge, message)) return viewOf(eventId, 'accepted');
    const placed = await this.#placeOrRecall(ctx, bridge, message, eventId);
    await this.deps.map.add(ctx, bridge.bridge_id, message.eventId, eventId);
    return viewOf(eventId, placed === 'duplicate' ? 'duplicate' : 'accepted');
  }

  /** A repeat gets the first answer, even where the same would be refused by now. */
  async #placeOrRecall(ctx: TenantContext, bridge: BridgeRow, message: BridgeMessage, eventId: EventId): Promise<Placed['outcome']> {
    try {
      return (await this.#place(ctx, bridge, message)).outcome;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const [row] = await this.deps.store.read(ctx, ({ log }) => log.findMany(ctx, [eventId]));
      if (row?.dedupe_hash.equals(neutralHash(message)) === true) return 'duplicate';
      throw row === undefined ? notYetJoined(bridge, error) : new GatewayError('SW_EVENT_CONFLICT', eventId, { cause: error });
    }
  }

  async #place(ctx: TenantContext, bridge: BridgeRow, message: BridgeMessage): Promise<Placed> {
    const relatesTo = await findTarget(this.deps.store, ctx, bridge, message);
    const shadow = await this.deps.shadows.of(ctx, bridge.bridge_id, message.sender);
    return this.#write(ctx, bridge, message, relatesTo, shadow);
  }

  async #write(ctx: TenantContext, bridge: BridgeRow, message: BridgeMessage, relatesTo: Relation | undefined, senderId: ParticipantId): Promise<Placed> {
    const content = bridgedContent(message.content, message.sender, { massMentions: bridge.settings['allow_mass_mentions'] === true });
    if (contentBytes(content) > LIMITS.contentBytesMax) throw new GatewayError('SW_CONTENT_TOO_LARGE', 'content');
    const pen = await this.deps.ownEvents.pen(ctx);
    const draft = {
      sender: bridge.fqid,
      type: EVENT_TYPE_OF[message.type],
      content,
      wireId: bridgedWireEventId(ctx.tenantId, bridge.bridge_id, message.eventId),
      via: [...message.via, hopOf(bridge.bridge_id, ctx.serverName)],
      ...(relatesTo === undefined ? {} : { relatesTo }),
    };
    const local = { senderId, foreignOrigin: originOf(bridge.bridge_id), dedupeHash: neutralHash(message) };
    return this.deps.placeEvent.run(ctx, bridge.room_id, (snapshot) => ({ proven: pen.write(snapshot, draft), ...local }));
  }

  /** What left this room over any of its bridges is in it already; what has come too far is not worth another step. */
  async #comesBack(ctx: TenantContext, bridge: BridgeRow, { via }: BridgeMessage): Promise<boolean> {
    if (via.length === 0) return false;
    if (via.length >= LIMITS.bridgeViaHopsMax || passedThrough(via, bridge.bridge_id)) return true;
    const passed = via.map((hop) => hop.split(':')[0] ?? '');
    return (await this.deps.store.read(ctx, ({ bridges }) => bridges.inRoom(ctx, bridge.room_id, passed))).length > 0;
  }
}

function requireOpen(bridge: BridgeRow): void {
  if (bridge.state === 'ended') throw new GatewayError('SW_BRIDGE_NOT_FOUND', 'ended');
  if (bridge.direction === 'out') throw new GatewayError('SW_BRIDGE_DIRECTION', 'inbound on an outbound bridge');
  if (bridge.state === 'paused') throw new GatewayError('SW_BRIDGE_PAUSED', bridge.paused_reason ?? 'by an administrator');
}

/** Without its member a bridge has no voice: the room's home has not let it in yet, or has thrown it out. */
function notYetJoined({ joined_by }: BridgeRow, error: GatewayError): GatewayError {
  if (error.code !== 'SW_NOT_MEMBER') return error;
  return new GatewayError('SW_BRIDGE_PAUSED', `not a member (${joined_by ?? 'no join'})`, { cause: error, publicDetail: 'Its member is not in the room.' });
}

function viewOf(eventId: EventId, status: BridgeInboundView['status']): BridgeInboundView {
  return { event_id: eventId, external_id: eventId, status };
}
