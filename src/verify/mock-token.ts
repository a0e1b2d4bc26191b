import { ROLES, type Role } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import { parseLocalId, parsePartnerId, type PartnerId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { provenToken, type ProvenToken } from './proven-token.js';

/** The documented token of the fixed test user. */
export const MOCK_TOKEN = 'mock-dev-token';

const MOCK_PREFIX = 'mock:';
const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function isMockToken(token: string): boolean {
  return token === MOCK_TOKEN || token.startsWith(MOCK_PREFIX);
}

/**
 * Believes a token, for development: `mock:<tenant slug>:<local id>[:<role>[:<partner id>]]` is that person, and every
 * other token the fixed test user, an admin of the first tenant.
 */
export function mockToken(token: string, firstTenantSlug: string): ProvenToken {
  if (token === '' || token.length > LIMITS.tokenBytesMax) throw refused('it is empty or too long');
  if (!token.startsWith(MOCK_PREFIX)) return person(firstTenantSlug, 'mock-user', 'tenant_admin', null);
  const [slug = '', localId = '', role = 'member', partner, ...more] = token.slice(MOCK_PREFIX.length).split(':');
  const known = ROLES.find((one) => one === role);
  if (!SLUG.test(slug) || known === undefined || more.length > 0) throw refused('it is not mock:<slug>:<local id>[:<role>[:<partner id>]]');
  return person(slug, localIdOf(localId), known, partner === undefined ? null : partnerOf(partner));
}

function person(slug: string, localId: string, role: Role, partnerId: PartnerId | null): ProvenToken {
  return provenToken({
    tenant: { kind: 'slug', value: slug },
    subject: `mock-${localId}`,
    role,
    partnerId,
    username: localId,
    displayName: localId,
    email: null,
    expiresAtMs: null,
  });
}

function localIdOf(text: string): string {
  try {
    return parseLocalId(text);
  } catch (cause) {
    throw refused('it names no local id', cause);
  }
}

function partnerOf(text: string): PartnerId {
  try {
    return parsePartnerId(text);
  } catch (cause) {
    throw refused('it names no partner id', cause);
  }
}

function refused(note: string, cause?: unknown): GatewayError {
  return new GatewayError('SW_AUTH_INVALID_TOKEN', `mock token: ${note}`, { cause });
}
