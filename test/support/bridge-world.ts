import { randomUUID } from 'node:crypto';
import { Egress } from '../../src/egress/egress.js';
import { RoomSnapshots } from '../../src/admit/room-snapshots.js';
import { Appender } from '../../src/flows/appender.js';
import type { BridgeInboundView } from '../../src/flows/api/bridge-inbound.js';
import type { NewBridge, NewBridgeView } from '../../src/flows/api/bridges-admin.js';
import { BridgesAdmin } from '../../src/flows/bridges/bridges-admin.js';
import { CloseBridge } from '../../src/flows/bridges/close-bridge.js';
import { KnownShadows } from '../../src/flows/bridges/known-shadows.js';
import { MapWriter } from '../../src/flows/bridges/map-writer.js';
import { OpenBridge } from '../../src/flows/bridges/open-bridge.js';
import { ReceiveBridgeMessage } from '../../src/flows/bridges/receive-bridge-message.js';
import { TendBridge } from '../../src/flows/bridges/tend-bridge.js';
import { ChangeRoom } from '../../src/flows/change-room.js';
import { ErasedCopies } from '../../src/flows/erased-copies.js';
import { NamedMedia } from '../../src/flows/media/named-media.js';
import { Messages } from '../../src/flows/messages.js';
import { OwnEvents } from '../../src/flows/own-events.js';
import { PlaceEvent } from '../../src/flows/place-event.js';
import { FoundRoom, type Founding } from '../../src/flows/rooms/found-room.js';
import type { Caller } from '../../src/kernel/caller.js';
import { fqidOf, parseServerName, parseBridgeId, parseLocalId, parseParticipantId, type BridgeId, type RoomId } from '../../src/kernel/ids.js';
import type { Log } from '../../src/kernel/ports.js';
import { localWake, systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import type { TenantContext } from '../../src/kernel/tenant-context.js';
import { BridgeLane } from '../../src/lanes/bridge-lane.js';
import { BridgePost } from '../../src/lanes/bridge-post.js';
import { bridgeConsumerId } from '../../src/lanes/bridge-work.js';
import { DeliverEntry } from '../../src/lanes/deliver-entry.js';
import { UnreachedHome } from '../../src/lanes/unreached-home.js';
import type { TurnOutcome } from '../../src/lanes/write-turn.js';
import { OwnKeys } from '../../src/peering/own-keys.js';
import { BRIDGE_SIGNATURE_HEADER, signBridgeBody } from '../../src/protocol/bridge-signature.js';
import { Transports } from '../../src/protocol/transports/transports.js';
import { BridgeSafe } from '../../src/store/bridge-safe.js';
import { Store } from '../../src/store/store.js';
import { Vault } from '../../src/store/vault.js';
import { VerifyBridgeCall } from '../../src/verify/bridge-call.js';
import { BridgeDirectory } from '../../src/verify/bridge-directory.js';
import { SecretUses } from '../../src/verify/secret-uses.js';
import { TenantDirectory } from '../../src/store/tenant-directory.js';
import { anyTenantId, type TestDatabase } from './database.js';
import { contract } from './fixtures.js';
import { processRates } from './process-rates.js';
import { asItIs, oneTurn } from './lane-world.js';
import { silentLog, silentMeter } from './silent-ports.js';
import type { TestClock } from './test-clock.js';

const TEST_ONLY_MASTER_KEY = Buffer.alloc(32, 9);
const PLAIN: Omit<Founding, 'creator' | 'joined'> = {
  type: 'group', visibility: 'private', history: 'beginning', name: 'A room', topic: null, federated: false, dmKey: null, invited: [],
};

/** A native message as another system would send it. */
export function nativeMessage(eventId: string, text: string, more: object = {}): object {
  return { event_id: eventId, sender: { external_id: 'U123', display_name: 'Ada' }, content: { msgtype: 'swp.text', body: text }, ...more };
}

/** Everything that bridges are made of, over a real database and real sockets, and a clock that is told to move. */
export class BridgeWorld {
  readonly store: Store;
  readonly messages: Messages;
  readonly admin: BridgesAdmin;
  readonly inbound: ReceiveBridgeMessage;
  readonly lane: BridgeLane;
  readonly directory: BridgeDirectory;
  readonly changeRoom: ChangeRoom;
  readonly ownEvents: OwnEvents;
  readonly placeEvent: PlaceEvent;
  readonly #keys: OwnKeys;
  readonly #foundRoom: FoundRoom;
  readonly #egress: Egress;

  constructor(
    database: Pick<TestDatabase, 'database'>,
    readonly clock: TestClock,
    log: Log = silentLog,
  ) {
    const store = new Store(database.database);
    const randomness = systemRandomness;
    const vault = new Vault([TEST_ONLY_MASTER_KEY], randomness);
    const wake = localWake();
    this.#keys = new OwnKeys(store, vault, clock, randomness);
    this.#egress = new Egress({ allow: ['127.0.0.1'] }, systemTimers, clock, silentMeter);
    const snapshots = new RoomSnapshots(store);
    this.changeRoom = new ChangeRoom({ store, snapshots, erasedCopies: new ErasedCopies(), clock, wake });
    this.ownEvents = new OwnEvents(this.#keys, clock, randomness);
    const tenants = new TenantDirectory(store, clock);
    const appender = new Appender(store, clock, wake, silentLog);
    this.placeEvent = new PlaceEvent({ store, tenants, snapshots, appender, changeRoom: this.changeRoom, unreachedHome: new UnreachedHome({ store, timers: systemTimers, log: silentLog }), clock });
    const core = { changeRoom: this.changeRoom, ownEvents: this.ownEvents, placeEvent: this.placeEvent };
    this.#foundRoom = new FoundRoom({ ...core, store, clock, randomness });
    this.messages = new Messages({ ...core, store, namedMedia: new NamedMedia(store) });

    const safe = new BridgeSafe(vault);
    this.directory = new BridgeDirectory(store, tenants, safe, clock);
    const uses = new SecretUses(store, clock, systemTimers, silentLog);
    const post = new BridgePost(this.#egress, clock, silentMeter);
    const parts = { ...core, store, safe, directory: this.directory, uses, post, clock, randomness, log, meter: silentMeter, transports: new Transports(contract) };
    const closeBridge = new CloseBridge(parts);
    this.store = store;
    this.admin = new BridgesAdmin({ ...parts, openBridge: new OpenBridge(parts), closeBridge, wake, publicUrl: () => 'https://node.example' });
    this.inbound = new ReceiveBridgeMessage({ ...parts, verify: new VerifyBridgeCall({ ...parts, rates: processRates(clock) }), shadows: new KnownShadows(store, clock), map: new MapWriter(store) });
    this.lane = new BridgeLane({ ...parts, upkeep: new TendBridge({ ...parts, closeBridge }), deliver: new DeliverEntry(parts), changed: (id) => this.directory.forget(id) });
  }

  async close(): Promise<void> {
    await this.#egress.close();
  }

  async tenant(): Promise<TenantContext> {
    const scope = { tenantId: anyTenantId() };
    const server = parseServerName(`t-${scope.tenantId.slice(0, 8)}.example`);
    return this.store.transact(scope, async (repositories) => {
      await repositories.tenants.create(scope, { ...scope, slug: server.split('.')[0] ?? '', name: server, scaikeyTenantId: randomUUID(), serverName: server, partnerId: null, limits: {}, features: {}, createdAtMs: 1 });
      const loaded = await repositories.tenants.load(scope);
      if (loaded === undefined) throw new Error('the tenant is not there');
      await this.#keys.create(loaded.ctx, repositories, 'cli');
      return loaded.ctx;
    });
  }

  async person(ctx: TenantContext, name: string): Promise<Caller> {
    const participantId = parseParticipantId(randomUUID());
    const localId = parseLocalId(name);
    await this.store.transact(ctx, ({ participants }) =>
      participants.add(ctx, { participant_id: participantId, participant_type: 'human', local_id: localId, server_name: ctx.serverName, display_name: name, avatar_url: null, foreign_origin: null, scaikey_subject: name, created_at: 1 }),
    );
    return { ctx, homeTenantId: ctx.tenantId, partnerId: null, participantId, fqid: fqidOf(localId, ctx.serverName), role: 'tenant_admin', requestId: 'test', expiresAtMs: null };
  }

  async room(creator: Caller, facts: Partial<Founding> = {}): Promise<RoomId> {
    return this.#foundRoom.run(await asItIs(this.store, creator.ctx), { ...PLAIN, creator: creator.fqid, joined: [creator.fqid], ...facts });
  }

  bridge(caller: Caller, roomId: RoomId, more: Partial<NewBridge> = {}): Promise<NewBridgeView> {
    return this.admin.create(caller, { transport: 'custom', direction: 'in', roomId, name: 'A bridge', outboundWebhook: null, settings: {}, ...more });
  }

  say(caller: Caller, roomId: RoomId, body: string): ReturnType<Messages['send']> {
    return this.messages.send(caller, roomId, { content: { msgtype: 'swp.text', body }, eventUuid: null, asParticipantId: null });
  }

  /** Signs and hands over a message, as the other side would now. */
  call({ bridge_id: id, shared_secret: secret }: Pick<NewBridgeView, 'bridge_id' | 'shared_secret'>, message: object): Promise<BridgeInboundView> {
    const body = Buffer.from(JSON.stringify(message));
    return this.raw(id, body, signBridgeBody([secret], this.clock.nowMs(), body));
  }

  raw(id: string, body: Buffer, signature: string | undefined): Promise<BridgeInboundView> {
    const headers = signature === undefined ? {} : { [BRIDGE_SIGNATURE_HEADER]: signature };
    return this.inbound.receive({ bridgeId: parseBridgeId(id), headers, body, requestId: 'test' });
  }

  /** One turn of the bridge's lane, now. */
  async turn(ctx: TenantContext, id: string): Promise<TurnOutcome | undefined> {
    const consumerId = bridgeConsumerId(parseBridgeId(id));
    await this.store.transact(ctx, ({ consumers }) => consumers.hasten(ctx, consumerId));
    return oneTurn(this.store, ctx, consumerId, this.lane, this.clock);
  }

  idOf(view: Pick<NewBridgeView, 'bridge_id'>): BridgeId {
    return parseBridgeId(view.bridge_id);
  }
}
