import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../kernel/events.js';

const DOMAIN = 'scaiwave-audit-v1';

/** The hash before the first act of every tenant. */
export const AUDIT_GENESIS = '0'.repeat(64);

/** One act as it is shown and exported (specs/protocol/audit.md). `hash` covers every other member. */
export interface AuditRecord {
  readonly tenant_id: string;
  readonly seq: number;
  /** ISO 8601 with milliseconds, UTC. */
  readonly at: string;
  readonly actor: JsonObject;
  readonly act: string;
  readonly target: string | null;
  readonly detail: JsonObject;
  readonly for_tenant_id: string | null;
  readonly request_id: string | null;
  readonly previous_hash: string;
  readonly hash: string;
}

/** Hex SHA-256 over everything a record says but its own hash. */
export function auditHash({ hash: _own, ...said }: AuditRecord): string {
  return hash('sha256', `${DOMAIN}\n${canonicalJson(said)}`, 'hex');
}

/** RFC 8785; names are sorted by code point, which is the same for all that an audit holds. */
function canonicalJson(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export interface AuditPlace {
  readonly seq: number;
  readonly hash: string;
}

/** The last line of an export, and how a cut-off one is told from one that is whole. */
export interface AuditEnd {
  /** The newest act when the export began, whether it fits the filter or not; the genesis before the first. */
  readonly head: AuditPlace;
  /** How many records come before this line. */
  readonly records: number;
  /** False where a filter was given: what is left is no whole chain. */
  readonly whole: boolean;
}

export const AUDIT_START: AuditPlace = Object.freeze({ seq: 0, hash: AUDIT_GENESIS });

/** Follows the audit of one tenant, oldest first. Once a row is bad, nothing after it is worth asking. */
export class AuditWalk {
  #rows = 0;
  #last: { readonly tenant: string; readonly at: string; readonly place: AuditPlace } | undefined;

  /** `parts`: rows may be left out, as by a filter; then only neighbours are held against each other. */
  constructor(private readonly parts: 'every row' | 'some rows') {}

  get rows(): number {
    return this.#rows;
  }

  /** The last row that held; the genesis before the first. */
  get head(): AuditPlace {
    return this.#last?.place ?? AUDIT_START;
  }

  /** What is wrong with the next row; undefined if it holds. */
  take(record: AuditRecord): string | undefined {
    const fault = this.#fault(record);
    if (fault !== undefined) return fault;
    this.#rows += 1;
    this.#last = { tenant: record.tenant_id, at: record.at, place: { seq: record.seq, hash: record.hash } };
    return undefined;
  }

  #fault(record: AuditRecord): string | undefined {
    const { seq, hash: before } = this.head;
    if (this.#last !== undefined && record.tenant_id !== this.#last.tenant) return 'it is of another tenant';
    if (record.seq <= seq) return `it comes after row ${seq}`;
    const isNeighbour = record.seq === seq + 1;
    if (!isNeighbour && this.parts === 'every row') return `row ${seq + 1} is missing before it`;
    if (auditHash(record) !== record.hash) return 'its content does not have its hash';
    if (isNeighbour && record.previous_hash !== before) return 'it does not follow from the row before it';
    if (this.#last !== undefined && record.at < this.#last.at) return 'its time is before that of the row before it';
    return undefined;
  }
}
