import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import type { JsonObject } from '../kernel/events.js';
import { LIMITS } from '../kernel/limits.js';
import { parseStrictJson } from './strict-json.js';
import { isMadeWith, readTimedSignature } from './timed-signature.js';

/** Lower-case, as Node reads them. */
export const SCAIKEY_HEADERS = {
  signature: 'x-scaikey-signature',
  time: 'x-scaikey-timestamp',
  eventId: 'x-scaikey-event-id',
  eventType: 'x-scaikey-event-type',
} as const;

/** What happened to a resource of ScaiKey (specs/protocol/scaikey.md). */
export interface ScaikeyEvent {
  readonly eventId: string;
  readonly type: string;
  /** Microseconds since 1970, by ScaiKey's clock. */
  readonly atUs: number;
  readonly resource: { readonly type: string; readonly id: string };
  readonly tenantId: string | null;
  readonly partnerId: string | null;
  readonly data: JsonObject;
}

export interface SignedScaikeyBody {
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  /** As received. */
  readonly body: Buffer;
}

interface WireEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly data: JsonObject;
  readonly tenant_id?: string | null;
  readonly partner_id?: string | null;
}

/** Throws SW_SCAIKEY_SIGNATURE unless the secret signed these very bytes within the window; says never which. */
export function checkScaikeySignature({ headers, body }: SignedScaikeyBody, secret: string, nowMs: number): void {
  const header = headers[SCAIKEY_HEADERS.signature];
  const signature = readTimedSignature(header === undefined ? [] : [header], refuse);
  const ageMs = nowMs - Number(signature.time) * 1000;
  if (Math.abs(ageMs) > LIMITS.scaikeyToleranceMs) refuse(`${ageMs} ms old`);
  if ((headers[SCAIKEY_HEADERS.time] ?? signature.time) !== signature.time) refuse('two times');
  if (secret === '' || !isMadeWith(secret, signature, body)) refuse('the secret did not make this');
}

/** The event in bytes whose signature holds. Headers that repeat what is in it must say the same. */
export function readScaikeyEvent(contract: Pick<Contract, 'validate'>, { headers, body }: SignedScaikeyBody, nowMs: number): ScaikeyEvent {
  const event = contract.validate<WireEvent>('scaikey/event', parseStrictJson(body));
  requireSame(headers[SCAIKEY_HEADERS.eventId], event.event_id);
  requireSame(headers[SCAIKEY_HEADERS.eventType], event.event_type);
  return {
    eventId: event.event_id,
    type: event.event_type,
    // Nothing has happened later than it was told: a clock that runs ahead would silence all that comes after.
    atUs: Math.min(microseconds(event.timestamp), (nowMs + LIMITS.scaikeyToleranceMs) * 1_000),
    resource: event.resource,
    tenantId: event.tenant_id ?? null,
    partnerId: event.partner_id ?? null,
    data: event.data,
  };
}

const TIMESTAMP = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/;

/** ISO 8601; without a zone it is UTC, as documented. */
function microseconds(timestamp: string): number {
  const [, seconds = '', fraction = '', zone = 'Z'] = TIMESTAMP.exec(timestamp) ?? [];
  const ms = Date.parse(`${seconds.replace(' ', 'T')}${zone}`);
  if (!(ms >= 0)) throw malformed('At /timestamp: no time.');
  return ms * 1_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

function requireSame(header: string | undefined, member: string): void {
  if (header !== undefined && header !== member) throw malformed('A header and the body name two events.');
}

function malformed(publicDetail: string): GatewayError {
  return new GatewayError('SW_BAD_SCHEMA', publicDetail, { publicDetail });
}

function refuse(why: string): never {
  throw new GatewayError('SW_SCAIKEY_SIGNATURE', why);
}
