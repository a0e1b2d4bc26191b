import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import { EVENT_TYPES, isStateType, type Membership } from '../../kernel/events.js';
import { serverOf, type Fqid, type ParticipantId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { countRoom } from '../../admit/count-room.js';
import { withhold, type AdmittedEntry, type EntryStanding } from '../../admit/admit-entry.js';
import { concernsNobody } from '../../admit/concerns-nobody.js';
import { applyState, type MembershipEffect } from '../../rehome/apply-state.js';
import { relatedId } from '../../rehome/to-append-item.js';
import type { RoomChange, RoomRow, RoomSnapshot } from '../../store/repositories/rooms.repository.js';
import type { Repositories } from '../../store/store.js';
import type { ErasedCopies } from '../erased-copies.js';
import { moveSpan, type SpanStep } from '../move-span.js';

export interface AppliedRun {
  /** The entries again: one whose effect could not be had here is withheld. */
  readonly entries: readonly AdmittedEntry[];
  /** Whom the `.member` entries of the run are about. */
  readonly people: ReadonlyMap<Fqid, ParticipantId>;
  /** What can only be done once the entries have their stream positions. */
  afterAppend(positions: readonly (number | null)[]): Promise<void>;
}

/** What a run is judged by. */
type Judging = Pick<EntryStanding, 'ctx' | 'policy'>;
type Later = (positions: readonly (number | null)[]) => Promise<void>;

/** Makes true what the entries of a run change: people, facts, erasures. The room is locked. */
export class ApplyRun {
  constructor(private readonly erasedCopies: Pick<ErasedCopies, 'erase'>) {}

  async apply({ ctx, policy }: Judging, repositories: Repositories, snapshot: RoomSnapshot, entries: readonly AdmittedEntry[], nowMs: number): Promise<AppliedRun> {
    const memberships = new Map<Fqid, Standing>([...snapshot.members].map(([fqid, member]) => [fqid, { membership: member.membership, seq: member.changedSeq }]));
    const fills = await filledBy(ctx, repositories, snapshot.room, entries);
    const people = new Map<Fqid, ParticipantId>();
    const later: Later[] = [];
    const result: AdmittedEntry[] = [];
    let facts: RoomChange | undefined;
    for (const [index, one] of entries.entries()) {
      const { entry } = one;
      const isNew = entry.seq > snapshot.room.head_seq;
      const kept = entry.form === 'event' && one.withheld === undefined && (isNew || fills.has(entry.seq));
      if (kept && entry.event.event.type === EVENT_TYPES.redaction) {
        later.push(this.#erasure(ctx, repositories, snapshot, one));
        // No fact changes, but the epoch must rise: an own edit that was judged before would bring the words back.
        facts ??= {};
      }
      const applies = kept && isStateType(entry.event.event.type) && (isNew || fills.get(entry.seq) === true);
      if (!applies || (await concernsNobody(ctx, repositories, policy, entry.event.event))) {
        result.push(one);
        continue;
      }
      const applied = await outcomeOf(applyState(ctx, repositories, { ...snapshot.room, ...facts }, { event: entry.event.event, seq: entry.seq, at: entry.at }, nowMs));
      result.push(applied instanceof GatewayError ? withhold(one, applied.code) : one);
      if (applied instanceof GatewayError) continue;
      facts = { ...facts, ...applied.facts };
      if (applied.membership === undefined) continue;
      people.set(applied.membership.fqid, applied.membership.person);
      later.push(spanMove(ctx, repositories, { ...snapshot.room, ...facts }, applied.membership, memberships.get(applied.membership.fqid), index));
      memberships.set(applied.membership.fqid, { membership: applied.membership.after, seq: entry.seq });
    }
    if (facts !== undefined) await this.#change(ctx, repositories, snapshot, facts);
    return { entries: result, people, afterAppend: (positions) => inOrder(later.map((step) => () => step(positions))) };
  }

  /** A mirror in which nobody of ours is left is a memory: it no longer counts as a room. */
  async #change(ctx: TenantContext, { rooms, members, usage }: Repositories, { room }: RoomSnapshot, facts: RoomChange): Promise<void> {
    const present = await members.countOfServer(ctx, room.room_id, ctx.serverName, ['join']);
    const left = room.phase === 'mirrored' && present === 0;
    const change: RoomChange = left ? { ...facts, phase: 'left' } : facts;
    await countRoom(ctx, { usage }, room, { ...room, ...change });
    await rooms.change(ctx, room.room_id, change);
  }

  #erasure(ctx: TenantContext, repositories: Repositories, { room }: RoomSnapshot, { entry }: AdmittedEntry): Later {
    return async () => {
      const target = entry.form === 'event' ? relatedId(ctx, entry.event.event) : null;
      if (target !== null) await this.erasedCopies.erase(ctx, repositories, room.room_id, target, entry.seq);
    };
  }
}

/** Places that were withheld here and are given now, each with whether it still holds. */
async function filledBy(ctx: TenantContext, { log }: Repositories, room: RoomRow, entries: readonly AdmittedEntry[]): Promise<ReadonlyMap<number, boolean>> {
  const first = entries[0]?.entry.seq;
  if (first === undefined || first > room.head_seq) return new Map();
  return log.withheldBetween(ctx, room.room_id, first, entries.at(-1)?.entry.seq ?? first);
}

interface Standing {
  readonly membership: Membership | undefined;
  readonly seq: number;
}

function spanMove(ctx: TenantContext, repositories: Repositories, room: SpanStep['room'], effect: MembershipEffect, before: Standing | undefined, index: number): Later {
  return async (positions) => {
    const position = positions[index];
    if (serverOf(effect.fqid) !== ctx.serverName || position === null || position === undefined) return;
    await moveSpan(ctx, repositories, { room, person: effect.person, before: before?.membership, after: effect.after, beforeSeq: before?.seq }, position);
  };
}

async function inOrder(steps: readonly (() => Promise<void>)[]): Promise<void> {
  for (const step of steps) await step();
}
