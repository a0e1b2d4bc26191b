import { isEveryAct, type AuditFilter } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { AUDIT_START, type AuditPlace } from '../../protocol/audit.js';
import type { Store } from '../../store/store.js';
import type { AuditApi, AuditLineView, AuditRecordView, AuditRequest } from '../api/audit.js';
import type { CursorPage } from '../api/page.js';
import { auditRecord } from './audit-record.js';

/** What administrators read of their tenant's audit. */
export class ReadAudit implements AuditApi {
  constructor(private readonly store: Pick<Store, 'read'>) {}

  async list({ ctx }: Caller, filter: AuditFilter, { limit, from }: AuditRequest): Promise<CursorPage<AuditRecordView>> {
    const rows = await this.store.read(ctx, ({ audit }) => audit.page(ctx, filter, from, limit + 1));
    const items = rows.slice(0, limit).map(auditRecord);
    const last = items.at(-1);
    return { items, has_more: rows.length > limit, next_cursor: last === undefined ? null : String(last.seq) };
  }

  async export({ ctx }: Caller, filter: AuditFilter): Promise<AsyncIterable<readonly AuditLineView[]>> {
    const head = await this.store.read(ctx, ({ audit }) => audit.head(ctx));
    return this.#lines(ctx, filter, head === undefined ? AUDIT_START : { seq: head.seq, hash: head.hash.toString('hex') });
  }

  /** No connection is held while the reader takes its time. */
  async *#lines(ctx: TenantContext, filter: AuditFilter, head: AuditPlace): AsyncGenerator<readonly AuditLineView[]> {
    let records = 0;
    for (let after: number | undefined = 0; after !== undefined; ) {
      const from: number = after;
      const rows = await this.store.read(ctx, ({ audit }) => audit.run(ctx, filter, from, head.seq, LIMITS.auditReadMax));
      records += rows.length;
      yield rows.map(auditRecord);
      after = rows.length < LIMITS.auditReadMax ? undefined : rows.at(-1)?.seq;
    }
    yield [{ head, records, whole: isEveryAct(filter) }];
  }
}
