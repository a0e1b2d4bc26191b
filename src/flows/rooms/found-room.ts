import { EVENT_TYPES, type JsonObject, type RoomType } from '../../kernel/events.js';
import { localIdOf, logNameOf, parseRoomId, type Fqid, type RoomId } from '../../kernel/ids.js';
import type { Clock, Randomness } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { countRoom } from '../../admit/count-room.js';
import { genesis } from '../../protocol/chain.js';
import type { HistoryRule, Visibility } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { ChangeRoom } from '../change-room.js';
import { currentTenant } from '../current-tenant.js';
import type { Draft, OwnEvents, Pen } from '../own-events.js';

export interface Founding {
  readonly type: RoomType;
  readonly creator: Fqid;
  readonly visibility: Visibility;
  readonly history: HistoryRule;
  readonly name: string | null;
  readonly topic: string | null;
  readonly federated: boolean;
  /** For a room of two: the same key twice is the same room. */
  readonly dmKey: string | null;
  /** People who are in from the beginning, each in their own name. */
  readonly joined: readonly Fqid[];
  readonly invited: readonly Fqid[];
}

export interface FoundRoomDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly changeRoom: Pick<ChangeRoom, 'found' | 'done'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
}

/** Makes a room with its first entries: what it is, who is in it, what it is called. */
export class FoundRoom {
  constructor(private readonly deps: FoundRoomDeps) {}

  async run(ctx: TenantContext, founding: Founding): Promise<RoomId> {
    const pen = await this.deps.ownEvents.pen(ctx);
    const roomId = await this.deps.store.transact(ctx, async (repositories) => {
      const current = await currentTenant(ctx, repositories);
      const made = await this.create(current, repositories, founding);
      await this.write(current, repositories, pen, made, founding);
      return made;
    });
    this.deps.changeRoom.done(ctx, roomId);
    return roomId;
  }

  /** The room before its first entry, for those who make more with it; {@link write} follows in the same transaction. */
  async create(ctx: TenantContext, repositories: Repositories, founding: Founding): Promise<RoomId> {
    const roomId = parseRoomId(`room-${this.deps.randomness.uuid()}`);
    await this.#create(ctx, repositories, roomId, founding);
    return roomId;
  }

  /** Its first entries. The caller calls `done` of the room after the commit. */
  async write(ctx: TenantContext, repositories: Repositories, pen: Pen, roomId: RoomId, founding: Founding): Promise<void> {
    const entries = foundingDrafts(founding).map((draft) => (snapshot: Parameters<typeof pen.write>[0]) => ({ proven: pen.write(snapshot, draft) }));
    await this.deps.changeRoom.found(ctx, repositories, roomId, entries);
  }

  async #create(ctx: TenantContext, { rooms, participants, usage }: Repositories, roomId: RoomId, founding: Founding): Promise<void> {
    await rooms.create(ctx, {
      room_id: roomId,
      log_name: logNameOf(roomId, ctx.serverName),
      home: ctx.serverName,
      phase: 'hosted',
      room_type: founding.type,
      visibility: founding.visibility,
      history: founding.history,
      name: founding.name,
      topic: founding.topic,
      creator: founding.creator,
      federated: founding.federated,
      dm_key: founding.dmKey,
      start_seq: 0,
      head_seq: 0,
      head_hash: genesis(),
      created_at: this.deps.clock.nowMs(),
    });
    // Rooms, people, usage: the order in which everybody locks.
    await participants.lock(ctx, founding.joined.map(localIdOf));
    await countRoom(ctx, { usage }, undefined, { phase: 'hosted', state: 'open' });
  }
}

function foundingDrafts(founding: Founding): readonly Draft[] {
  const by = (type: string, content: JsonObject): Draft => ({ sender: founding.creator, type, content });
  const joins = founding.joined.map((person): Draft => ({ sender: person, type: EVENT_TYPES.member, content: { target: person, membership: 'join' } }));
  return [
    by(EVENT_TYPES.create, { room_type: founding.type, creator: founding.creator, history: founding.history }),
    ...joins,
    ...(founding.name === null ? [] : [by(EVENT_TYPES.name, { name: founding.name })]),
    ...(founding.topic === null ? [] : [by(EVENT_TYPES.topic, { topic: founding.topic })]),
    ...(founding.federated ? [by(EVENT_TYPES.federation, { enabled: true })] : []),
    ...founding.invited.map((person) => by(EVENT_TYPES.member, { target: person, membership: 'invite' })),
  ];
}
