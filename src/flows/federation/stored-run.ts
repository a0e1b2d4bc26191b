import type { WithheldPlace } from '../../protocol/send-answer.js';
import type { RunItem, RunOutcome } from '../../store/repositories/log-items.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { ProvenRun } from '../../verify/proven-run.js';

export type StoredRun =
  | { readonly status: 'stored'; readonly withheld: readonly WithheldPlace[] }
  /** The run ends where nothing of the log is held; what is held reaches to this head. */
  | { readonly status: 'unheld'; readonly head: Pick<RoomRow, 'head_seq' | 'head_hash'> }
  | { readonly status: 'gap'; readonly have_seq: number };

/** The log that a run tells parts ways with what is held here, or with itself. Nothing of it is written. */
export class Fork extends Error {
  constructor(
    /** The last place held here, or the one of which two things are said. */
    readonly seq: number,
  ) {
    super('fork');
  }
}

/** What became of a run, with the places whose content is not kept. Throws a `Fork`. */
export function storedRun({ firstSeq }: Pick<ProvenRun, 'firstSeq'>, items: readonly RunItem[], { outcome, haveSeq, conflicts }: RunOutcome): StoredRun {
  if (outcome === 'gap') return { status: 'gap', have_seq: haveSeq };
  if (outcome === 'fork') throw new Fork(haveSeq);
  return { status: 'stored', withheld: withheldPlaces(items, firstSeq, conflicts) };
}

/** `conflicts`: 1-based items whose id was already another event's. */
export function withheldPlaces(items: readonly RunItem[], firstSeq: number, conflicts: readonly number[]): readonly WithheldPlace[] {
  return items.flatMap((item, index) => {
    const code = conflicts.includes(index + 1) ? 'SW_FED_EVENT_CONFLICT' : item.state === 'withheld' ? (item.reason ?? 'SW_INTERNAL') : undefined;
    return code === undefined ? [] : [{ seq: firstSeq + index, code }];
  });
}
