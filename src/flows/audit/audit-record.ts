import type { AuditRecord } from '../../protocol/audit.js';
import type { AuditRow } from '../../store/repositories/audit.repository.js';
import { iso } from '../event-view.js';

/** A row as everybody outside sees it, and as it is hashed. */
export function auditRecord(row: AuditRow): AuditRecord {
  return {
    tenant_id: row.tenant_id,
    seq: row.seq,
    at: iso(row.at),
    actor: row.actor,
    act: row.act,
    target: row.target,
    detail: row.detail,
    for_tenant_id: row.for_tenant_id,
    request_id: row.request_id,
    previous_hash: row.previous_hash.toString('hex'),
    hash: row.hash.toString('hex'),
  };
}
