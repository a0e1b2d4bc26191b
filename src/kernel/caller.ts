import type { Fqid, ParticipantId, PartnerId, TenantId } from './ids.js';
import type { TenantContext } from './tenant-context.js';

/** What a person may administer, least first. */
export const ROLES = ['member', 'tenant_admin', 'partner_admin', 'super_admin'] as const;
export type Role = (typeof ROLES)[number];

/** A person whose token has been verified, acting in one tenant. */
export interface Caller {
  /** Where they act. */
  readonly ctx: TenantContext;
  /** Where they are at home: the tenant that their token proves. */
  readonly homeTenantId: TenantId;
  readonly participantId: ParticipantId;
  readonly fqid: Fqid;
  readonly role: Role;
  /** The partner whose fleet a partner admin administers; `null` = none. */
  readonly partnerId: PartnerId | null;
  /** Names this request in logs and audit. */
  readonly requestId: string;
  /** When the token stops being valid; long-lived calls end there. `null` for tokens without an end. */
  readonly expiresAtMs: number | null;
}

export function roleReaches(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
