import type { Caller } from '../../kernel/caller.js';
import { federatedShadowId, invitationIdOf } from '../../kernel/derived-ids.js';
import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import { EVENT_TYPES, type JsonObject, type Membership } from '../../kernel/events.js';
import { localIdOf, parseLogName, serverOf, type Fqid, type ParticipantId, type RoomId } from '../../kernel/ids.js';
import { fqidOfRow, isBehindBridge, type ParticipantRow } from '../../store/repositories/participants.repository.js';
import type { Store } from '../../store/store.js';
import type { InvitationView } from '../api/invitations.js';
import type { Page, PageRequest } from '../api/page.js';
import type { MembersApi, MembershipView, MemberView, PersonRef } from '../api/rooms.js';
import type { KnownPeers } from '../known-peers.js';
import type { OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';
import { sentInvitation } from './sent-invitation.js';
import { memberView, type RoomViews } from './room-view.js';

export interface MembersDeps {
  readonly store: Pick<Store, 'read'>;
  readonly views: RoomViews;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly knownPeers: Pick<KnownPeers, 'meet'>;
}

/** Who comes and goes. Each act is one `.member` entry, written in the actor's own name. */
export class Members implements MembersApi {
  constructor(private readonly deps: MembersDeps) {}

  async list(caller: Caller, roomId: RoomId, page: PageRequest): Promise<Page<MemberView>> {
    const room = await this.deps.views.one(caller, roomId);
    if (room.membership !== 'join' && room.membership !== 'invite') throw new GatewayError('SW_NOT_MEMBER', roomId);
    const rows = await this.deps.store.read(caller.ctx, ({ members }) => members.list(caller.ctx, roomId, page));
    return { items: rows.map(memberView), total: rows[0]?.total ?? 0 };
  }

  async join(caller: Caller, room: RoomId): Promise<MembershipView> {
    const joined = await outcomeOf(this.#move(caller, room, self(caller), 'join', null));
    if (!(joined instanceof GatewayError)) return joined;
    // Clients repeat their calls; who is in already has what they ask for.
    const { ctx, participantId } = caller;
    const standing = await this.deps.store.read(ctx, ({ members }) => members.find(ctx, room, participantId));
    if (standing?.membership !== 'join') throw joined;
    return { room_id: room, participant_id: participantId, membership: 'join' };
  }

  async rejoin(caller: Caller, room: RoomId): Promise<MembershipView> {
    return this.join(caller, room);
  }

  async leave(caller: Caller, room: RoomId, reason: string | null): Promise<MembershipView> {
    return this.#move(caller, room, self(caller), 'leave', reason);
  }

  async invite(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<InvitationView> {
    const whom = await this.#whom(caller, person);
    const { fqid } = whom;
    if (serverOf(fqid) !== caller.ctx.serverName) await this.deps.knownPeers.meet(caller.ctx, serverOf(fqid));
    const { at } = await this.#write(caller, room, EVENT_TYPES.member, memberContent(fqid, 'invite', reason), whom.id);
    const view = await this.deps.views.one(caller, room);
    const id = invitationIdOf(caller.ctx.tenantId, parseLogName(view.room_alias), fqid);
    return sentInvitation(view, { id, at, inviter: caller.fqid, invitee: fqid, reason });
  }

  async kick(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<MembershipView> {
    return this.#move(caller, room, await this.#other(caller, person), 'leave', reason);
  }

  async ban(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<MembershipView> {
    return this.#move(caller, room, await this.#other(caller, person), 'ban', reason);
  }

  async unban(caller: Caller, room: RoomId, person: PersonRef, reason: string | null): Promise<MembershipView> {
    return this.#move(caller, room, await this.#other(caller, person), 'leave', reason);
  }

  async setPower(caller: Caller, roomId: RoomId, participant: ParticipantId, power: number): Promise<MemberView> {
    const { fqid: target } = await this.#whom(caller, { participantId: participant });
    await this.#write(caller, roomId, EVENT_TYPES.powerLevels, { target, power_level: power });
    const row = await this.deps.store.read(caller.ctx, ({ members }) => members.one(caller.ctx, roomId, participant));
    if (row === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', participant);
    return memberView(row);
  }

  async #move(caller: Caller, room: RoomId, { fqid, id }: Whom, membership: Membership, reason: string | null): Promise<MembershipView> {
    const profile = await this.#profile(caller, fqid, membership);
    await this.#write(caller, room, EVENT_TYPES.member, { ...memberContent(fqid, membership, reason), ...profile }, id);
    return { room_id: room, participant_id: id, membership };
  }

  async #write(caller: Caller, room: RoomId, type: string, content: JsonObject, about?: ParticipantId): ReturnType<PlaceEvent['run']> {
    const pen = await this.deps.ownEvents.pen(caller.ctx);
    return this.deps.placeEvent.run(caller.ctx, room, (snapshot) => ({
      proven: pen.write(snapshot, { sender: caller.fqid, type, content }),
      senderId: caller.participantId,
      ...(about === undefined ? {} : { about }),
    }));
  }

  /** A joiner says who they are, for readers elsewhere. */
  async #profile({ ctx, participantId, fqid }: Caller, target: Fqid, membership: Membership): Promise<JsonObject> {
    if (membership !== 'join' || target !== fqid) return {};
    const row = await this.deps.store.read(ctx, ({ participants }) => participants.find(ctx, participantId));
    return row === undefined ? {} : { display_name: row.display_name, avatar_url: row.avatar_url };
  }

  async #other(caller: Caller, person: PersonRef): Promise<Whom> {
    const whom = await this.#whom(caller, person);
    if (whom.fqid === caller.fqid) throw new GatewayError('SW_BAD_REQUEST', 'self', { publicDetail: 'To go yourself, leave.' });
    return whom;
  }

  /** A person of another server may be one whom nobody here has met yet. */
  async #whom({ ctx }: Caller, person: PersonRef): Promise<Whom> {
    if ('fqid' in person && serverOf(person.fqid) !== ctx.serverName) return { fqid: person.fqid, id: federatedShadowId(ctx.tenantId, person.fqid) };
    const row = await this.deps.store.read(ctx, ({ participants }): Promise<ParticipantRow | undefined> =>
      'fqid' in person ? participants.findByName(ctx, localIdOf(person.fqid), ctx.serverName) : participants.find(ctx, person.participantId),
    );
    // Whoever stands for a person behind a bridge can be named, but is no member and comes into no room.
    if (row === undefined || isBehindBridge(row)) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', 'fqid' in person ? person.fqid : person.participantId);
    return { fqid: fqidOfRow(row), id: row.participant_id };
  }
}

/** A person by both of their names. */
interface Whom {
  readonly fqid: Fqid;
  readonly id: ParticipantId;
}

function self({ fqid, participantId }: Caller): Whom {
  return { fqid, id: participantId };
}

function memberContent(target: Fqid, membership: Membership, reason: string | null): JsonObject {
  return { target, membership, ...(reason === null ? {} : { reason }) };
}
