import type { JsonObject } from '../../kernel/events.js';
import type { FederationPolicy } from '../../kernel/federation-policy.js';
import type { ServerName } from '../../kernel/ids.js';

/** What of a policy changed, for the audit: values before and after, of lists what came and what went. */
export function policyDifference(before: FederationPolicy, after: FederationPolicy): JsonObject {
  const changed: { [part: string]: JsonObject } = {};
  for (const part of ['default_mode', 'max_foreign_participants_per_room', 'max_backfill_events_per_request'] as const) {
    if (before[part] !== after[part]) changed[part] = { before: before[part], after: after[part] };
  }
  for (const part of ['allowed_peers', 'denied_peers'] as const) {
    const [added, removed] = [without(after[part], before[part]), without(before[part], after[part])];
    if (added.length + removed.length > 0) changed[part] = { added, removed };
  }
  return changed;
}

function without(list: readonly ServerName[], other: readonly ServerName[]): readonly ServerName[] {
  const known = new Set(other);
  return list.filter((server) => !known.has(server));
}
