import { EVENT_TYPES, isStateType } from '../../kernel/events.js';
import type { Fqid, ParticipantId } from '../../kernel/ids.js';
import type { Clock } from '../../kernel/ports.js';
import { admitEntry, mirrorBytesMax } from '../../admit/admit-entry.js';
import type { RoomSnapshots } from '../../admit/room-snapshots.js';
import { toRunItem } from '../../rehome/to-run-item.js';
import type { RoomSnapshot } from '../../store/repositories/rooms.repository.js';
import type { Store } from '../../store/store.js';
import type { ProvenRun } from '../../verify/proven-run.js';
import { withheldPlaces, type StoredRun } from './stored-run.js';
import type { RunSource } from './take-run.js';

export interface AppendTalkDeps {
  readonly store: Pick<Store, 'appendRun'>;
  readonly snapshots: Pick<RoomSnapshots, 'goOn'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const NOBODY: ReadonlyMap<Fqid, ParticipantId> = new Map();

/**
 * The usual run changes nothing but the log. Like a message it is judged by the facts that are remembered, and written in
 * one call, which takes nothing that was judged under another epoch or that is not wholly new.
 */
export class AppendTalk {
  constructor(private readonly deps: AppendTalkDeps) {}

  /** Undefined: it must be looked at more closely, and nothing was written. */
  async run({ ctx, policy }: Pick<RunSource, 'ctx' | 'policy'>, snapshot: RoomSnapshot, run: ProvenRun): Promise<StoredRun | undefined> {
    const { folded, entries, firstSeq, prevHash } = run;
    const { room_id: roomId, epoch } = snapshot.room;
    const standing = { ctx, policy, usage: undefined };
    const items = entries.map((entry, index) => toRunItem(ctx, snapshot, admitEntry(standing, entry), folded.hashes[index] ?? folded.hash, NOBODY));
    const judged = { epoch, mirrorBytesMax: mirrorBytesMax(ctx), roomId, nowMs: this.deps.clock.nowMs(), firstSeq, prevHash, items };
    const last = items.at(-1);
    if (last === undefined || !(await this.deps.store.appendRun(ctx, judged))) return undefined;
    this.deps.snapshots.goOn(ctx, snapshot, { head_seq: folded.lastSeq, head_at: last.at, head_hash: folded.hash });
    return { status: 'stored', withheld: withheldPlaces(items, firstSeq, []) };
  }
}

/** Nothing in it is applied or claimed: no state, no erasure. What is told twice is withheld where it is written. */
export function isTalk({ entries }: Pick<ProvenRun, 'entries'>): boolean {
  return entries.every(({ entry }) => {
    if (entry.form === 'event') return !isStateType(entry.event.event.type) && entry.event.event.type !== EVENT_TYPES.redaction;
    return entry.form !== 'erased';
  });
}
