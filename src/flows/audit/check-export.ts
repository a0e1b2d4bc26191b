import { GatewayError } from '../../kernel/errors.js';
import type { Contract } from '../../contract/contract.js';
import { AuditWalk, type AuditEnd, type AuditPlace, type AuditRecord } from '../../protocol/audit.js';
import { parseStrictJson } from '../../protocol/strict-json.js';

export interface ExportVerdict {
  /** Records that hold. */
  readonly records: number;
  /** The newest act when the export was made, as its end says; the last record that holds when it has no end. */
  readonly head: AuditPlace;
  /** False where a filter was given. */
  readonly whole: boolean;
  /** The first line that does not hold, from 1. */
  readonly bad: BadLine | null;
}

interface BadLine {
  readonly line: number;
  readonly why: string;
}

type Line = AuditRecord | AuditEnd;

/** Follows an export (specs/protocol/audit.md) without the node it came from. `chunks`: its bytes, as they come. */
export async function checkExport(chunks: AsyncIterable<Buffer>, contract: Pick<Contract, 'faultOf'>): Promise<ExportVerdict> {
  const walk = new AuditWalk('some rows');
  const bad: BadLine[] = [];
  let gap: BadLine | undefined;
  let end: AuditEnd | undefined;
  let line = 0;
  for await (const bytes of linesOf(chunks)) {
    line += 1;
    const said = read(bytes, contract);
    if (typeof said === 'string') bad.push({ line, why: said });
    else if (end !== undefined) bad.push({ line, why: 'it comes after the end' });
    else if ('records' in said) end = said;
    else {
      if (said.seq > walk.head.seq + 1) gap ??= { line, why: `record ${walk.head.seq + 1} is missing before it` };
      const why = walk.take(said);
      if (why !== undefined) bad.push({ line, why });
    }
    // Whether a gap is one is known at the end alone, so reading goes on.
    if (bad.length > 1) break;
  }
  if (end === undefined) bad.push({ line: line + 1, why: 'the end is missing: something was cut off' });
  else if (bad.length === 0) bad.push(...faultsOfEnd(end, walk, line));
  if (gap !== undefined && end?.whole !== false) bad.push(gap);
  const [first = null] = bad.sort((one, other) => one.line - other.line);
  return { records: walk.rows, head: end?.head ?? walk.head, whole: end?.whole ?? false, bad: first };
}

function faultsOfEnd({ head, records, whole }: AuditEnd, walk: AuditWalk, line: number): readonly BadLine[] {
  const last = walk.head;
  const isLast = last.seq === head.seq ? last.hash === head.hash : last.seq < head.seq && !whole;
  if (records !== walk.rows) return [{ line, why: `it says ${records} records, and there are ${walk.rows}` }];
  return isLast ? [] : [{ line, why: `its head ${head.seq} does not follow from record ${last.seq}` }];
}

function read(bytes: Buffer, contract: Pick<Contract, 'faultOf'>): Line | string {
  try {
    const value: unknown = parseStrictJson(bytes);
    return contract.faultOf('api/audit-line', value) ?? (value as Line);
  } catch (error) {
    if (error instanceof GatewayError) return 'it is not JSON';
    throw error;
  }
}

/** What stands between line feeds. What stands after the last one was cut off, and is a line too. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let feed = chunk.indexOf(10); feed >= 0; feed = chunk.indexOf(10, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, feed)]);
      rest = [];
      start = feed + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}
