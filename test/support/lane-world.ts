import { randomUUID } from 'node:crypto';
import { EVENT_TYPES, isStateType, stateTarget, type JsonObject, type WireEvent } from '../../src/kernel/events.js';
import { eventIdOf } from '../../src/kernel/derived-ids.js';
import { logNameOf, parseFqid, parseParticipantId, parseRoomId, parseWireEventId, type Fqid, type RoomId, type ServerName } from '../../src/kernel/ids.js';
import type { Clock } from '../../src/kernel/ports.js';
import type { TenantContext } from '../../src/kernel/tenant-context.js';
import type { LaneHandler } from '../../src/lanes/lane-handler.js';
import { HeldLease } from '../../src/lanes/held-lease.js';
import { turnOf, writeTurn, type TurnOutcome } from '../../src/lanes/write-turn.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { systemTimers } from '../../src/kernel/system-ports.js';
import { genesis } from '../../src/protocol/chain.js';
import { eventHash, signEvent } from '../../src/protocol/event.js';
import type { SigningKey } from '../../src/protocol/keys.js';
import type { AppendItem } from '../../src/store/repositories/log-items.js';
import type { RoomPhase } from '../../src/store/repositories/rooms.repository.js';
import type { Store } from '../../src/store/store.js';
import { silentLog } from './silent-ports.js';

/** A room with a log of its own, and whoever signs into it. */
export interface LaneRoom {
  readonly roomId: RoomId;
  readonly home: ServerName;
}

/** Writes rooms and entries as flows would, without their judgement. */
export class LaneWorld {
  constructor(
    readonly store: Store,
    readonly ctx: TenantContext,
    private readonly key: SigningKey,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  async room(home: ServerName = this.ctx.serverName, phase: RoomPhase = 'hosted'): Promise<LaneRoom> {
    const roomId = parseRoomId(`room-${randomUUID()}`);
    const log = logNameOf(roomId, home);
    await this.store.transact(this.ctx, ({ rooms }) =>
      rooms.create(this.ctx, {
        room_id: roomId, log_name: log, home, phase, room_type: 'group', visibility: 'private', history: 'invite',
        name: 'A room', topic: null, creator: this.person(), dm_key: null, start_seq: 0, head_seq: 0, head_hash: genesis(), created_at: 1, federated: true,
      }),
    );
    return { roomId, home };
  }

  /** Opens a lane to a consumer, and what its server may read. */
  async lane(room: LaneRoom, consumerId: string, kind: 'peer' | 'bridge', mode: 'invited' | 'start' | 'log' | 'submit' | 'bridge', cursor = 0): Promise<void> {
    await this.store.transact(this.ctx, async ({ consumers, lanes, intervals }) => {
      await consumers.ensure(this.ctx, consumerId, kind);
      await lanes.open(this.ctx, { room_id: room.roomId, consumer_id: consumerId, mode, cursor });
      const server = consumerId.slice('peer:'.length) as ServerName;
      if (mode === 'log' || mode === 'start') await intervals.open(this.ctx, room.roomId, server, cursor + 1);
    });
  }

  /** The people of a server are out of the room with this entry, and in again with that one. */
  async lose(room: LaneRoom, server: ServerName, lastSeq: number, backSeq?: number): Promise<void> {
    await this.store.transact(this.ctx, async ({ lanes, intervals }) => {
      await intervals.close(this.ctx, room.roomId, server, lastSeq);
      if (backSeq !== undefined) await intervals.open(this.ctx, room.roomId, server, backSeq);
      await lanes.end(this.ctx, room.roomId, `peer:${server}`, lastSeq);
    });
  }

  async say(room: LaneRoom, texts: readonly string[]): Promise<void> {
    await this.append(room, texts.map((text) => ({ type: EVENT_TYPES.message, content: { body: text } })));
  }

  async append(room: LaneRoom, events: readonly { readonly type: string; readonly content: JsonObject }[]): Promise<void> {
    for (let from = 0; from < events.length; from += LIMITS.appendItemsMax) {
      const items = events.slice(from, from + LIMITS.appendItemsMax).map((event) => this.item(room, event.type, event.content));
      const outcomes = await this.store.append(this.ctx, items, this.clock.nowMs(), LIMITS.submissionsPerRoomMax);
      for (const { outcome } of outcomes) if (outcome !== 'appended') throw new Error(`an append was ${outcome}`);
    }
  }

  person(name = 'alice'): Fqid {
    return parseFqid(`@${name}:${this.ctx.serverName}`);
  }

  item(room: LaneRoom, type: string, content: JsonObject): AppendItem {
    const wireId = parseWireEventId(randomUUID());
    const event: WireEvent = {
      id: wireId, room: logNameOf(room.roomId, room.home), origin: this.ctx.serverName, sender: this.person(), type, content,
      origin_ts: this.clock.nowMs(), seen: { seq: 0, hash: '0'.repeat(64) },
    };
    const jws = signEvent(this.key, event);
    return {
      roomId: room.roomId, epoch: 1, eventId: eventIdOf(this.ctx.tenantId, this.ctx.serverName, wireId), origin: this.ctx.serverName, wireId, type,
      sender: event.sender, senderId: parseParticipantId(randomUUID()), foreignOrigin: null, target: isStateType(type) ? stateTarget(event) : null,
      eventHash: eventHash(jws), dedupeHash: eventHash(jws), jws, content, relatesTo: null, via: [], originTs: event.origin_ts,
    };
  }
}

/** The tenant as it is now: a policy set after its making has raised its epoch. */
export async function asItIs(store: Store, ctx: TenantContext): Promise<TenantContext> {
  const loaded = await store.read(ctx, ({ tenants }) => tenants.load(ctx));
  if (loaded === undefined) throw new Error('the tenant is gone');
  return loaded.ctx;
}

/** Claims a consumer, runs one turn of its handler and writes it; undefined = it was not due. */
export async function oneTurn(
  store: Store,
  ctx: TenantContext,
  consumerId: string,
  handler: LaneHandler,
  clock: Clock,
  during: () => Promise<void> = async () => undefined,
): Promise<TurnOutcome | undefined> {
  const consumer = await store.transact(ctx, ({ consumers }) => consumers.claim(ctx, consumerId, LIMITS.leaseMs));
  if (consumer === undefined) return undefined;
  const deps = { store, clock, timers: systemTimers, log: silentLog };
  const lease = new HeldLease(ctx, consumer, deps, clock.monotonicMs());
  try {
    const turn = await turnOf(handler, lease, silentLog);
    await during();
    return await writeTurn(deps, lease, turn, handler);
  } finally {
    lease.end();
  }
}
