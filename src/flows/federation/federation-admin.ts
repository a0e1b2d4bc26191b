import { hash } from 'node:crypto';
import { actBy, type AuditEntry } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { voiceOf } from '../../kernel/authority.js';
import { GatewayError } from '../../kernel/errors.js';
import { EVENT_TYPES, type RoomType } from '../../kernel/events.js';
import { acceptsPeer, policyOf, type FederationPolicy } from '../../kernel/federation-policy.js';
import { parseServerName, serverOf, type Fqid, type ParticipantId, type RoomId, type ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { peerConsumerId } from '../../lanes/peer-lane.js';
import type { OwnDescriptor } from '../../peering/own-descriptor.js';
import type { PeerDirectory } from '../../peering/peer-directory.js';
import { parsePublicKeyText } from '../../protocol/keys.js';
import { invitationIdOf } from '../../kernel/derived-ids.js';
import type { ConsumersRepository } from '../../store/repositories/consumers.repository.js';
import type { PeerRow } from '../../store/repositories/peers.repository.js';
import type { RejectionRow } from '../../store/repositories/rejections.repository.js';
import type { Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import type {
  BackfillView, FederationAdminApi, FederationPolicyChange, FederationPolicyView, IdentityView, PeerView, RejectionView, RoomFederationView,
} from '../api/federation-admin.js';
import type { InvitationView } from '../api/invitations.js';
import type { Page, PageRequest } from '../api/page.js';
import type { ParticipantView } from '../api/participants.js';
import type { RoomView } from '../api/rooms.js';
import { iso } from '../event-view.js';
import type { KnownPeers } from '../known-peers.js';
import type { OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';
import { sentInvitation } from '../rooms/sent-invitation.js';
import type { RoomViews } from '../rooms/room-view.js';
import type { DismissPeers } from './dismiss-peers.js';
import type { LeaveFrozen } from './leave-frozen.js';
import type { PullBackfill } from './pull-backfill.js';
import type { RefreshProfile } from './refresh-profile.js';
import { policyDifference } from './policy-difference.js';
import { roomFederation } from './room-federation.js';

export interface FederationAdminDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly tenants: Pick<TenantDirectory, 'byId' | 'reload'>;
  readonly ownDescriptor: Pick<OwnDescriptor, 'of'>;
  readonly directory: Pick<PeerDirectory, 'pin' | 'fingerprint' | 'meetInBackground'>;
  readonly knownPeers: Pick<KnownPeers, 'meet'>;
  readonly ownEvents: Pick<OwnEvents, 'pen'>;
  readonly placeEvent: Pick<PlaceEvent, 'run'>;
  readonly views: RoomViews;
  readonly dismissPeers: Pick<DismissPeers, 'fromRoom' | 'notAccepted'>;
  readonly pullBackfill: Pick<PullBackfill, 'run'>;
  readonly leaveFrozen: Pick<LeaveFrozen, 'run'>;
  readonly refreshProfile: Pick<RefreshProfile, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Rooms that no administrator opens to other servers; a room of two is federated from its beginning, by those who are in it. */
const UNFEDERATED: ReadonlySet<string> = new Set<RoomType>(['incognito', 'sidekick', 'dm']);

/** Whom a tenant deals with, and what came of it. */
export class FederationAdmin implements FederationAdminApi {
  constructor(private readonly deps: FederationAdminDeps) {}

  async identity({ ctx }: Caller): Promise<IdentityView> {
    const descriptor = await this.deps.ownDescriptor.of(ctx);
    const current = descriptor.keys.at(-1);
    if (current === undefined) throw new GatewayError('SW_UNAVAILABLE', 'no signing key');
    return {
      server_name: ctx.serverName,
      key_id: current.id,
      public_key: descriptor.public_key,
      fingerprint: hash('sha256', parsePublicKeyText(descriptor.public_key), 'hex'),
      protocol_versions: descriptor.protocol_versions,
      not_after: iso(current.not_after),
    };
  }

  async peers({ ctx }: Caller, page: PageRequest): Promise<Page<PeerView>> {
    const { rows, lanes } = await this.deps.store.read(ctx, async ({ peers, consumers }) => ({ rows: await peers.list(ctx), lanes: await consumers.list(ctx, 'peer') }));
    const byId = new Map(lanes.map((lane) => [lane.consumer_id, lane]));
    const shown = rows.slice(page.offset, page.offset + page.limit);
    const items = await Promise.all(shown.map((row) => this.#peer(ctx, row, byId.get(peerConsumerId(row.server_name)))));
    return { items, total: rows.length };
  }

  async pinPeer(caller: Caller, server: ServerName, fingerprint: string): Promise<PeerView> {
    const { ctx } = caller;
    await this.deps.directory.pin(ctx, server, fingerprint, actBy(caller, 'federation.peer_pinned', server, { fingerprint }));
    const row = await this.deps.store.transact(ctx, async ({ peers, consumers }) => {
      await consumers.hasten(ctx, peerConsumerId(server));
      return peers.find(ctx, server);
    });
    if (row === undefined) throw new GatewayError('SW_NOT_FOUND', server);
    return this.#peer(ctx, row, undefined);
  }

  async policy({ ctx }: Caller): Promise<FederationPolicyView> {
    return (await this.deps.tenants.byId(ctx)).policy;
  }

  /**
   * From the commit on nobody of a server that is no longer accepted comes in; those inside are then put out, room by room,
   * and the entries still reach them. The same change again puts out whoever was left when that was cut off.
   */
  async changePolicy(caller: Caller, change: FederationPolicyChange): Promise<FederationPolicyView> {
    const { ctx } = caller;
    const { before, after } = await this.#decide(caller, change);
    await this.deps.tenants.reload(ctx);
    await this.deps.dismissPeers.notAccepted(ctx, after);
    for (const server of newlyNamed(before, after)) this.deps.directory.meetInBackground(ctx, server);
    return after;
  }

  #decide(caller: Caller, change: FederationPolicyChange): Promise<{ readonly before: FederationPolicy; readonly after: FederationPolicy }> {
    const { ctx } = caller;
    return this.deps.store.transact(ctx, async ({ tenants, audit }) => {
      const loaded = await tenants.lock(ctx);
      if (loaded === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', ctx.slug);
      const before = policyOf(loaded.policy);
      const after = merged(before, change);
      const changed = policyDifference(before, after);
      if (Object.keys(changed).length === 0) return { before, after: before };
      await tenants.setPolicy(ctx, after);
      await audit.append(ctx, actBy(caller, 'federation.policy_changed', null, changed));
      return { before, after };
    });
  }

  async rejections({ ctx }: Caller, page: PageRequest): Promise<Page<RejectionView>> {
    return this.deps.store.read(ctx, async ({ rejections }) => ({
      items: (await rejections.list(ctx, page.limit, page.offset)).map(rejectionView),
      total: await rejections.count(ctx),
    }));
  }

  async refreshForeign(caller: Caller, participant: ParticipantId): Promise<ParticipantView> {
    return this.deps.refreshProfile.run(caller, participant);
  }

  async roomFederation(caller: Caller, room: RoomId): Promise<RoomFederationView> {
    return roomFederation(this.deps.store, caller, room);
  }

  async federateRoom(caller: Caller, room: RoomId, enabled: boolean): Promise<RoomView> {
    const { ctx } = caller;
    const view = await this.deps.views.one(caller, room);
    if (view.home !== ctx.serverName) throw new GatewayError('SW_ROOM_FORBIDDEN', 'not the home');
    if (enabled && (UNFEDERATED.has(view.room_type) || view.visibility === 'restricted')) throw new GatewayError('SW_ROOM_TYPE_INVARIANT', room);
    if (!enabled) await this.deps.dismissPeers.fromRoom(ctx, room);
    if (view.federated !== enabled) {
      await this.#voice(ctx, room, EVENT_TYPES.federation, { enabled }, actBy(caller, enabled ? 'room.federated' : 'room.unfederated', room));
    }
    return this.deps.views.one(caller, room);
  }

  async inviteForeign(caller: Caller, room: RoomId, person: Fqid, reason: string | null): Promise<InvitationView> {
    const { ctx } = caller;
    const server = serverOf(person);
    if (server === ctx.serverName) throw new GatewayError('SW_BAD_REQUEST', 'not foreign', { publicDetail: 'This person is of your own server.' });
    const view = await this.deps.views.one(caller, room);
    if (view.home !== ctx.serverName) throw new GatewayError('SW_ROOM_FORBIDDEN', 'not the home');
    if (view.room_type === 'dm') throw new GatewayError('SW_ROOM_TYPE_INVARIANT', room);
    if (!view.federated) throw new GatewayError('SW_FED_ROOM_NOT_FEDERATED', room);
    await this.deps.knownPeers.meet(ctx, server);
    const placed = await this.#voice(ctx, room, EVENT_TYPES.member, { target: person, membership: 'invite', ...(reason === null ? {} : { reason }) }, actBy(caller, 'room.foreign_invited', room, { fqid: person }));
    const id = invitationIdOf(ctx.tenantId, view.room_alias as Parameters<typeof invitationIdOf>[1], person);
    return sentInvitation(await this.deps.views.one(caller, room), { id, at: placed.at, inviter: voiceOf(ctx.serverName), invitee: person, reason });
  }

  async backfillRoom(caller: Caller, room: RoomId, limit: number): Promise<BackfillView> {
    return this.deps.pullBackfill.run(caller, room, limit);
  }

  async leaveFrozen(caller: Caller, room: RoomId): Promise<RoomFederationView> {
    await this.deps.leaveFrozen.run(caller, room);
    return this.roomFederation(caller, room);
  }

  async #peer(ctx: TenantContext, row: PeerRow, lane: PeerConsumer | undefined): Promise<PeerView> {
    return {
      server_name: row.server_name,
      state: row.trust === 'frozen' ? 'frozen' : 'active',
      fingerprint: (await this.deps.directory.fingerprint(ctx, row.server_name)) ?? null,
      first_seen: iso(row.first_seen),
      last_seen: isoOrNull(row.last_seen),
      last_error: lane?.last_error ?? row.last_error,
      last_error_at: isoOrNull(row.last_error_at),
      attempts: lane?.attempts ?? 0,
      next_attempt_at: isoOrNull(lane?.next_attempt_at ?? null),
    };
  }

  async #voice(ctx: TenantContext, room: RoomId, type: string, content: { readonly [key: string]: string | boolean }, act: AuditEntry): ReturnType<PlaceEvent['run']> {
    const pen = await this.deps.ownEvents.pen(ctx);
    return this.deps.placeEvent.run(ctx, room, (snapshot) => ({ proven: pen.write(snapshot, { sender: voiceOf(ctx.serverName), type, content }), act }));
  }
}

type PeerConsumer = Awaited<ReturnType<ConsumersRepository['list']>>[number];

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

function merged(before: FederationPolicy, change: FederationPolicyChange): FederationPolicy {
  return {
    default_mode: change.defaultMode ?? before.default_mode,
    allowed_peers: (change.allowedPeers ?? before.allowed_peers).map(parseServerName),
    denied_peers: (change.deniedPeers ?? before.denied_peers).map(parseServerName),
    max_foreign_participants_per_room: change.maxForeignParticipantsPerRoom ?? before.max_foreign_participants_per_room,
    max_backfill_events_per_request: Math.min(change.maxBackfillEventsPerRequest ?? before.max_backfill_events_per_request, LIMITS.backfillMax),
  };
}

/** Of very long lists the first ones; the others are met when one of the two speaks. */
function newlyNamed(before: FederationPolicy, after: FederationPolicy): readonly ServerName[] {
  const named = after.allowed_peers.filter((server) => !before.allowed_peers.includes(server) && acceptsPeer(after, server));
  return named.slice(0, LIMITS.peersMetAtOnceMax);
}

function rejectionView(row: RejectionRow): RejectionView {
  return { id: row.rejection_id, at: iso(row.created_at), server_name: row.server_name, code: row.code, room_id: row.room, event_id: row.event_hash?.toString('hex') ?? null };
}

