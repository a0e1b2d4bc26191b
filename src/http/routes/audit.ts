import { AUDIT_ACTS, type AuditAct } from '../../kernel/audit-acts.js';
import { UNNAMED_ACTORS, type AuditFilter } from '../../kernel/audit.js';
import { GatewayError } from '../../kernel/errors.js';
import { parseFqid } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { AuditApi, AuditLineView, AuditRecordView } from '../../flows/api/audit.js';
import { userRoute } from '../define-route.js';
import { moment, oneOf, optional, textUpTo, whole, type Reader, type ReadQuery } from '../read.js';
import { cursorPage, lines } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

/** Acts of one area: `bridge.*`. */
const WHOLE_AREA = '*';

const named: Reader<AuditAct> = oneOf(AUDIT_ACTS);

const FILTER_QUERY = {
  actor: optional(actorName),
  act: optional(acts),
  target: optional(textUpTo(LIMITS.auditTargetCharsMax)),
  since: optional(moment),
  until: optional(moment),
};

export function auditRoutes(api: AuditApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/audit',
      who: 'tenant_admin',
      summary: 'What was done in the tenant and by whom, newest first.',
      query: { ...FILTER_QUERY, limit: PAGE_QUERY.limit, from: optional(whole(0, Number.MAX_SAFE_INTEGER)) },
      reply: cursorPage<AuditRecordView>('api/audit-record'),
      handle: ({ caller, query: { limit, from, ...filter } }) => api.list(caller, filterOf(filter), { limit, from }),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/audit/export',
      who: 'tenant_admin',
      summary: 'The same as NDJSON, oldest first; the last line is the end.',
      query: FILTER_QUERY,
      reply: lines<AuditLineView>('api/audit-line'),
      handle: ({ caller, query }) => api.export(caller, filterOf(query)),
    }),
  ];
}

function filterOf({ actor, act, target, since, until }: ReadQuery<typeof FILTER_QUERY>): AuditFilter {
  if (since !== null && until !== null && since >= until) throw new GatewayError('SW_BAD_REQUEST', 'since is not before until');
  return { actor, act: null, actPrefix: null, ...act, target, sinceMs: since, untilMs: until };
}

function actorName(text: string): string {
  return UNNAMED_ACTORS.find((name) => name === text) ?? parseFqid(text);
}

function acts(text: string): { readonly act: AuditAct } | { readonly actPrefix: string } {
  const actPrefix = text.slice(0, -WHOLE_AREA.length);
  const isArea = text.endsWith(`.${WHOLE_AREA}`) && AUDIT_ACTS.some((act) => act.startsWith(actPrefix));
  return isArea ? { actPrefix } : { act: named(text) };
}
