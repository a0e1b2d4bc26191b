import type { AuditFilter } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import type { AuditEnd, AuditRecord } from '../../protocol/audit.js';
import type { CursorPage } from './page.js';

export type AuditRecordView = AuditRecord;
/** One line of an export. */
export type AuditLineView = AuditRecord | AuditEnd;

export interface AuditRequest {
  readonly limit: number;
  /** Number of a record to read on from, exclusive; `null` = from the newest. */
  readonly from: number | null;
}

export interface AuditApi {
  /** Newest first. */
  list(caller: Caller, filter: AuditFilter, request: AuditRequest): Promise<CursorPage<AuditRecordView>>;
  /** Oldest first, some lines at a time, each read when it is asked for; the last line is the end. */
  export(caller: Caller, filter: AuditFilter): Promise<AsyncIterable<readonly AuditLineView[]>>;
}
