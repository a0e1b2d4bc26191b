import type { Caller } from '../kernel/caller.js';
import { invitationIdOf } from '../kernel/derived-ids.js';
import { GatewayError } from '../kernel/errors.js';
import { EVENT_TYPES } from '../kernel/events.js';
import { parseRoomId, serverOf, type InvitationId, type RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Randomness, Wake } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { admitEvent } from '../admit/admit-event.js';
import { countRoom } from '../admit/count-room.js';
import type { RoomSnapshots } from '../admit/room-snapshots.js';
import { genesis } from '../protocol/chain.js';
import { toAppendItem } from '../rehome/to-append-item.js';
import type { InvitationRow, OpenInvitationRow } from '../store/repositories/invitations.repository.js';
import type { RoomRow } from '../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../store/store.js';
import type { InvitationsApi, InvitationView } from './api/invitations.js';
import type { Page, PageRequest } from './api/page.js';
import { currentTenant } from './current-tenant.js';
import { iso } from './event-view.js';
import type { OwnEvents, Pen } from './own-events.js';
import type { Members } from './rooms/members.js';
import { placedOf, unlessMoved } from './place-event.js';
import { peerConsumerId } from '../lanes/peer-lane.js';

export interface InvitationsDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly members: Pick<Members, 'join' | 'leave'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly snapshots: Pick<RoomSnapshots, 'forget'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
  readonly wake: Pick<Wake, 'hint'>;
}

/**
 * What a person is invited to: rooms of this tenant, and rooms whose home is elsewhere, of which nothing is here yet.
 * Saying yes to those is recorded here and asked of the home; nothing is taken for granted until it answers.
 */
export class Invitations implements InvitationsApi {
  constructor(private readonly deps: InvitationsDeps) {}

  async list(caller: Caller, page: PageRequest): Promise<Page<InvitationView>> {
    const { ctx, participantId } = caller;
    const rows = await this.deps.store.read(ctx, ({ invitations }) => invitations.list(ctx, participantId, page));
    return { items: rows.map((row) => openView(caller, row)), total: rows[0]?.total ?? 0 };
  }

  async accept(caller: Caller, id: InvitationId): Promise<InvitationView> {
    const here = await this.#here(caller, id);
    if (here !== undefined) await this.deps.members.join(caller, here.roomId);
    if (here !== undefined) return { ...here.view, state: here.view.foreign_origin === null ? 'accepted' : 'joining' };
    const view = await this.#acceptElsewhere(caller, id);
    this.deps.wake.hint({ kind: 'log', tenantId: caller.ctx.tenantId });
    return view;
  }

  async decline(caller: Caller, id: InvitationId): Promise<InvitationView> {
    const here = await this.#here(caller, id);
    if (here !== undefined) await this.deps.members.leave(caller, here.roomId, null);
    if (here !== undefined) return { ...here.view, state: 'declined' };
    const view = await this.#declineElsewhere(caller, id);
    this.deps.wake.hint({ kind: 'due', tenantId: caller.ctx.tenantId });
    return view;
  }

  /** The id is cut from the room's name and the person's, so the room is looked for among those that they are invited to. */
  async #here(caller: Caller, id: InvitationId): Promise<{ readonly roomId: RoomId; readonly view: InvitationView } | undefined> {
    const { ctx, participantId, fqid } = caller;
    return this.deps.store.read(ctx, async ({ invitations }) => {
      for (let after: RoomId | null = null; ; ) {
        const rooms: Awaited<ReturnType<typeof invitations.roomsHere>> = await invitations.roomsHere(ctx, participantId, after, LIMITS.listPageMax);
        const room = rooms.find(({ log_name }) => invitationIdOf(ctx.tenantId, log_name, fqid) === id);
        const row = room && (await invitations.here(ctx, participantId, room.room_id));
        if (room !== undefined) return row && { roomId: room.room_id, view: openView(caller, row) };
        if (rooms.length < LIMITS.listPageMax) return undefined;
        after = rooms.at(-1)?.room_id ?? null;
      }
    });
  }

  /** One transaction: the yes, the room that waits for its home (it counts from here), and the signed join. */
  async #acceptElsewhere(caller: Caller, id: InvitationId): Promise<InvitationView> {
    const { fqid, participantId } = caller;
    const pen = await this.deps.ownEvents.pen(caller.ctx);
    const { view, roomId } = await this.deps.store.transact(caller.ctx, async (repositories) => {
      const ctx = await currentTenant(caller.ctx, repositories);
      const invitation = await openInvitation(caller, repositories, id);
      const person = await repositories.participants.find(ctx, participantId);
      const room = await this.#joiningRoom(ctx, repositories, invitation);
      await repositories.members.set(ctx, {
        roomId: room.room_id, participantId, fqid, server: ctx.serverName, membership: 'invite', invitedBy: invitation.inviter, atMs: invitation.created_at, seq: 0,
      });
      const snapshot = await repositories.rooms.withMembers(ctx, room);
      const content = { target: fqid, membership: 'join', display_name: person?.display_name ?? '', avatar_url: person?.avatar_url ?? null };
      const proven = pen.write(snapshot, { sender: fqid, type: EVENT_TYPES.member, content });
      const admitted = admitEvent(ctx, snapshot, proven, undefined, this.deps.clock.nowMs());
      await repositories.invitations.change(ctx, id, { status: 'accepted', reason: null });
      const item = toAppendItem(ctx, snapshot, admitted, { senderId: participantId, about: participantId });
      const [outcome] = await repositories.log.append(ctx, [item], this.deps.clock.nowMs(), LIMITS.submissionsPerRoomMax);
      unlessMoved(placedOf(item.eventId, outcome ?? { outcome: 'stale' }));
      return { roomId: room.room_id, view: elsewhereView(caller, { ...invitation, status: 'accepted' }, { ...room, phase: 'joining' }) };
    });
    this.deps.snapshots.forget(caller.ctx, roomId);
    return view;
  }

  async #joiningRoom(ctx: TenantContext, { rooms, usage, consumers, lanes }: Repositories, invitation: InvitationRow): Promise<RoomRow> {
    const known = await rooms.findByLog(ctx, invitation.log_name);
    const made = known === undefined && (await rooms.createUnlessHeld(ctx, this.#newMirror(invitation)));
    // Whom somebody else's yes came before waited for it to be written, and finds their room.
    const held = known ?? (await rooms.findByLog(ctx, invitation.log_name));
    const locked = held && (await rooms.lock(ctx, held.room_id));
    if (locked === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', invitation.log_name);
    const roomId = locked.room_id;
    const begins = made || locked.phase === 'left' || locked.phase === 'refused';
    if (begins) await countRoom(ctx, { usage }, made ? undefined : locked, { phase: 'joining', state: 'open' });
    if (begins) await rooms.change(ctx, roomId, { phase: 'joining', frozen: null, frozen_proof: null, frozen_own_proof: null, state: 'open' });
    const consumer = peerConsumerId(invitation.home);
    await consumers.ensure(ctx, consumer, 'peer');
    await lanes.open(ctx, { room_id: roomId, consumer_id: consumer, mode: 'submit', cursor: 0 });
    return (await rooms.lock(ctx, roomId)) ?? locked;
  }

  #newMirror({ log_name, home, facts, inviter }: InvitationRow): Parameters<Repositories['rooms']['create']>[1] {
    return {
      room_id: parseRoomId(`room-${this.deps.randomness.uuid()}`), log_name, home, phase: 'joining', room_type: facts.type, visibility: 'private', history: 'invite',
      name: facts.name, topic: facts.topic, creator: inviter, federated: true, dm_key: null, start_seq: 0, head_seq: 0, head_hash: genesis(),
      created_at: this.deps.clock.nowMs(),
    };
  }

  /** The no is signed at once and carried to the home by its lane. */
  async #declineElsewhere(caller: Caller, id: InvitationId): Promise<InvitationView> {
    const { ctx } = caller;
    const pen = await this.deps.ownEvents.pen(ctx);
    return this.deps.store.transact(ctx, async (repositories) => {
      const invitation = await openInvitation(caller, repositories, id);
      const consumer = peerConsumerId(invitation.home);
      await repositories.consumers.ensure(ctx, consumer, 'peer');
      await repositories.invitations.change(ctx, id, { status: 'declined', decline_jws: declineOf(pen, caller, invitation), decline_state: 'pending' });
      await repositories.consumers.wake(ctx, [consumer]);
      return elsewhereView(caller, { ...invitation, status: 'declined' }, undefined);
    });
  }
}

async function openInvitation({ ctx, participantId }: Caller, { invitations }: Repositories, id: InvitationId): Promise<InvitationRow> {
  const invitation = await invitations.find(ctx, id);
  const open = invitation?.participant_id === participantId && (invitation.status === 'open' || invitation.status === 'refused');
  if (!open) throw new GatewayError('SW_INVITATION_NOT_FOUND', id);
  return invitation;
}

function declineOf(pen: Pen, { fqid }: Caller, { log_name, facts }: InvitationRow): string {
  const content = { target: fqid, membership: 'leave' };
  return pen.writeIn(log_name, facts.seen, { sender: fqid, type: EVENT_TYPES.member, content }).jws;
}

function openView({ ctx, fqid }: Caller, row: OpenInvitationRow): InvitationView {
  return {
    id: invitationIdOf(ctx.tenantId, row.log_name, fqid), room_id: row.room_id, room_alias: row.log_name, room_name: row.name, room_topic: row.topic,
    room_type: row.room_type, member_count: row.member_count, inviter: row.inviter, invitee: fqid, reason: row.reason,
    foreign_origin: row.home === ctx.serverName ? null : row.home, state: row.state, code: row.code, created_at: iso(row.at),
  };
}

function elsewhereView({ fqid }: Caller, row: InvitationRow, room: Pick<RoomRow, 'room_id' | 'phase'> | undefined): InvitationView {
  const state = row.status === 'accepted' && room?.phase === 'joining' ? 'joining' : row.status;
  return {
    id: row.invitation_id, room_id: room?.room_id ?? null, room_alias: row.log_name, room_name: row.facts.name, room_topic: row.facts.topic,
    room_type: row.facts.type, member_count: row.facts.member_count, inviter: row.inviter, invitee: fqid, reason: row.facts.reason,
    foreign_origin: serverOf(row.log_name), state, code: row.reason, created_at: iso(row.created_at),
  };
}
