import type { RoomId, ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { bytesOf, headAt, wireEntry, type Signing } from '../../lanes/build-batch.js';
import { readDescriptors } from '../../lanes/read-peer-work.js';
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

const NOTHING: Part = { run: null, next_seq: null, keys: [] };

/** A run of a hosted log inside the intervals that a server may read, as long as one answer may be. */
export async function readBackfillRun(ctx: TenantContext, repositories: Repositories, query: BackfillQuery): Promise<Part> {
  const { log, rooms, intervals } = repositories;
  const allowed = await intervals.list(ctx, query.roomId, query.origin);
  const stretch = stretchFrom(allowed, query.fromSeq);
  const room = await rooms.find(ctx, query.roomId);
  if (room === undefined || stretch === undefined) return NOTHING;
  const rows = fitting(await log.run(ctx, query.roomId, stretch.from - 1, query.limit), stretch.to);
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return NOTHING;
  const before = first.seq === 1 ? undefined : await log.at(ctx, query.roomId, first.seq - 1);
  const authors = new Set(rows.map(({ origin }) => origin).filter((origin) => origin !== ctx.serverName && origin !== query.origin));
  const keys = [...(await readDescriptors(ctx, repositories, authors)).values()];
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

function fitting(rows: readonly PlacedEntryRow[], toSeq: number): readonly PlacedEntryRow[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    bytes += bytesOf(row);
    return row.seq > toSeq || (index > 0 && bytes > LIMITS.batchBytesMax);
  });
  return end === -1 ? rows : rows.slice(0, end);
}
