import { GatewayError } from '../../kernel/errors.js';
import type { RoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log, Meter } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { headAt } from '../../lanes/build-batch.js';
import { peerConsumerId } from '../../lanes/peer-lane.js';
import type { OwnKeys } from '../../peering/own-keys.js';
import { BriefMemory } from '../../store/cache/brief-memory.js';
import { FORKED, type LaneRow } from '../../store/repositories/lanes.repository.js';
import type { Store } from '../../store/store.js';
import type { ProvenRequest } from '../../verify/peer-request.js';
import type { ProvenEvent } from '../../verify/proven-event.js';

export interface OneLogDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly ownKeys: Pick<OwnKeys, 'current'>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
}

type Peer = Pick<ProvenRequest, 'ctx' | 'origin'>;

/** Whether a server that speaks in a room of ours has seen our log, and no other under its name. */
export class OneLog {
  /** Places of our logs that a peer has named rightly: a place never gets another hash. */
  readonly #agreed: BriefMemory<true>;
  /** Lanes that were not frozen. */
  readonly #open: BriefMemory<true>;

  constructor(private readonly deps: OneLogDeps) {
    this.#agreed = new BriefMemory(LIMITS.seenAgreedMax, LIMITS.seenAgreedMs, deps.clock);
    this.#open = new BriefMemory(LIMITS.seenAgreedMax, LIMITS.seenAgreedMs, deps.clock);
  }

  /**
   * Events of one server for one room. Throws SW_FED_CHAIN_FORK for what it signed and what contradicts our log, which
   * freezes its lane in that room, and SW_FED_LANE_FROZEN from then on.
   */
  async require(peer: Peer, roomId: RoomId, events: readonly ProvenEvent[]): Promise<void> {
    const lastSeen = events.reduce((one, other) => (other.event.seen.seq > one.event.seen.seq ? other : one));
    const [isOpen, agrees] = await Promise.all([this.#isOpen(peer, roomId), this.#agrees(peer.ctx, roomId, lastSeen)]);
    if (isOpen && agrees) return;
    // A stranger to the room learns nothing of it: the refusal of who may not speak comes first.
    const { present, lane } = await this.#standing(peer, roomId);
    if (present === 0 || (agrees && lane?.frozen !== FORKED)) return;
    if (!agrees && (await this.#freeze(peer, roomId, lastSeen))) throw new GatewayError(FORKED, `seen ${lastSeen.event.seen.seq}`);
    throw new GatewayError('SW_FED_LANE_FROZEN', roomId);
  }

  /** Kept only of lanes that are there: one may come at any moment, with the first person of its server. */
  async #isOpen({ ctx, origin }: Peer, roomId: RoomId): Promise<boolean> {
    const open = await this.#open.get(laneKey({ ctx, origin }, roomId), async () => {
      const lane = await this.deps.store.read(ctx, ({ lanes }) => lanes.find(ctx, roomId, peerConsumerId(origin)));
      return lane === undefined || lane.frozen === FORKED ? undefined : true;
    });
    return open === true;
  }

  #standing({ ctx, origin }: Peer, roomId: RoomId): Promise<{ readonly present: number; readonly lane: LaneRow | undefined }> {
    return this.deps.store.read(ctx, async ({ members, lanes }) => ({
      present: await members.countOfServer(ctx, roomId, origin, ['join']),
      lane: await lanes.find(ctx, roomId, peerConsumerId(origin)),
    }));
  }

  async #agrees(ctx: TenantContext, roomId: RoomId, { event: { seen } }: ProvenEvent): Promise<boolean> {
    if (seen.seq === 0) return true;
    const agreed = await this.#agreed.get(`${ctx.tenantId} ${roomId} ${seen.seq} ${seen.hash}`, async () => {
      const row = await this.deps.store.read(ctx, ({ log }) => log.at(ctx, roomId, seen.seq));
      return row?.chain_hash.toString('hex') === seen.hash ? true : undefined;
    });
    return agreed === true;
  }

  /** One of us was restored from a backup, or lies. False: the lane was frozen before. */
  async #freeze({ ctx, origin }: Peer, roomId: RoomId, { event: { seen }, jws }: ProvenEvent): Promise<boolean> {
    const ownProof = await this.#ownWord(ctx, roomId, seen.seq);
    const news = await this.deps.store.transact(ctx, ({ lanes }) => lanes.freeze(ctx, roomId, peerConsumerId(origin), { proof: jws, ownProof }));
    this.#open.forget(laneKey({ ctx, origin }, roomId));
    if (!news) return false;
    this.deps.meter.count('fed_alarms_total', { kind: 'seen' });
    this.deps.log.warn({ tenantId: ctx.tenantId, peer: origin, roomId, seenSeq: seen.seq }, 'a peer has seen another log than ours');
    return true;
  }

  /** Our head at that place; where our log is shorter, at its end. */
  async #ownWord(ctx: TenantContext, roomId: RoomId, seq: number): Promise<string | null> {
    const key = await this.deps.ownKeys.current(ctx);
    return this.deps.store.read(ctx, async ({ rooms, log }) => {
      const room = await rooms.find(ctx, roomId);
      const place = room === undefined ? undefined : await log.at(ctx, roomId, Math.min(seq, room.head_seq));
      return room === undefined || place === undefined ? null : headAt(room.log_name, place, { key, nowMs: this.deps.clock.nowMs() });
    });
  }
}

function laneKey({ ctx, origin }: Peer, roomId: RoomId): string {
  return `${ctx.tenantId} ${roomId} ${origin}`;
}
