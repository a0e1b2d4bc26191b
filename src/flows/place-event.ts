import type { AuditEntry } from '../kernel/audit.js';
import { eventIdOf } from '../kernel/derived-ids.js';
import { GatewayError, outcomeOf } from '../kernel/errors.js';
import { EVENT_TYPES, isStateType } from '../kernel/events.js';
import { targetOf, type RelatedEvent } from '../kernel/authority.js';
import type { EventId, ParticipantId, RoomId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { admitEvent } from '../admit/admit-event.js';
import type { RoomSnapshots } from '../admit/room-snapshots.js';
import type { UnreachedHome } from '../lanes/unreached-home.js';
import { relatedId, toAppendItem, type LocalView } from '../rehome/to-append-item.js';
import type { EntryRow } from '../store/repositories/entry-row.js';
import type { AppendItem, AppendOutcome } from '../store/repositories/log-items.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import { TenantMoved } from '../store/database.js';
import type { Store } from '../store/store.js';
import type { TenantDirectory } from '../store/tenant-directory.js';
import type { ProvenEvent } from '../verify/proven-event.js';
import type { Appender } from './appender.js';
import type { ChangeRoom } from './change-room.js';

/** An event that has been written: placed, or pending in a room whose home is elsewhere. */
export interface Placed {
  readonly eventId: EventId;
  readonly outcome: 'appended' | 'duplicate';
  readonly seq: number | null;
  readonly streamPosition: number;
  readonly at: number | null;
}

/** Makes the event once the room is known, so that it can name the head it was written after. */
export type Propose = (snapshot: RoomSnapshot) => Promise<Proposal> | Proposal;

export interface Proposal extends Partial<Omit<LocalView, 'senderId'>> {
  readonly proven: ProvenEvent;
  /** Of an administrator: written down with the change of the room. */
  readonly act?: AuditEntry;
  /** Absent: the member that the event names. */
  readonly senderId?: LocalView['senderId'];
}

export interface PlaceEventDeps {
  readonly store: Pick<Store, 'read'>;
  readonly tenants: Pick<TenantDirectory, 'reload'>;
  readonly snapshots: RoomSnapshots;
  readonly appender: Pick<Appender, 'append' | 'appendTogether'>;
  readonly changeRoom: Pick<ChangeRoom, 'run' | 'say'>;
  readonly unreachedHome: Pick<UnreachedHome, 'tellIfKnown'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** One event into one room's log. Whoever wrote it, and however it came, this is the way. */
export class PlaceEvent {
  constructor(private readonly deps: PlaceEventDeps) {}

  run(ctx: TenantContext, roomId: RoomId, propose: Propose): Promise<Placed> {
    const { changeRoom } = this.deps;
    return this.#persistently(ctx, roomId, (current) => this.#attempt(current, roomId, propose), (current) => changeRoom.run(current, roomId, propose));
  }

  /**
   * Messages of one room, each id once and none about another of them, in their order: none gets a place before one
   * that was sent before it. A refused one stops nobody, unless it may pass; then those after it get no outcome yet.
   * An event that is alone may be of any type.
   */
  async runInOrder(ctx: TenantContext, roomId: RoomId, events: readonly ProvenEvent[]): Promise<readonly (Placed | GatewayError)[]> {
    const [proven, ...more] = events;
    if (proven !== undefined && more.length === 0) return [await outcomeOf(this.run(ctx, roomId, () => ({ proven })))];
    const { changeRoom } = this.deps;
    return this.#persistently(ctx, roomId, (current) => this.#together(current, roomId, events), (current) => changeRoom.say(current, roomId, events));
  }

  /** Facts that keep changing under us are read under their lock, which always comes to an end. */
  async #persistently<T>(ctx: TenantContext, roomId: RoomId, attempt: (ctx: TenantContext) => Promise<T | 'stale'>, locked: (ctx: TenantContext) => Promise<T>): Promise<T> {
    let current = ctx;
    for (let made = 1; made <= LIMITS.admitAttemptsMax; made += 1) {
      const placed = await attempt(current);
      if (placed !== 'stale') return placed;
      this.deps.snapshots.forget(ctx, roomId);
      current = await this.deps.tenants.reload(ctx);
    }
    return locked(current);
  }

  async #together(ctx: TenantContext, roomId: RoomId, events: readonly ProvenEvent[]): Promise<readonly (Placed | GatewayError)[] | 'stale'> {
    const { snapshots, appender } = this.deps;
    const judged = await snapshots.judgeAll(ctx, roomId, events.map((proven) => (snapshot: RoomSnapshot) => this.#judge(ctx, snapshot, { proven })));
    return placeTogether(judged, (items) => appender.appendTogether(ctx, items));
  }

  async #attempt(ctx: TenantContext, roomId: RoomId, propose: Propose): Promise<Placed | 'stale'> {
    const judged = await this.deps.snapshots.judge(ctx, roomId, async (snapshot) => {
      const proposal = await propose(snapshot);
      if (snapshot.room.phase === 'hosted' && changesRoom(proposal.proven)) return 'by changing the room';
      return this.#judge(ctx, snapshot, proposal);
    });
    if (judged === 'by changing the room') return this.deps.changeRoom.run(ctx, roomId, propose);
    const placed = placedOf(judged.eventId, await this.deps.appender.append(ctx, judged));
    if (placed !== 'stale' && placed.seq === null) await this.deps.unreachedHome.tellIfKnown(ctx, roomId);
    return placed;
  }

  #judge(ctx: TenantContext, snapshot: RoomSnapshot, proposal: Proposal): Promise<AppendItem> {
    const find: FindEntry = (roomId, id) => this.deps.store.read(ctx, ({ log }) => log.find(ctx, roomId, id));
    return judgeMessage(ctx, snapshot, proposal, find, this.deps.clock.nowMs());
  }
}

type FindEntry = (roomId: RoomId, id: EventId) => Promise<EntryRow | undefined>;

/** By the facts of the snapshot and what the event is about. Throws the code of a refusal. */
export async function judgeMessage(ctx: TenantContext, snapshot: RoomSnapshot, proposal: Proposal, find: FindEntry, nowMs: number): Promise<AppendItem> {
  const { event } = proposal.proven;
  const id = event.relates_to?.rel === 'reply' ? null : relatedId(ctx, event);
  const related = id === null ? undefined : relatedOf(await find(snapshot.room.room_id, id));
  return toAppendItem(ctx, snapshot, admitEvent(ctx, snapshot, proposal.proven, related, nowMs), viewOf(snapshot, proposal));
}

/** In one write. Stale as a whole if the facts have changed: then nothing of it was written. */
export async function placeTogether(
  judged: readonly (AppendItem | GatewayError)[],
  append: (items: readonly AppendItem[]) => Promise<readonly AppendOutcome[]>,
): Promise<readonly (Placed | GatewayError)[] | 'stale'> {
  const wait = judged.findIndex((one) => one instanceof GatewayError && one.retryable);
  const settled = wait === -1 ? judged : judged.slice(0, wait + 1);
  const items = settled.flatMap((one) => (one instanceof GatewayError ? [] : [one]));
  const outcomes = items.length === 0 ? [] : [...(await append(items))];
  const placed: (Placed | GatewayError)[] = [];
  for (const one of settled) {
    const now = one instanceof GatewayError ? one : await outcomeOf((async () => placedOf(one.eventId, outcomes.shift() ?? { outcome: 'stale' }))());
    if (now === 'stale') return 'stale';
    placed.push(now);
  }
  return placed;
}

/** State is written under the room's lock, and so is what erases. */
function changesRoom({ event }: ProvenEvent): boolean {
  return isStateType(event.type) || event.type === EVENT_TYPES.redaction;
}

export function relatedOf(row: EntryRow | undefined): RelatedEvent | undefined {
  if (row === undefined || row.state === 'refused') return undefined;
  return { type: row.event_type, sender: row.sender, at: row.at ?? row.created_at, erased: row.redacted_by !== null };
}

export function viewOf(snapshot: RoomSnapshot, proposal: Proposal): LocalView {
  const { proven, act: _act, ...view } = proposal;
  const senderId = proposal.senderId ?? snapshot.members.get(proven.event.sender)?.participantId;
  if (senderId === undefined) throw new GatewayError('SW_NOT_MEMBER', proven.event.sender);
  return { about: aboutOf(snapshot, proven, senderId), ...view, senderId };
}

/** The person a `.member` event is about, as far as the room knows them. */
function aboutOf({ members }: RoomSnapshot, { event }: ProvenEvent, senderId: ParticipantId | null): ParticipantId | undefined {
  const target = event.type === EVENT_TYPES.member ? targetOf(event) : undefined;
  if (target === event.sender) return senderId ?? undefined;
  return target === undefined ? undefined : members.get(target)?.participantId;
}

/** Throws the code of an outcome that is none. */
export function placedOf(eventId: EventId, outcome: AppendOutcome): Placed | 'stale' {
  switch (outcome.outcome) {
    case 'appended':
    case 'duplicate':
      return { eventId, outcome: outcome.outcome, seq: outcome.seq, streamPosition: outcome.streamPosition, at: outcome.at };
    case 'conflict':
      throw new GatewayError('SW_EVENT_CONFLICT', eventId);
    case 'full':
      throw new GatewayError('SW_FED_SUBMISSIONS_FULL', eventId, { retryAfterSeconds: 60 });
    case 'stale':
      return 'stale';
  }
}

/** Of entries whose room is locked: these can only have been overtaken by a change of the tenant. */
export function unlessMoved<T>(placed: T | 'stale'): T {
  if (placed === 'stale') throw new TenantMoved();
  return placed;
}

export function localEventId(ctx: TenantContext, { event }: ProvenEvent): EventId {
  return eventIdOf(ctx.tenantId, event.origin, event.id);
}
