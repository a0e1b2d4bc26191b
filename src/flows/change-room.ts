import { POWER, voiceOf } from '../kernel/authority.js';
import { GatewayError, outcomeOf } from '../kernel/errors.js';
import { EVENT_TYPES, isStateType } from '../kernel/events.js';
import { policyOf } from '../kernel/federation-policy.js';
import { serverOf, type ParticipantId, type RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Wake } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { admitEvent, admitFounding, type AdmittedEvent } from '../admit/admit-event.js';
import { requireFreeChannel } from '../admit/free-channel.js';
import { countRoom } from '../admit/count-room.js';
import type { RoomSnapshots } from '../admit/room-snapshots.js';
import { takePlace } from '../admit/take-place.js';
import { applyState } from '../rehome/apply-state.js';
import { participantOf } from '../rehome/shadows.js';
import { relatedId, toAppendItem } from '../rehome/to-append-item.js';
import type { AppendItem } from '../store/repositories/log-items.js';
import type { RoomChange, RoomSnapshot } from '../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../store/store.js';
import type { ProvenEvent } from '../verify/proven-event.js';
import { currentTenant } from './current-tenant.js';
import type { ErasedCopies } from './erased-copies.js';
import { judgeMessage, localEventId, placedOf, placeTogether, relatedOf, unlessMoved, type Placed, type Propose, type Proposal } from './place-event.js';
import { moveSpan } from './move-span.js';
import { serveServer } from './serve-server.js';

export interface ChangeRoomDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly snapshots: Pick<RoomSnapshots, 'forget'>;
  readonly erasedCopies: ErasedCopies;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly wake: Pick<Wake, 'hint'>;
}

type Judge = typeof admitFounding;

/**
 * The state path: one transaction, the room's lock first, facts read under it, counters moved, the entry appended, the
 * epoch raised. What was judged on the old facts anywhere is stale from here.
 */
export class ChangeRoom {
  constructor(private readonly deps: ChangeRoomDeps) {}

  async run(ctx: TenantContext, roomId: RoomId, propose: Propose): Promise<Placed> {
    const placed = await this.deps.store.transact(ctx, (repositories) => this.change(ctx, repositories, roomId, propose));
    this.done(ctx, roomId);
    return placed;
  }

  /** The same inside a transaction that does more; the caller calls {@link done} after its commit. */
  async change(ctx: TenantContext, repositories: Repositories, roomId: RoomId, propose: Propose): Promise<Placed> {
    const snapshot = await lockRoom(ctx, repositories, roomId);
    // Read after the wait for the lock, in which an administrator may have changed the rules.
    return this.#write(await currentTenant(ctx, repositories), repositories, snapshot, propose);
  }

  /** Messages, for when what they were judged by has changed each time: by the facts of a moment that lasts. */
  async say(ctx: TenantContext, roomId: RoomId, events: readonly ProvenEvent[]): Promise<readonly (Placed | GatewayError)[]> {
    const placed = await this.deps.store.transact(ctx, async (repositories) => {
      const snapshot = await lockRoom(ctx, repositories, roomId);
      const current = await currentTenant(ctx, repositories);
      const nowMs = this.deps.clock.nowMs();
      const find = repositories.log.find.bind(repositories.log, current);
      const judged: (AppendItem | GatewayError)[] = [];
      for (const proven of events) judged.push(await outcomeOf(judgeMessage(current, snapshot, { proven }, find, nowMs)));
      return unlessMoved(await placeTogether(judged, (items) => repositories.log.append(current, items, nowMs, LIMITS.submissionsPerRoomMax)));
    });
    this.done(ctx, roomId);
    return placed;
  }

  /** Entries of a new room, in the transaction that makes it. */
  async found(ctx: TenantContext, repositories: Repositories, roomId: RoomId, proposals: readonly Propose[]): Promise<void> {
    let snapshot = await lockRoom(ctx, repositories, roomId);
    for (const propose of proposals) {
      // Every founding entry is judged as the first: nobody else has seen the room yet.
      const founding: Judge = (context, { room, ...rest }, proven) => admitFounding(context, { ...rest, room: { ...room, head_seq: 0 } }, proven);
      await this.#write(ctx, repositories, snapshot, propose, founding);
      snapshot = await lockRoom(ctx, repositories, roomId);
    }
  }

  done(ctx: TenantContext, roomId: RoomId): void {
    this.deps.snapshots.forget(ctx, roomId);
    this.deps.wake.hint({ kind: 'log', tenantId: ctx.tenantId });
  }

  async #write(ctx: TenantContext, repositories: Repositories, snapshot: RoomSnapshot, propose: Propose, founding?: Judge): Promise<Placed> {
    const proposal = await propose(snapshot);
    const { proven } = proposal;
    const known = await this.#known(ctx, repositories, snapshot, proposal);
    if (known !== undefined) return known;

    const nowMs = this.deps.clock.nowMs();
    const related = relatedId(ctx, proven.event);
    const relatedRow = related === null ? undefined : await repositories.log.find(ctx, snapshot.room.room_id, related);
    const admitted = founding?.(ctx, snapshot, proven) ?? admitEvent(ctx, snapshot, proven, relatedOf(relatedRow), nowMs);
    await requireFreeChannel(ctx, repositories, snapshot, proven.event);

    const effect = isStateType(proven.event.type) ? await this.#apply(ctx, repositories, snapshot, admitted, nowMs) : undefined;
    const item = await this.#item(ctx, repositories, snapshot, admitted, { ...proposal, about: effect?.about }, nowMs);
    const [outcome] = await repositories.log.append(ctx, [item], nowMs, LIMITS.submissionsPerRoomMax);
    const placed = unlessMoved(placedOf(item.eventId, outcome ?? { outcome: 'stale' }));

    await effect?.afterAppend(placed);
    if (proposal.act !== undefined) await repositories.audit.append(ctx, proposal.act);
    if (proven.event.type === EVENT_TYPES.redaction && related !== null && placed.seq !== null) {
      await this.deps.erasedCopies.erase(ctx, repositories, snapshot.room.room_id, related, placed.seq);
      // An edit that was judged while the message was still there would bring its words back.
      await repositories.rooms.change(ctx, snapshot.room.room_id, {});
    }
    return placed;
  }

  /** A repeat has no second effect; it gets the first answer. Exact, because the room is locked. */
  async #known(ctx: TenantContext, { log }: Repositories, { room }: RoomSnapshot, proposal: Proposal): Promise<Placed | undefined> {
    const [row] = await log.findMany(ctx, [localEventId(ctx, proposal.proven)]);
    if (row === undefined) return undefined;
    const same = row.room_id === room.room_id && row.dedupe_hash.equals(proposal.dedupeHash ?? proposal.proven.eventHash);
    if (!same) throw new GatewayError('SW_EVENT_CONFLICT', row.event_id);
    return { eventId: row.event_id, outcome: 'duplicate', seq: row.seq, streamPosition: row.stream_position, at: row.at };
  }

  async #apply(ctx: TenantContext, repositories: Repositories, snapshot: RoomSnapshot, admitted: AdmittedEvent, nowMs: number): Promise<Effect> {
    const { room } = snapshot;
    const { event } = admitted.proven;
    const seq = room.head_seq + 1;
    const { facts, membership } = await applyState(ctx, repositories, room, { event, seq, at: Math.max(room.head_at, nowMs) }, nowMs);
    const change: RoomChange = facts;
    if (membership === undefined) {
      await countRoom(ctx, repositories, room, { ...room, ...change });
      return { afterAppend: () => repositories.rooms.change(ctx, room.room_id, change) };
    }
    const foreign = serverOf(membership.fqid) !== ctx.serverName;
    const standing = snapshot.members.get(membership.fqid);
    const by = { fqid: event.sender, power: snapshot.members.get(event.sender)?.power ?? POWER.member };
    const step = { room, before: standing?.membership, foreign, person: membership.person, fqid: membership.fqid, after: membership.after, by };
    const tenant = await repositories.tenants.load(ctx);
    await takePlace(ctx, repositories, policyOf(tenant?.policy ?? {}), step);
    if (foreign) await serveServer(ctx, repositories, { ...step, seq, beforeSeq: standing?.changedSeq });
    return {
      about: membership.person,
      afterAppend: async (placed) => {
        await repositories.rooms.change(ctx, room.room_id, change);
        if (!foreign) await moveSpan(ctx, repositories, { ...step, beforeSeq: standing?.changedSeq }, placed.streamPosition);
      },
    };
  }

  /** A joiner and a founder are not in the snapshot yet; a home's own voice is nobody. */
  async #item(ctx: TenantContext, repositories: Repositories, snapshot: RoomSnapshot, admitted: AdmittedEvent, proposal: Proposal, nowMs: number): Promise<AppendItem> {
    const { proven: _proven, act: _act, ...view } = proposal;
    const { sender } = admitted.proven.event;
    const known = proposal.senderId ?? snapshot.members.get(sender)?.participantId;
    const isVoice = sender === voiceOf(ctx.serverName);
    const senderId = known ?? (isVoice ? null : await participantOf(ctx, repositories, sender, {}, nowMs));
    return toAppendItem(ctx, snapshot, admitted, { ...view, senderId });
  }
}

interface Effect {
  readonly about?: ParticipantId;
  /** What can only be known once the entry has its stream position. */
  afterAppend(placed: Placed): Promise<void>;
}

async function lockRoom(ctx: TenantContext, { rooms }: Repositories, roomId: RoomId): Promise<RoomSnapshot> {
  const room = await rooms.lock(ctx, roomId);
  if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
  return rooms.withMembers(ctx, room);
}
