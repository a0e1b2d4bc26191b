import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { parseLogName, type LogName } from '../kernel/ids.js';
import { foldRun, hashText, parseHash, type FoldedRun } from './chain.js';
import { readEntry, type Entry, type WireEntry } from './entry.js';
import { readHead, type UnverifiedHead } from './head.js';

/** A run of one log, as pushed and as backfilled. */
export interface WireRun {
  readonly room: string;
  readonly first_seq: number;
  /** Hash of the log before `first_seq`, 64 hex digits. */
  readonly prev_hash: string;
  readonly entries: readonly WireEntry[];
  /** The head at the last entry, as a JWS. */
  readonly head: string;
}

/**
 * A run that follows from `prevHash` and ends in its head. What remains: the head's signature, whether `prevHash` and
 * the time are those of the log held here, and the signatures of events of third servers.
 */
export interface UnverifiedRun {
  readonly room: LogName;
  readonly firstSeq: number;
  readonly prevHash: Buffer;
  readonly entries: readonly Entry[];
  readonly head: UnverifiedHead;
  readonly folded: FoldedRun;
}

export interface RunToWrite {
  readonly room: LogName;
  readonly firstSeq: number;
  readonly prevHash: Buffer;
  readonly entries: readonly WireEntry[];
  readonly head: string;
}

export function writeRun(run: RunToWrite): WireRun {
  const { room, firstSeq, prevHash, entries, head } = run;
  return { room, first_seq: firstSeq, prev_hash: hashText(prevHash), entries, head };
}

/** Fails as a whole only if no place, chain or head can be read; content is judged entry by entry. */
export function readRun(contract: Contract, wire: WireRun): UnverifiedRun {
  const room = parseLogName(wire.room);
  const firstSeq = wire.first_seq;
  const prevHash = parseHash(wire.prev_hash);
  const entries = wire.entries.map((entry) => readEntry(contract, room, entry));
  const folded = foldRun({ room, firstSeq, prevHash }, entries);
  const head = readHead(contract, wire.head);
  if (head.room !== room || head.seq !== folded.lastSeq || !head.hash.equals(folded.hash)) {
    throw new GatewayError('SW_FED_CHAIN_INVALID', `run to ${folded.lastSeq} does not end in its head at ${head.seq}`);
  }
  return { room, firstSeq, prevHash, entries, head, folded };
}
