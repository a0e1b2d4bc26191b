import { isErrorCode, type ErrorCode } from '../kernel/errors.js';
import type { JsonObject, JsonValue } from '../kernel/events.js';
import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, PeerExchange, Randomness, RawReply } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { signRequest } from '../protocol/request-signature.js';
import { parseStrictJson } from '../protocol/strict-json.js';
import { ExpiringMap } from '../store/cache/expiring-map.js';
import type { OwnKeys } from './own-keys.js';

const NONCE_BYTES = 24;
const RETRY_AFTER = /^\d{1,6}$/;

export interface PeerAnswer {
  readonly status: number;
  readonly body: JsonObject;
  /** Of a refusal, where it is a code that we know. */
  readonly code?: ErrorCode;
  readonly retryAfterMs?: number;
}

export interface PeerClientParts {
  readonly keys: Pick<OwnKeys, 'current'>;
  readonly exchange: PeerExchange;
  readonly clock: Clock;
  readonly randomness: Pick<Randomness, 'bytes'>;
}

/** Calls other servers in the name of a tenant. Each attempt is signed anew. */
export class PeerClient {
  /** How far a peer's clock is ahead of ours. It only dates what we sign for that peer. */
  private readonly offsets: ExpiringMap<number>;

  constructor(private readonly parts: PeerClientParts) {
    this.offsets = new ExpiringMap(LIMITS.peersCachedMax, parts.clock);
  }

  /**
   * Answers with whatever the peer said, refusals included. Throws SW_FED_PEER_UNREACHABLE when nothing came, and
   * SW_FED_ANSWER_INVALID when what came is not JSON as agreed.
   */
  async call(ctx: TenantContext, destination: ServerName, method: 'GET' | 'POST', target: string, json?: JsonValue | object): Promise<PeerAnswer> {
    const body = method === 'POST' ? Buffer.from(JSON.stringify(json ?? {}), 'utf8') : undefined;
    const first = await this.attempt(ctx, destination, method, target, body);
    const answer = readAnswer(first);
    if (answer.code !== 'SW_FED_SIGNATURE_EXPIRED' || !this.learnOffset(destination, first)) return answer;
    return readAnswer(await this.attempt(ctx, destination, method, target, body));
  }

  private async attempt(ctx: TenantContext, destination: ServerName, method: 'GET' | 'POST', target: string, body: Buffer | undefined): Promise<RawReply> {
    const { keys, exchange, clock, randomness } = this.parts;
    const key = await keys.current(ctx);
    const nowMs = clock.nowMs() + (this.offsets.get(destination) ?? 0);
    const nonce = randomness.bytes(NONCE_BYTES).toString('base64url');
    const headers = { ...signRequest(key, { destination, method, target, body, nowMs, nonce }), accept: 'application/json' };
    return exchange({ destination, method, target, headers, body });
  }

  /** Takes the peer's own `Date` for its clock; false when that tells nothing new. */
  private learnOffset(destination: ServerName, reply: RawReply): boolean {
    const theirMs = Date.parse(reply.headers['date'] ?? '');
    if (!Number.isSafeInteger(theirMs) || theirMs < 0) return false;
    const offsetMs = theirMs - this.parts.clock.nowMs();
    if (Math.abs(offsetMs - (this.offsets.get(destination) ?? 0)) < LIMITS.clockSkewMs / 2) return false;
    return this.offsets.set(destination, offsetMs, LIMITS.clockOffsetKeptMs);
  }
}

function readAnswer({ status, headers, body }: RawReply): PeerAnswer {
  const json = readObject(body, status);
  const code = status >= 400 ? codeOf(json) : undefined;
  const wait = headers['retry-after'] ?? '';
  return {
    status,
    body: json,
    ...(code === undefined ? {} : { code }),
    ...(RETRY_AFTER.test(wait) ? { retryAfterMs: Number(wait) * 1000 } : {}),
  };
}

/** A refusal may come from a proxy in another form; a success may not. */
function readObject(body: Buffer, status: number): JsonObject {
  if (body.length > LIMITS.peerAnswerBytesMax) throw new GatewayError('SW_FED_ANSWER_INVALID', `${body.length} bytes`);
  try {
    const value = parseStrictJson(body);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
  }
  if (status >= 400) return {};
  throw new GatewayError('SW_FED_ANSWER_INVALID', `an answer of status ${status} is not a JSON object`);
}

function codeOf(json: JsonObject): ErrorCode | undefined {
  const error = json['error'];
  const code = isObject(error) ? error['code'] : undefined;
  return isErrorCode(code) ? code : undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
