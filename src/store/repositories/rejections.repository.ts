import type { ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** What was refused and why; hashes and sizes, never bodies. */
export interface RejectionRow {
  readonly rejection_id: string;
  readonly server_name: ServerName;
  readonly code: string;
  /** Kind of the item, or `request`. */
  readonly item: string;
  readonly room: string | null;
  readonly event_hash: Buffer | null;
  readonly bytes: number;
  readonly created_at: number;
  readonly expires_at: number;
}

export class RejectionsRepository {
  constructor(private readonly tx: Tx) {}

  async add(ctx: TenantContext, rejections: readonly RejectionRow[]): Promise<void> {
    if (rejections.length === 0) return;
    await this.tx.rows(q('rejections').insert(rejections.map((rejection) => ({ tenant_id: ctx.tenantId, ...rejection }))));
  }

  async list(ctx: TenantContext, limit: number, offset: number): Promise<readonly RejectionRow[]> {
    return this.tx.rows<RejectionRow>(q('rejections').where({ tenant_id: ctx.tenantId }).orderBy('created_at', 'desc').limit(limit).offset(offset));
  }

  async count(ctx: TenantContext): Promise<number> {
    return Number((await this.tx.rows<{ n: string }>(q('rejections').where({ tenant_id: ctx.tenantId }).count({ n: '*' })))[0]?.n ?? 0);
  }

  /** Deletes what has aged out, at most `limit` at a time; tells how many went. */
  async expire(ctx: TenantContext, nowMs: number, limit: number): Promise<number> {
    const rows = await this.tx.prepared(
      'rejections_expire',
      `delete from rejections where tenant_id = $1 and rejection_id in
         (select rejection_id from rejections where tenant_id = $1 and expires_at <= $2 limit $3) returning 1`,
      [ctx.tenantId, nowMs, limit],
    );
    return rows.length;
  }
}
