import type { Contract } from '../contract/contract.js';
import type { Egress, EgressRequest } from '../egress/egress.js';
import { EgressFailure } from '../egress/egress-failure.js';
import { codeOf, GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Meter, RawReply } from '../kernel/ports.js';
import type { ScaigridKey } from './scaigrid-key.js';

export type CallName = 'models' | 'usage' | 'queue';

export interface ScaigridRequest {
  readonly call: CallName;
  readonly method: 'GET' | 'POST';
  /** Path and query, below the address of ScaiGrid. */
  readonly target: string;
  readonly key: ScaigridKey;
  readonly body?: object;
  /** Schema of the whole answer. */
  readonly answer: string;
}

export interface ScaigridCallDeps {
  /** Without a slash at its end. */
  readonly url: string;
  readonly egress: Pick<Egress, 'request'>;
  readonly contract: Pick<Contract, 'validate'>;
  readonly meter: Pick<Meter, 'count'>;
}

/**
 * One call of ScaiGrid, bounded in time and size. Throws SW_AI_NO_TOKEN when the key is refused, SW_AI_UNAVAILABLE for
 * everything else that is not the documented answer. Nothing is repeated here.
 */
export class ScaigridCall {
  constructor(private readonly deps: ScaigridCallDeps) {}

  async send<T>(request: ScaigridRequest): Promise<T> {
    try {
      const answer = await this.exchange<T>(request);
      this.deps.meter.count('scaigrid_calls_total', { call: request.call, outcome: 'ok' });
      return answer;
    } catch (thrown) {
      const refusal = thrown instanceof EgressFailure ? unavailable(`${request.call}: ${thrown.message}`, thrown) : thrown;
      const outcome = codeOf(refusal);
      this.deps.meter.count('scaigrid_calls_total', { call: request.call, outcome });
      throw refusal;
    }
  }

  private async exchange<T>(request: ScaigridRequest): Promise<T> {
    const reply = await this.deps.egress.request(this.outgoing(request));
    if (reply.status < 200 || reply.status >= 300) throw refusalOf(request.call, reply);
    return this.deps.contract.validate<T>(request.answer, parsed(request.call, reply.body), 'SW_AI_UNAVAILABLE');
  }

  private outgoing({ method, target, key, body }: ScaigridRequest): EgressRequest {
    const headers = { accept: 'application/json', authorization: key.bearer() };
    return {
      method,
      url: `${this.deps.url}${target}`,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
      limits: { totalMs: LIMITS.scaigridTotalMs, answerBytesMax: LIMITS.scaigridAnswerBytesMax },
    };
  }
}

/** The status says enough; what a stranger wrote beside it may hold anything. */
function refusalOf(call: CallName, { status, headers }: RawReply): GatewayError {
  if (status === 401 || status === 403) return new GatewayError('SW_AI_NO_TOKEN', `${call}: ScaiGrid answered ${status}`);
  const seconds = /^\d{1,9}$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : undefined;
  return unavailable(`${call}: ScaiGrid answered ${status}`, undefined, seconds);
}

function parsed(call: CallName, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    throw unavailable(`${call}: the answer is not JSON`);
  }
}

function unavailable(note: string, cause?: unknown, retryAfterSeconds?: number): GatewayError {
  const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds: Math.min(retryAfterSeconds, LIMITS.scaigridRetryAfterMaxMs / 1_000) };
  return new GatewayError('SW_AI_UNAVAILABLE', note, { cause, ...wait });
}
