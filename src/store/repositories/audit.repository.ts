import type { AuditAct } from '../../kernel/audit-acts.js';
import type { AuditActor, AuditEntry, AuditFilter } from '../../kernel/audit.js';
import type { JsonObject } from '../../kernel/events.js';
import type { TenantId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';
import { auditDetail } from './audit-detail.js';

export interface AuditRow {
  readonly tenant_id: TenantId;
  /** Counts from 1 without a gap. */
  readonly seq: number;
  readonly at: number;
  readonly actor: JsonObject;
  readonly act: AuditAct;
  readonly target: string | null;
  readonly detail: JsonObject;
  /** For which other tenant a person of this one acted. */
  readonly for_tenant_id: TenantId | null;
  readonly request_id: string | null;
  readonly previous_hash: Buffer;
  readonly hash: Buffer;
}

export interface AuditHead {
  readonly seq: number;
  readonly hash: Buffer;
}

export class AuditRepository {
  readonly #waiting: { readonly ctx: TenantContext; readonly entry: AuditEntry }[] = [];

  constructor(private readonly tx: Tx) {}

  /** Writes an act down with the transaction that does it: both commit, or neither. */
  async append(ctx: TenantContext, entry: AuditEntry): Promise<void> {
    this.#waiting.push({ ctx, entry });
  }

  /** The end of every transaction. Whoever writes holds the chain until the commit: its lock is the last of all. */
  async flush(): Promise<void> {
    const acts = this.#waiting.splice(0);
    const [first] = acts;
    if (first === undefined) return;
    if (acts.some(({ ctx }) => ctx.tenantId !== first.ctx.tenantId)) throw new Error('one transaction acts in one tenant');
    await this.tx.prepared('audit_append', 'select append_audit($1, $2)', [first.ctx.tenantId, JSON.stringify(acts.map(({ entry }) => written(entry)))]);
  }

  /** Newest first, from below `before`. */
  async page(ctx: TenantContext, filter: AuditFilter, before: number | null, limit: number): Promise<readonly AuditRow[]> {
    const query = filtered(ctx, filter).orderBy('seq', 'desc').limit(limit);
    return this.tx.rows<AuditRow>(before === null ? query : query.where('seq', '<', before));
  }

  /** Oldest first, after `after` and no further than `last`. */
  async run(ctx: TenantContext, filter: AuditFilter, after: number, last: number, limit: number): Promise<readonly AuditRow[]> {
    return this.tx.rows<AuditRow>(filtered(ctx, filter).where('seq', '>', after).where('seq', '<=', last).orderBy('seq').limit(limit));
  }

  /** The newest act of a tenant; undefined before the first. */
  async head(ctx: TenantContext): Promise<AuditHead | undefined> {
    return (await this.tx.rows<AuditHead>(q('audit').select('seq', 'hash').where({ tenant_id: ctx.tenantId }).orderBy('seq', 'desc').limit(1)))[0];
  }
}

function filtered(ctx: TenantContext, { actor, act, actPrefix, target, sinceMs, untilMs }: AuditFilter): ReturnType<typeof q> {
  const query = q('audit').where({ tenant_id: ctx.tenantId });
  if (actor !== null) query.whereRaw(`actor ->> 'name' = ?`, [actor]);
  if (act !== null) query.where({ act });
  if (actPrefix !== null) query.whereLike('act', `${actPrefix.replaceAll('_', '\\_')}%`);
  if (target !== null) query.where({ target });
  if (sinceMs !== null) query.where('at', '>=', sinceMs);
  if (untilMs !== null) query.where('at', '<', untilMs);
  return query;
}

function written({ actor, act, target, detail, requestId }: AuditEntry): JsonObject {
  return { actor: actorText(actor), act, target, detail: auditDetail(detail), request_id: requestId };
}

function actorText(actor: AuditActor): JsonObject {
  if (typeof actor === 'string') return { name: actor };
  return { name: actor.fqid, participant_id: actor.participantId, role: actor.role, home_tenant_id: actor.homeTenantId };
}
