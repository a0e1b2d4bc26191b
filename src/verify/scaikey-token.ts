import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { ROLES, type Role } from '../kernel/caller.js';
import { cutText } from '../kernel/cut-text.js';
import { GatewayError } from '../kernel/errors.js';
import { namedPartner } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { provenToken, type ProvenToken } from './proven-token.js';
import { KeySetUnavailable, type ScaikeyKeys } from './scaikey-keys.js';

export interface ScaikeyOptions {
  /** `SCAIWAVE_SCAIKEY_URL`: issuers are `<url>/tenants/<tenant id>`. */
  readonly url: string;
  /** A token must name one of them. */
  readonly audiences: readonly string[];
}

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const SIGNED_COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt']);
/** Headers by which a token would bring its own key, or rules that are not known here. */
const REFUSED_HEADERS: readonly string[] = ['jwk', 'jku', 'x5c', 'x5u', 'crit', 'enc', 'zip', 'b64'];
const TENANT = /^[A-Za-z0-9_-]{1,64}$/;

/** Judges an access token of ScaiKey: form, key and signature, times, audience, and that issuer and claim name one tenant. */
export class ScaikeyTokens {
  constructor(
    private readonly options: ScaikeyOptions,
    private readonly keys: Pick<ScaikeyKeys, 'find'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  async verify(token: string): Promise<ProvenToken> {
    requireForm(token);
    const claims = await this.signedClaims(token);
    const tenantId = this.tenantOf(claims);
    requirePerson(claims);
    return provenToken({
      tenant: { kind: 'scaikey', value: tenantId },
      subject: claims.sub,
      role: roleOf(claims),
      partnerId: namedPartner(claims['partner_id']),
      username: text(claims['preferred_username'], LIMITS.displayNameCharsMax),
      displayName: text(claims['name'], LIMITS.displayNameCharsMax),
      email: text(claims['email'], LIMITS.subjectCharsMax),
      expiresAtMs: Number(claims.exp) * 1000,
    });
  }

  private async signedClaims(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, this.keys.find, {
        algorithms: ALGORITHMS,
        audience: [...this.options.audiences],
        requiredClaims: ['iss', 'aud', 'sub', 'exp', 'tenant_id'],
        clockTolerance: LIMITS.clockSkewMs / 1000,
        currentDate: new Date(this.clock.nowMs()),
      });
      return payload;
    } catch (cause) {
      if (cause instanceof KeySetUnavailable) throw new GatewayError('SW_UNAVAILABLE', 'the keys of ScaiKey cannot be had', { cause });
      if (cause instanceof errors.JWTExpired) throw new GatewayError('SW_AUTH_EXPIRED_TOKEN', 'exp is past', { cause });
      throw refused('it does not verify', cause);
    }
  }

  /** The issuer is the tenant's own: a token of one tenant cannot claim another. */
  private tenantOf({ iss, tenant_id: tenantId }: JWTPayload): string {
    if (typeof tenantId !== 'string' || !TENANT.test(tenantId)) throw refused('tenant_id is no tenant id');
    if (iss !== `${this.options.url.replace(/\/$/, '')}/tenants/${tenantId}`) throw refused('the issuer is not that of the tenant');
    return tenantId;
  }
}

/** What can be refused before a key is looked for. */
function requireForm(token: string): void {
  if (token.length > LIMITS.tokenBytesMax) throw refused('it is too long');
  if (!SIGNED_COMPACT.test(token)) throw refused('it is no signed compact token');
  const header = headerOf(token);
  const named = REFUSED_HEADERS.filter((name) => Object.hasOwn(header, name));
  if (named.length > 0) throw refused(`its header has ${named.join(', ')}`);
  if (!TYPES.has(header.typ)) throw refused('it is another kind of token');
}

function headerOf(token: string): ReturnType<typeof decodeProtectedHeader> {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw refused('its header is not readable', cause);
  }
}

/** Tokens of applications carry the application where a person would stand. */
function requirePerson(claims: JWTPayload): asserts claims is JWTPayload & { readonly sub: string } {
  const { sub } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > LIMITS.subjectCharsMax) throw refused('sub is no person');
  if (claims['token_type'] === 'client_credentials' || claims['platform_token'] === true) throw refused('it is of an application');
}

function roleOf(claims: JWTPayload): Role {
  return ROLES.find((role) => role === claims['role']) ?? 'member';
}

function text(claim: unknown, charsMax: number): string | null {
  return typeof claim === 'string' && claim !== '' ? cutText(claim, charsMax) : null;
}

function refused(note: string, cause?: unknown): GatewayError {
  return new GatewayError('SW_AUTH_INVALID_TOKEN', note, { cause });
}
