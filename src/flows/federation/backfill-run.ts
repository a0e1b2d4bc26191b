import type { RoomId, ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { bytesOf, headAt, wireEntry, type Signing } from '../../lanes/build-batch.js';
import { readDescriptors } from '../../lanes/read-peer-work.js';
import { shareOut, type Room } from '../../lanes/share-out.js';
import { genesis } from '../../protocol/chain.js';
import type { WireBackfill } from '../../protocol/queries.js';
import { writeRun } from '../../protocol/run.js';
import type { PlacedEntryRow } from '../../store/repositories/entry-row.js';
import type { IntervalRow } from '../../store/repositories/intervals.repository.js';
import type { Repositories } from '../../store/store.js';

export interface BackfillQuery {
  readonly roomId: RoomId;
  readonly origin: ServerName;
  readonly fromSeq: number;
  readonly limit: number;
  readonly signing: Signing;
}

type Part = Omit<WireBackfill, 'room'>;

const ANSWER: Room = { pieces: LIMITS.backfillMax, bytes: LIMITS.batchBytesMax, authors: LIMITS.batchKeysMax, overheadBytes: 0 };
const NOTHING: Part = { run: null, next_seq: null, keys: [] };

/** A run of a hosted log inside the intervals that a server may read, as long as one answer may be. */
export async function readBackfillRun(ctx: TenantContext, repositories: Repositories, query: BackfillQuery): Promise<Part> {
  const { log, rooms, intervals } = repositories;
  const allowed = await intervals.list(ctx, query.roomId, query.origin);
  const stretch = stretchFrom(allowed, query.fromSeq);
  const room = await rooms.find(ctx, query.roomId);
  if (room === undefined || stretch === undefined) return NOTHING;
  const isThird = (server: ServerName): boolean => server !== ctx.serverName && server !== query.origin;
  const readable = (await log.run(ctx, query.roomId, stretch.from - 1, query.limit)).filter(({ seq }) => seq <= stretch.to);
  // Descriptors are read only of those whose entries could travel.
  const candidates = fitting(readable, isThird, () => 0);
  const descriptors = await readDescriptors(ctx, repositories, authorsOf(candidates, isThird));
  const rows = fitting(candidates, isThird, (author) => descriptors.get(author)?.length ?? 0);
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return NOTHING;
  const before = first.seq === 1 ? undefined : await log.at(ctx, query.roomId, first.seq - 1);
  const keys = [...authorsOf(rows, isThird)].flatMap((author) => descriptors.get(author) ?? []);
  const run = writeRun({
    room: room.log_name,
    firstSeq: first.seq,
    prevHash: before?.chain_hash ?? genesis(),
    entries: rows.map((row) => wireEntry(row, undefined)),
    head: headAt(room.log_name, last, query.signing),
  });
  const more = last.seq < Math.min(room.head_seq, stretch.to) || stretchFrom(allowed, last.seq + 1) !== undefined;
  return { run, next_seq: more && last.seq < room.head_seq ? last.seq + 1 : null, keys };
}

/** The rest of the interval that holds a place, or the next one after it. */
function stretchFrom(intervals: readonly IntervalRow[], fromSeq: number): { readonly from: number; readonly to: number } | undefined {
  const interval = intervals.find(({ to_seq }) => to_seq === null || to_seq >= fromSeq);
  return interval === undefined ? undefined : { from: Math.max(interval.from_seq, fromSeq), to: interval.to_seq ?? Number.MAX_SAFE_INTEGER };
}

/** As many as one answer holds, with the keys of their authors. */
function fitting(rows: readonly PlacedEntryRow[], isThird: (server: ServerName) => boolean, priceOf: (author: ServerName) => number): readonly PlacedEntryRow[] {
  const pieces = rows.map((row) => ({ bytes: bytesOf(row), authors: [...authorsOf([row], isThird)] }));
  return rows.slice(0, shareOut([pieces], ANSWER, priceOf)[0] ?? 0);
}

function authorsOf(rows: readonly PlacedEntryRow[], isThird: (server: ServerName) => boolean): ReadonlySet<ServerName> {
  return new Set(rows.map(({ origin }) => origin).filter(isThird));
}
