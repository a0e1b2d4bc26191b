import type { Egress, EgressRequest } from '../egress/egress.js';
import { EgressFailure } from '../egress/egress-failure.js';
import { GatewayError } from '../kernel/errors.js';
import type { JsonObject, JsonValue } from '../kernel/events.js';
import { LIMITS } from '../kernel/limits.js';

export interface ScaikeyReply {
  readonly status: number;
  /** null where the body is not JSON. */
  readonly body: JsonValue;
}

export interface ScaikeyRequest extends Pick<EgressRequest, 'method' | 'headers' | 'body' | 'signal'> {
  /** Path and query, behind `SCAIWAVE_SCAIKEY_URL`. */
  readonly target: string;
}

/** One call to ScaiKey. Whatever status it answers is an answer; throws SW_SCAIKEY_UNREACHABLE when none came. */
export type CallScaikey = (request: ScaikeyRequest) => Promise<ScaikeyReply>;

const TRANSFER = { totalMs: LIMITS.scaikeyTotalMs, answerBytesMax: LIMITS.scaikeyAnswerBytesMax };

export function scaikeyOver(egress: Pick<Egress, 'request'>, scaikeyUrl: string): CallScaikey {
  const base = scaikeyUrl.replace(/\/$/, '');
  return async ({ target, ...request }) => {
    try {
      const { status, body } = await egress.request({ ...request, url: base + target, limits: TRANSFER });
      return { status, body: jsonOf(body) };
    } catch (cause) {
      if (cause instanceof EgressFailure) throw new GatewayError('SW_SCAIKEY_UNREACHABLE', `${pathOf(target)}: ${cause.message}`, { cause });
      throw cause;
    }
  };
}

/** What was asked, without what it was asked about. */
export function unexpected(target: string, what: string): GatewayError {
  return new GatewayError('SW_SCAIKEY_UNREACHABLE', `${pathOf(target)}: ${what}`);
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}

function jsonOf(body: Buffer): JsonValue {
  try {
    return JSON.parse(body.toString('utf8')) as JsonValue;
  } catch {
    return null;
  }
}
