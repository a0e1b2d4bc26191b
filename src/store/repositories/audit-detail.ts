import { cutText } from '../../kernel/cut-text.js';
import type { JsonObject, JsonValue } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';

/** Below this, numbers are written with an exponent, by one language earlier than by another. */
const SMALLEST = 1e-6;

/**
 * What a record can hold (specs/protocol/audit.md). A number outside is kept as text, and what is long is cut where a
 * reader sees it, so that no act fails for its record, and no record is without bound.
 */
export function auditDetail(detail: JsonObject): JsonObject {
  const kept = keptMembers(detail);
  const bytes = Buffer.byteLength(JSON.stringify(kept));
  return bytes <= LIMITS.auditDetailBytesMax ? kept : { left_out: `${bytes} bytes` };
}

function keptMembers(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [name, kept(member)]));
}

function kept(value: JsonValue): JsonValue {
  if (typeof value === 'number') return isKept(value) ? value : String(value);
  if (typeof value === 'string') return cut(value);
  if (typeof value !== 'object' || value === null) return value;
  return isList(value) ? keptList(value) : keptMembers(value);
}

function keptList(list: readonly JsonValue[]): readonly JsonValue[] {
  const more = list.length - LIMITS.auditListItemsMax;
  const items = list.slice(0, LIMITS.auditListItemsMax).map(kept);
  return more > 0 ? [...items, `… +${more}`] : items;
}

function cut(text: string): string {
  if (text.length <= LIMITS.auditTextCharsMax) return text;
  const start = cutText(text, LIMITS.auditTextCharsMax);
  return `${start}… +${text.length - start.length}`;
}

function isKept(value: number): boolean {
  const size = Math.abs(value);
  return size === 0 || (size >= SMALLEST && size <= Number.MAX_SAFE_INTEGER);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
