import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { EVENT_TYPES, type JsonObject } from '../../kernel/events.js';
import { serverOf, type Fqid, type LogName, type ParticipantId, type RoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Store } from '../../store/store.js';
import { DataError } from '../../store/sql-error.js';
import { fqidOfRow, isBehindBridge } from '../../store/repositories/participants.repository.js';
import type { Page, PageRequest } from '../api/page.js';
import type { NewRoom, RoomFilter, RoomsApi, RoomStateView, RoomView } from '../api/rooms.js';
import type { OwnEvents } from '../own-events.js';
import { planView } from '../plan-view.js';
import type { PlaceEvent } from '../place-event.js';
import type { KnownPeers } from '../known-peers.js';
import { sidekickView } from '../sidekicks/sidekick-view.js';
import type { Founding, FoundRoom } from './found-room.js';
import { memberView, type RoomViews } from './room-view.js';

export interface RoomsDeps {
  readonly store: Pick<Store, 'read'>;
  readonly views: RoomViews;
  readonly foundRoom: FoundRoom;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly knownPeers: Pick<KnownPeers, 'meet'>;
}

const PLAIN = { visibility: 'private', history: 'invite', name: null, topic: null, federated: false, dmKey: null, invited: [] } as const satisfies Partial<Founding>;

/** Rooms as a person makes, finds and changes them. What is not kept of them, and why: specs/decisions/0020-documented-not-served-here.md. */
export class Rooms implements RoomsApi {
  constructor(private readonly deps: RoomsDeps) {}

  async create(caller: Caller, room: NewRoom): Promise<RoomView> {
    if (room.workspaceId !== null) throw new GatewayError('SW_BAD_REQUEST', 'workspace', { publicDetail: 'This node keeps no workspaces.' });
    if (room.readRoleSlugs.length > 0) throw new GatewayError('SW_BAD_REQUEST', 'roles', { publicDetail: 'This node knows no roles of people: a restricted room is for those who are invited.' });
    const isPublic = room.isPublic || room.roomType === 'public';
    const roomId = await this.deps.foundRoom.run(caller.ctx, {
      ...PLAIN,
      type: room.roomType === 'group' && isPublic ? 'public' : room.roomType,
      creator: caller.fqid,
      visibility: room.visibility === 'restricted' ? 'restricted' : isPublic ? 'public' : 'private',
      history: room.history,
      name: room.name,
      topic: room.topic,
      joined: [caller.fqid],
    });
    return this.deps.views.one(caller, roomId);
  }

  async openDm(caller: Caller, other: ParticipantId): Promise<RoomView> {
    const row = await this.deps.store.read(caller.ctx, ({ participants }) => participants.find(caller.ctx, other));
    if (row === undefined || isBehindBridge(row) || other === caller.participantId) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', other);
    if (row.participant_type === 'federated') return this.openFederatedDm(caller, fqidOfRow(row));
    const fqid = fqidOfRow(row);
    return this.#dm(caller, fqid, { federated: false, joined: [caller.fqid, fqid], invited: [] });
  }

  async openFederatedDm(caller: Caller, other: Fqid): Promise<RoomView> {
    if (serverOf(other) === caller.ctx.serverName) throw new GatewayError('SW_BAD_REQUEST', 'not foreign', { publicDetail: 'This person is of your own server.' });
    await this.deps.knownPeers.meet(caller.ctx, serverOf(other));
    return this.#dm(caller, other, { federated: true, joined: [caller.fqid], invited: [other] });
  }

  async list(caller: Caller, page: PageRequest): Promise<Page<RoomView>> {
    return this.deps.views.page(caller, { scope: 'joined', ...page });
  }

  async listArchived(caller: Caller, page: PageRequest): Promise<Page<RoomView>> {
    return this.deps.views.page(caller, { scope: 'archived', ...page });
  }

  async directory(caller: Caller, filter: RoomFilter): Promise<Page<RoomView>> {
    return this.deps.views.page(caller, { scope: 'directory', text: filter.q, type: filter.roomType, limit: filter.limit, offset: filter.offset });
  }

  async get(caller: Caller, room: RoomId): Promise<RoomView> {
    return this.deps.views.one(caller, room);
  }

  async byAlias(caller: Caller, alias: LogName): Promise<RoomView> {
    const room = await this.deps.store.read(caller.ctx, ({ rooms }) => rooms.findByLog(caller.ctx, alias));
    if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', alias);
    return this.deps.views.one(caller, room.room_id);
  }

  async state(caller: Caller, roomId: RoomId): Promise<RoomStateView> {
    const room = await this.#asMember(caller, roomId);
    const { members, plan, active } = await this.deps.store.read(caller.ctx, async (repositories) => ({
      members: await repositories.members.list(caller.ctx, roomId, { limit: LIMITS.listPageMax, offset: 0 }),
      plan: (await repositories.plans.list(caller.ctx, roomId, 1))[0],
      active: await repositories.sidekicks.list(caller.ctx, { roomId, spawner: null, liveOnly: true, limit: LIMITS.listPageMax, offset: 0 }),
    }));
    return {
      room,
      members: members.map(memberView),
      engagement: null,
      plan: plan === undefined ? null : planView(plan),
      active_sidekicks: active.map(sidekickView),
      active_call: null,
      unread_count: 0,
      last_read_event_id: null,
      muted_until: null,
      snoozed_event_ids: [],
    };
  }

  async setName(caller: Caller, room: RoomId, name: string): Promise<RoomView> {
    return this.#change(caller, room, EVENT_TYPES.name, { name });
  }

  async setTopic(caller: Caller, room: RoomId, topic: string): Promise<RoomView> {
    return this.#change(caller, room, EVENT_TYPES.topic, { topic });
  }

  async close(caller: Caller, room: RoomId): Promise<RoomView> {
    return this.#change(caller, room, EVENT_TYPES.state, { state: 'closed' });
  }

  async archive(caller: Caller, room: RoomId): Promise<RoomView> {
    return this.#change(caller, room, EVENT_TYPES.state, { state: 'archived' });
  }

  async unarchive(caller: Caller, room: RoomId): Promise<RoomView> {
    return this.#change(caller, room, EVENT_TYPES.state, { state: 'open' });
  }

  async #change(caller: Caller, room: RoomId, type: string, content: JsonObject): Promise<RoomView> {
    const pen = await this.deps.ownEvents.pen(caller.ctx);
    await this.deps.placeEvent.run(caller.ctx, room, (snapshot) => ({ proven: pen.write(snapshot, { sender: caller.fqid, type, content }) }));
    return this.deps.views.one(caller, room);
  }

  async #asMember(caller: Caller, roomId: RoomId): Promise<RoomView> {
    const room = await this.deps.views.one(caller, roomId);
    if (room.membership !== 'join') throw new GatewayError('SW_NOT_MEMBER', roomId);
    return room;
  }

  /** Two calls at once make one room: the second finds the key taken. */
  async #dm(caller: Caller, other: Fqid, people: Pick<Founding, 'federated' | 'joined' | 'invited'>): Promise<RoomView> {
    const { ctx } = caller;
    const dmKey = [caller.fqid, other].sort().join(' ');
    const find = (): Promise<RoomId | undefined> => this.deps.store.read(ctx, async ({ rooms }) => (await rooms.findByDmKey(ctx, dmKey))?.room_id);
    const known = await find();
    if (known !== undefined) return this.deps.views.one(caller, known);
    try {
      const made = await this.deps.foundRoom.run(ctx, { ...PLAIN, type: 'dm', creator: caller.fqid, dmKey, ...people });
      return await this.deps.views.one(caller, made);
    } catch (error) {
      const twin = error instanceof DataError ? await find() : undefined;
      if (twin === undefined) throw error;
      return this.deps.views.one(caller, twin);
    }
  }
}
