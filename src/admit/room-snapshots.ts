import { GatewayError, outcomeOf } from '../kernel/errors.js';
import type { LogName, RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { RoomRow, RoomSnapshot } from '../store/repositories/rooms.repository.js';
import type { Store } from '../store/store.js';

/**
 * What acts are judged by. A cached snapshot has no age limit: an append made under an old epoch is refused as stale, so
 * only a refusal, which writes nothing, has to make sure that it was not judged on old facts.
 */
export class RoomSnapshots {
  readonly #kept = new Map<string, RoomSnapshot>();
  /** A log is one room for good. */
  readonly #rooms = new Map<string, RoomId>();

  constructor(private readonly store: Pick<Store, 'read'>) {}

  /** Judges on the cached facts; a refusal is judged once more if the room has changed since. */
  async judge<T>(ctx: TenantContext, roomId: RoomId, decide: (snapshot: RoomSnapshot) => T | Promise<T>): Promise<T> {
    const cached = this.#kept.get(keyOf(ctx, roomId));
    if (cached === undefined) return decide(await this.load(ctx, roomId));
    try {
      return await decide(cached);
    } catch (error) {
      if (!(error instanceof GatewayError) || (await this.#isCurrent(ctx, cached))) throw error;
      return decide(await this.load(ctx, roomId));
    }
  }

  /** The same by the name of the log. Throws SW_ROOM_NOT_FOUND. */
  async judgeLog<T>(ctx: TenantContext, log: LogName, decide: (snapshot: RoomSnapshot) => T | Promise<T>): Promise<T> {
    return this.judge(ctx, this.#rooms.get(`${ctx.tenantId} ${log}`) ?? (await this.#find(ctx, log)), decide);
  }

  /** Several acts by the facts of one moment. Refusals stand among the others, under the same rule. */
  async judgeAll<T>(ctx: TenantContext, roomId: RoomId, decisions: readonly ((snapshot: RoomSnapshot) => Promise<T>)[]): Promise<readonly (T | GatewayError)[]> {
    const decideAll = (snapshot: RoomSnapshot): Promise<readonly (T | GatewayError)[]> => Promise.all(decisions.map((decide) => outcomeOf(decide(snapshot))));
    const cached = this.#kept.get(keyOf(ctx, roomId));
    if (cached === undefined) return decideAll(await this.load(ctx, roomId));
    const judged = await decideAll(cached);
    const isSure = judged.every((one) => !(one instanceof GatewayError)) || (await this.#isCurrent(ctx, cached));
    return isSure ? judged : decideAll(await this.load(ctx, roomId));
  }

  /** Reads the room as it is now. Throws SW_ROOM_NOT_FOUND. */
  async load(ctx: TenantContext, roomId: RoomId): Promise<RoomSnapshot> {
    const snapshot = await this.store.read(ctx, ({ rooms }) => rooms.snapshot(ctx, roomId));
    this.forget(ctx, roomId);
    if (snapshot === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
    keep(this.#kept, keyOf(ctx, roomId), snapshot);
    return snapshot;
  }

  /** The log has gone on under the same facts. */
  goOn(ctx: TenantContext, { room }: RoomSnapshot, head: Pick<RoomRow, 'head_seq' | 'head_at' | 'head_hash'>): void {
    const kept = this.#kept.get(keyOf(ctx, room.room_id));
    if (kept?.room.epoch !== room.epoch || kept.room.head_seq >= head.head_seq) return;
    this.#kept.set(keyOf(ctx, room.room_id), { ...kept, room: { ...kept.room, ...head } });
  }

  forget(ctx: TenantContext, roomId: RoomId): void {
    this.#kept.delete(keyOf(ctx, roomId));
  }

  async #isCurrent(ctx: TenantContext, { room }: RoomSnapshot): Promise<boolean> {
    return (await this.store.read(ctx, ({ rooms }) => rooms.epoch(ctx, room.room_id))) === room.epoch;
  }

  async #find(ctx: TenantContext, log: LogName): Promise<RoomId> {
    const room = await this.store.read(ctx, ({ rooms }) => rooms.findByLog(ctx, log));
    if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', log);
    keep(this.#rooms, `${ctx.tenantId} ${log}`, room.room_id);
    return room.room_id;
  }
}

/** The oldest goes when there are too many. */
function keep<V>(all: Map<string, V>, key: string, value: V): void {
  const oldest = all.keys().next();
  if (all.size >= LIMITS.roomSnapshotsMax && oldest.done === false) all.delete(oldest.value);
  all.set(key, value);
}

function keyOf(ctx: TenantContext, roomId: RoomId): string {
  return `${ctx.tenantId} ${roomId}`;
}
