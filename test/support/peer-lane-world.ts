import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../src/kernel/errors.js';
import type { PeerExchange } from '../../src/kernel/ports.js';
import { systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import type { TenantContext } from '../../src/kernel/tenant-context.js';
import { ReceiptCheck } from '../../src/lanes/check-receipts.js';
import { PeerLane, peerConsumerId } from '../../src/lanes/peer-lane.js';
import { ParcelSender } from '../../src/lanes/send-parcels.js';
import { UnreachedHome } from '../../src/lanes/unreached-home.js';
import type { TurnOutcome } from '../../src/lanes/write-turn.js';
import { PeerClient } from '../../src/peering/signed-call.js';
import type { LaneRow } from '../../src/store/repositories/lanes.repository.js';
import type { TestDatabase } from './database.js';
import { contract } from './fixtures.js';
import { asItIs, LaneWorld, oneTurn, type LaneRoom } from './lane-world.js';
import { newTenant, peerProcess, type PeerProcess } from './peer-world.js';
import { ScriptedPeer } from './scripted-peer.js';
import { silentLog } from './silent-ports.js';
import { TestClock } from './test-clock.js';

/** One lane to a scripted peer, whose turns come when a test wants them. */
export class PeerLaneWorld {
  private constructor(
    readonly database: TestDatabase,
    readonly clock: TestClock,
    readonly peer: ScriptedPeer,
    readonly parts: PeerProcess,
    readonly ctx: TenantContext,
    readonly world: LaneWorld,
    readonly lane: PeerLane,
    /** Events that the peer refused for good, with its code. */
    readonly refused: readonly string[],
  ) {}

  /** A tenant of its own. */
  static async on(database: TestDatabase): Promise<PeerLaneWorld> {
    const clock = new TestClock(Date.now());
    const peer = new ScriptedPeer('b.example', () => clock.nowMs());
    const parts = peerProcess({ database, clock, source: async () => peer.fake.document() });
    const ctx = await asItIs(parts.store, await newTenant(parts, `a-${randomUUID().slice(0, 8)}.example`));
    const world = new LaneWorld(parts.store, ctx, await parts.keys.current(ctx), clock);
    const refused: string[] = [];
    const client = new PeerClient({ keys: parts.keys, exchange: unreachableWhenAway(peer), clock, randomness: systemRandomness });
    const lane = new PeerLane({
      store: parts.store,
      keys: parts.keys,
      directory: parts.directory,
      sender: new ParcelSender({ client, contract, randomness: systemRandomness }),
      receipts: new ReceiptCheck({ contract, directory: parts.directory, store: parts.store, clock }),
      onRefused: async (_ctx, _repositories, { entry, code }) => void refused.push(`${entry.event_id} ${code}`),
      unreachedHome: new UnreachedHome({ store: parts.store, timers: systemTimers, log: silentLog }),
      clock,
      randomness: { fraction: () => 0.5 },
      log: silentLog,
      meter: parts.meter,
    });
    return new PeerLaneWorld(database, clock, peer, parts, ctx, world, lane, refused);
  }

  get consumer(): string {
    return peerConsumerId(this.peer.server);
  }

  /** One turn, whenever it would come. */
  async turn(during?: () => Promise<void>): Promise<TurnOutcome | undefined> {
    await this.database.asOwner('update consumers set due_at = now() where tenant_id = $1 and consumer_id = $2', [this.ctx.tenantId, this.consumer]);
    return this.turnIfDue(during);
  }

  turnIfDue(during?: () => Promise<void>): Promise<TurnOutcome | undefined> {
    return oneTurn(this.parts.store, this.ctx, this.consumer, this.lane, this.clock, during);
  }

  async laneOf(room: LaneRoom): Promise<LaneRow> {
    const row = await this.parts.store.read(this.ctx, ({ lanes }) => lanes.find(this.ctx, room.roomId, this.consumer));
    if (row === undefined) throw new Error('no lane');
    return row;
  }

  /** A room of ours that the peer has a copy of, with so many texts. */
  async mirrored(texts: number): Promise<LaneRoom> {
    const room = await this.world.room();
    await this.world.lane(room, this.consumer, 'peer', 'log');
    await this.world.say(room, Array.from({ length: texts }, (_, n) => `text ${n}`));
    return room;
  }
}

function unreachableWhenAway(peer: ScriptedPeer): PeerExchange {
  return async (request) => {
    try {
      return await peer.exchange(request);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw new GatewayError('SW_FED_PEER_UNREACHABLE', 'scripted', { cause: error });
    }
  };
}
