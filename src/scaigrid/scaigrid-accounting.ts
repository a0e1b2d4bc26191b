import { GatewayError } from '../kernel/errors.js';
import type { ScaigridCall } from './scaigrid-call.js';
import type { ScaigridKey } from './scaigrid-key.js';

interface UsageRow {
  readonly group_key: string | null;
  readonly total_tokens: number;
}

/** `GET /v1/accounting/usage/summary`: what was used, counted by ScaiGrid. */
export class ScaigridAccounting {
  constructor(private readonly call: Pick<ScaigridCall, 'send'>) {}

  /** Tokens of one tenant, in and out, since `sinceMs`. Throws SW_AI_UNAVAILABLE when the answer does not say it. */
  async tokensSince(key: ScaigridKey, scaikeyTenantId: string, sinceMs: number): Promise<number> {
    const query = new URLSearchParams({ period: 'month', group_by: 'tenant', start: new Date(sinceMs).toISOString() });
    // A tenant's own key sees that tenant alone, and may not ask for one by name.
    if (key.scope === 'node') query.set('tenant_id', scaikeyTenantId);
    const { data } = await this.call.send<{ readonly data: readonly UsageRow[] }>({
      call: 'usage',
      method: 'GET',
      target: `/v1/accounting/usage/summary?${query.toString()}`,
      key,
      answer: 'scaigrid/usage-summary',
    });
    return tokensOf(data, key, scaikeyTenantId);
  }
}

/** Never another tenant's number: under the operator's key only the row that names the tenant counts. */
function tokensOf(rows: readonly UsageRow[], key: ScaigridKey, scaikeyTenantId: string): number {
  if (rows.length === 0) return 0;
  const named = rows.find(({ group_key }) => group_key === scaikeyTenantId);
  const only = key.scope === 'tenant' && rows.length === 1 ? rows[0] : undefined;
  const found = named ?? only;
  if (found === undefined) throw new GatewayError('SW_AI_UNAVAILABLE', `usage: ${rows.length} rows, none of this tenant`);
  return found.total_tokens;
}
