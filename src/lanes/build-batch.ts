import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { hashText } from '../protocol/chain.js';
import { writeErased, writeWithheld, type WireEntry } from '../protocol/entry.js';
import { signHead } from '../protocol/head.js';
import type { SigningKey } from '../protocol/keys.js';
import { writeRun } from '../protocol/run.js';
import type { WireBatch, WireItem } from '../protocol/send.js';
import { signStart } from '../protocol/start.js';
import type { EntryRow, PlacedEntryRow } from '../store/repositories/entry-row.js';
import type { LogWork, MemberWork, PeerWork, StartWork, SubmitWork, Work } from './peer-work.js';
import { shareOut, type Piece } from './share-out.js';

/** The part of one lane's work that goes into a batch, and its items there, in order. */
export interface Parcel {
  readonly work: Work;
  readonly items: readonly WireItem[];
  /** The rows that travel. */
  readonly rows: readonly EntryRow[];
}

export interface Signing {
  readonly key: SigningKey;
  readonly nowMs: number;
}

const BATCH_SHARE = { pieces: LIMITS.batchEntriesMax, bytes: LIMITS.batchBytesMax - 4 * 1024, authors: LIMITS.batchKeysMax, overheadBytes: 1024 };
const ENTRY_FRAME_BYTES = 160;
/** What a start may have beside its frame. */
export const START_BYTES_MAX = BATCH_SHARE.bytes - BATCH_SHARE.overheadBytes;

/** Fills one batch from many rooms, fairly; signs heads over committed rows, each at the last entry of its run. */
export function fillBatch({ work, descriptors }: Pick<PeerWork, 'work' | 'descriptors'>, signing: Signing): readonly Parcel[] {
  const counts = shareOut(work.map((part) => piecesOf(part, descriptors)), BATCH_SHARE, (server) => descriptors.get(server)?.length ?? 0);
  return work.flatMap((part, index): Parcel[] => {
    const count = counts[index] ?? 0;
    return count === 0 ? [] : [{ work: part, items: itemsOf(part, count, signing), rows: rowsOf(part, count) }];
  });
}

export function batchOf(parcels: readonly Parcel[], descriptors: PeerWork['descriptors'], batchId: string): WireBatch {
  const items = parcels.flatMap((parcel) => parcel.items);
  const authors = new Set(parcels.flatMap(({ rows }) => rows.map(({ origin }) => origin)));
  const keys = [...descriptors].filter(([server]) => authors.has(server)).map(([, jws]) => jws);
  return { batch_id: batchId, items, ...(keys.length === 0 ? {} : { keys: keys.slice(0, LIMITS.batchKeysMax) }) };
}

function rowsOf(work: Work, count: number): readonly EntryRow[] {
  switch (work.kind) {
    case 'start':
      return work.state;
    case 'log':
    case 'submit':
      return work.rows.slice(0, count);
    case 'member':
      return work.entries.slice(0, count).map(({ row }) => row);
    case 'decline':
      return [];
  }
}

function piecesOf(work: Work, descriptors: PeerWork['descriptors']): readonly Piece[] {
  const authorsOf = (rows: readonly EntryRow[]): readonly ServerName[] => [...new Set(rows.map(({ origin }) => origin))].filter((origin) => descriptors.has(origin));
  const piece = (row: EntryRow): Piece => ({ bytes: bytesOf(row), authors: authorsOf([row]) });
  switch (work.kind) {
    case 'start':
      return [{ bytes: work.state.reduce((sum, row) => sum + bytesOf(row), 0), authors: authorsOf(work.state) }];
    case 'log':
      return work.rows.map(piece);
    case 'member':
      return work.entries.map(({ row }) => ({ ...piece(row), bytes: bytesOf(row) + BATCH_SHARE.overheadBytes + 4 * LIMITS.topicCharsMax }));
    case 'submit':
      return work.rows.map((row) => ({ bytes: bytesOf(row), authors: [] }));
    case 'decline':
      return [{ bytes: work.invitation.decline_jws.length + ENTRY_FRAME_BYTES, authors: [] }];
  }
}

/** What a start takes up, with the descriptors that come along. */
export function startBytes(state: { readonly entries: number; readonly jwsBytes: number }, descriptors: readonly string[]): number {
  return state.jwsBytes + state.entries * ENTRY_FRAME_BYTES + descriptors.reduce((sum, jws) => sum + jws.length, 0);
}

export function bytesOf(row: Pick<EntryRow, 'jws' | 'sender' | 'event_type'>): number {
  return ENTRY_FRAME_BYTES + (row.jws?.length ?? row.sender.length + row.event_type.length + 128);
}

function itemsOf(work: Work, count: number, signing: Signing): readonly WireItem[] {
  switch (work.kind) {
    case 'start':
      return [startItem(work, signing)];
    case 'log':
      return [logItem(work, work.rows.slice(0, count), signing)];
    case 'member':
      return work.entries.slice(0, count).map((entry) => memberItem(work, entry, signing));
    case 'submit':
      return submitItems(work, count);
    case 'decline':
      return [{ kind: 'event', event: work.invitation.decline_jws }];
  }
}

function startItem({ lane, hash, state }: StartWork, { key, nowMs }: Signing): WireItem {
  const jwsList = state.flatMap(({ jws }) => (jws === null ? [] : [jws]));
  const start = signStart(key, { room: lane.log_name, seq: lane.cursor, hash: hashText(hash), iat: nowMs }, jwsList);
  return { kind: 'start', start, state: jwsList };
}

function logItem({ lane, prevHash, withheld }: LogWork, rows: readonly PlacedEntryRow[], signing: Signing): WireItem {
  const last = rows.at(-1);
  if (last === undefined) throw new Error('a run without entries');
  const entries = rows.map((row) => wireEntry(row, withheld.get(row.seq)));
  const head = headAt(lane.log_name, last, signing);
  return { kind: 'log', ...writeRun({ room: lane.log_name, firstSeq: lane.cursor + 1, prevHash, entries, head }) };
}

function memberItem({ lane, about }: MemberWork, { row, prevHash }: MemberWork['entries'][number], signing: Signing): WireItem {
  return {
    kind: 'member',
    room: lane.log_name,
    prev_hash: hashText(prevHash),
    entry: wireEntry(row, undefined),
    head: headAt(lane.log_name, row, signing),
    about: { ...about, inviter: row.sender },
  };
}

function submitItems({ rows }: SubmitWork, count: number): readonly WireItem[] {
  return rows.slice(0, count).map(({ jws }) => ({ kind: 'event', event: jws }));
}

export function headAt(room: LogWork['lane']['log_name'], row: PlacedEntryRow, { key, nowMs }: Signing): string {
  return signHead(key, { room, seq: row.seq, hash: hashText(row.chain_hash), iat: nowMs });
}

/** Whole, or what remains of it: left out for this mirror, erased, or withheld here. */
export function wireEntry(row: PlacedEntryRow, withheldCode: string | undefined): WireEntry {
  const { seq, at, jws, sender } = row;
  const hollow = { seq, at, eventHash: row.event_hash, id: row.wire_id, sender, type: row.event_type };
  if (withheldCode !== undefined) return writeWithheld({ ...hollow, code: withheldCode });
  if (jws !== null) return { seq, at, event: jws };
  if (row.redacted_by !== null) return writeErased({ ...hollow, redactedBy: row.redacted_by });
  return writeWithheld({ ...hollow, code: row.reason ?? 'SW_FED_EVENT_INVALID' });
}
