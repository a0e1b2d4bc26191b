import type { Role } from '../kernel/caller.js';
import type { PartnerId } from '../kernel/ids.js';

declare const proof: unique symbol;

/** How a token names its tenant; the words are the kinds under which a tenant is found. */
export interface TokenTenant {
  readonly kind: 'scaikey' | 'slug';
  readonly value: string;
}

export interface TokenFacts {
  readonly tenant: TokenTenant;
  /** The person, inside the tenant: `usr_…` of ScaiKey. */
  readonly subject: string;
  readonly role: Role;
  /** The partner of an admin token; `null` when none is named in its documented form. */
  readonly partnerId: PartnerId | null;
  /** What the person calls themselves; a wish, not an id. */
  readonly username: string | null;
  readonly displayName: string | null;
  readonly email: string | null;
  /** `null` for made-up tokens, which do not end. */
  readonly expiresAtMs: number | null;
}

/** A person whose token holds. Only this room makes one; that the tenant exists here is still to be found out. */
export interface ProvenToken extends TokenFacts {
  readonly [proof]: true;
}

export function provenToken(facts: TokenFacts): ProvenToken {
  return Object.freeze({ ...facts, tenant: Object.freeze({ ...facts.tenant }) }) as ProvenToken;
}
