import { EVERY_ACT } from '../../kernel/audit.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { LIMITS } from '../../kernel/limits.js';
import { AuditWalk, type AuditPlace } from '../../protocol/audit.js';
import type { Store } from '../../store/store.js';
import { auditRecord } from './audit-record.js';

export interface AuditVerdict {
  /** Rows that hold, and the last of them. */
  readonly rows: number;
  readonly head: AuditPlace;
  /** The first row that does not. */
  readonly bad: { readonly seq: number; readonly why: string } | null;
}

/** Walks the whole audit of a tenant, some rows at a time. */
export async function checkAudit(store: Pick<Store, 'read'>, ctx: TenantContext): Promise<AuditVerdict> {
  const walk = new AuditWalk('every row');
  for (;;) {
    const { seq: after } = walk.head;
    const rows = await store.read(ctx, ({ audit }) => audit.run(ctx, EVERY_ACT, after, Number.MAX_SAFE_INTEGER, LIMITS.auditReadMax));
    for (const row of rows) {
      const why = walk.take(auditRecord(row));
      if (why !== undefined) return { rows: walk.rows, head: walk.head, bad: { seq: row.seq, why } };
    }
    if (rows.length < LIMITS.auditReadMax) return { rows: walk.rows, head: walk.head, bad: null };
  }
}
