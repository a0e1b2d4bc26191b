import { GatewayError } from '../../kernel/errors.js';
import { EVENT_TYPES, type WireEvent } from '../../kernel/events.js';
import { serverOf } from '../../kernel/ids.js';
import type { Clock, Wake } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { admitsState } from '../../admit/admit-entry.js';
import { concernsNobody } from '../../admit/concerns-nobody.js';
import { joinsSomebody } from '../../admit/consent.js';
import { countRoom } from '../../admit/count-room.js';
import type { RoomSnapshots } from '../../admit/room-snapshots.js';
import type { CarriedDescriptors, CarriedKeys } from '../../peering/carried-keys.js';
import type { ItemResult } from '../../protocol/send-answer.js';
import type { UnverifiedStart } from '../../protocol/start.js';
import { applyState } from '../../rehome/apply-state.js';
import type { RoomChange, RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { HomeWord, ProvenStart } from '../../verify/proven-run.js';
import { currentTenant } from '../current-tenant.js';
import type { FreezeMirror } from './freeze-mirror.js';
import { Fork } from './stored-run.js';
import type { RunSource } from './take-run.js';

export interface TakeStartDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly homeWord: Pick<HomeWord, 'verifyStart'>;
  readonly carriedKeys: Pick<CarriedKeys, 'read' | 'pin'>;
  readonly freezeMirror: Pick<FreezeMirror, 'run'>;
  readonly snapshots: Pick<RoomSnapshots, 'forget'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly wake: Pick<Wake, 'hint'>;
}

/** What a room is before who is in it, and who is in it before what they may do. */
const ORDER: readonly string[] = [EVENT_TYPES.create, EVENT_TYPES.member, EVENT_TYPES.powerLevels];

function rankOf(type: string): number {
  const rank = ORDER.indexOf(type);
  return rank === -1 ? ORDER.length : rank;
}

/** Where our copy of a room begins, and what holds there: the home's answer to a join of ours. */
export class TakeStart {
  constructor(private readonly deps: TakeStartDeps) {}

  async run(source: RunSource, start: UnverifiedStart, keys: readonly string[]): Promise<ItemResult> {
    const { ctx, origin } = source;
    if (serverOf(start.room) !== origin) throw new GatewayError('SW_FED_NOT_HOME', `${start.room} by ${origin}`);
    const room = await this.deps.store.read(ctx, async (repositories) => requireAwaited(ctx, repositories, start, await repositories.rooms.findByLog(ctx, start.room)));
    const carried = await this.deps.carriedKeys.read(ctx, start.room, keys);
    const proven = await this.deps.homeWord.verifyStart(ctx, start, origin, carried);
    try {
      await this.#take(source, proven, carried);
    } catch (error) {
      throw error instanceof Fork ? await this.deps.freezeMirror.run(ctx, room, start.jws.text, error) : error;
    }
    this.deps.snapshots.forget(ctx, room.room_id);
    this.deps.wake.hint({ kind: 'log', tenantId: ctx.tenantId });
    return { status: 'accepted' };
  }

  #take(source: RunSource, start: ProvenStart, carried: CarriedDescriptors): Promise<void> {
    const { ctx } = source;
    return this.deps.store.transact(ctx, async (repositories) => {
      const room = await awaitedRoom(ctx, repositories, start);
      if (room.head_seq === 0 || room.head_seq < start.seq) await this.#begin(source, repositories, room, start, carried);
      else await goOn(ctx, repositories, room, start);
    });
  }

  async #begin(source: RunSource, repositories: Repositories, room: RoomRow, start: ProvenStart, carried: CarriedDescriptors): Promise<void> {
    const nowMs = this.deps.clock.nowMs();
    const ctx = await currentTenant(source.ctx, repositories);
    await repositories.members.forgetInside(ctx, room.room_id, await repositories.log.position(ctx));
    const state = stateToApply(source, start);
    await this.deps.carriedKeys.pin(ctx, repositories, room.room_id, carried, new Set(state.map(({ origin }) => origin)));
    let facts: RoomChange = {};
    for (const event of state) {
      if (await concernsNobody(ctx, repositories, source.policy, event)) continue;
      try {
        const applied = await applyState(ctx, repositories, { ...room, ...facts }, { event, seq: start.seq, at: event.origin_ts }, nowMs);
        facts = { ...facts, ...applied.facts };
      } catch (error) {
        // A person who cannot be had here, for want of room for shadows, is not a reason to be without the room.
        if (!(error instanceof GatewayError)) throw error;
      }
    }
    const change: RoomChange = { ...facts, federated: true, phase: 'mirrored' };
    await countRoom(ctx, repositories, room, { ...room, ...change });
    await repositories.rooms.change(ctx, room.room_id, { ...change, start_seq: start.seq, head_seq: start.seq, head_at: 0, head_hash: start.hash });
  }
}

/** Judged as entries are. Our own people come in by entries after the start: before it nobody of ours was inside. */
function stateToApply(source: RunSource, start: ProvenStart): readonly WireEvent[] {
  const isCredible = (event: WireEvent): boolean => admitsState(source, event) && !(joinsSomebody(event) && event.origin === source.ctx.serverName);
  return start.state
    .map(({ event }) => event)
    .filter(isCredible)
    .sort((one, other) => rankOf(one.type) - rankOf(other.type));
}

/** What is held from before somebody left goes on where it ended, if it is the same log. */
async function goOn(ctx: TenantContext, repositories: Repositories, room: RoomRow, start: UnverifiedStart): Promise<void> {
  const held = start.seq === room.head_seq ? room.head_hash : (await repositories.log.at(ctx, room.room_id, start.seq))?.chain_hash;
  if (held?.equals(start.hash) === false) throw new Fork(start.seq);
  if (room.phase === 'mirrored') return;
  await countRoom(ctx, repositories, room, { ...room, phase: 'mirrored' });
  await repositories.rooms.change(ctx, room.room_id, { phase: 'mirrored' });
}

async function awaitedRoom(ctx: TenantContext, repositories: Repositories, start: UnverifiedStart): Promise<RoomRow> {
  const known = await repositories.rooms.findByLog(ctx, start.room);
  const room = known === undefined ? undefined : await repositories.rooms.lock(ctx, known.room_id);
  return requireAwaited(ctx, repositories, start, room);
}

/** A room that somebody of ours asked to join, or is in. A home cannot give us rooms that nobody here wants. */
async function requireAwaited(ctx: TenantContext, { log, members }: Repositories, start: UnverifiedStart, room: RoomRow | undefined): Promise<RoomRow> {
  if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', start.room);
  const wanted =
    room.phase === 'joining' ||
    (await members.countOfServer(ctx, room.room_id, ctx.serverName, ['join'])) > 0 ||
    (await log.pending(ctx, room.room_id, 1)).length > 0;
  if (!wanted) throw new GatewayError('SW_NOT_MEMBER', start.room);
  if (room.frozen !== null) throw new GatewayError('SW_FED_LANE_FROZEN', room.frozen);
  return room;
}
