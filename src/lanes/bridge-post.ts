import type { EgressFailure } from '../egress/egress-failure.js';
import { egressFailureOf } from '../egress/egress-failure.js';
import type { Egress } from '../egress/egress.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Meter, RawReply } from '../kernel/ports.js';
import type { OutboundPost } from '../protocol/transports/transport.js';
import type { BoundTransport } from '../protocol/transports/transports.js';
import { retryAfterMs } from './bridge-schedule.js';

/**
 * delivered: taken. refused: never this message. busy: not now, and nobody's fault. gone: never again at this address.
 * failed: anything else; `reached` if the other side answered.
 */
export interface PostOutcome {
  readonly kind: 'delivered' | 'refused' | 'busy' | 'gone' | 'failed';
  readonly status: number | null;
  readonly error: string | null;
  readonly ms: number;
  readonly answer: Buffer | null;
  readonly externalId: string | null;
  readonly retryAfterMs: number | undefined;
  readonly reached: boolean;
  /** False: the other side may have taken it all the same. */
  readonly known: boolean;
}

export interface PostTarget {
  readonly url: string;
  readonly transport: BoundTransport;
  readonly signal: AbortSignal;
}

/** Posts to webhooks, and says what an answer means. */
export class BridgePost {
  constructor(
    private readonly egress: Pick<Egress, 'request' | 'judgeUrl'>,
    private readonly clock: Clock,
    private readonly meter: Pick<Meter, 'count'>,
  ) {}

  /** The verdict when an address is saved is the verdict when it is used. Throws SW_BRIDGE_URL_REFUSED. */
  async judge(url: string): Promise<void> {
    try {
      await this.egress.judgeUrl(url);
    } catch (thrown) {
      const failure = egressFailureOf(thrown);
      throw new GatewayError('SW_BRIDGE_URL_REFUSED', failure.kind, { cause: failure, publicDetail: `${failure.message}.` });
    }
  }

  async send({ url, transport, signal }: PostTarget, { headers, body }: OutboundPost): Promise<PostOutcome> {
    const startedMs = this.clock.monotonicMs();
    const outcome = await this.egress
      .request({
        method: 'POST',
        url,
        headers,
        body,
        signal,
        limits: { totalMs: LIMITS.bridgeTotalMs, answerBytesMax: LIMITS.bridgeAnswerBytesMax, longAnswer: 'cut' },
      })
      .then((reply) => this.#answered(transport, reply))
      .catch((thrown: unknown) => failed(egressFailureOf(thrown)));
    this.meter.count('bridge_posts_total', { outcome: outcome.kind });
    return { ...outcome, ms: Math.round(this.clock.monotonicMs() - startedMs) };
  }

  #answered(transport: BoundTransport, { status, headers, body }: RawReply): PostOutcome {
    const after = retryAfterMs(headers['retry-after'], this.clock.nowMs());
    const answer = { status, error: null, ms: 0, answer: body, externalId: null, retryAfterMs: after, reached: true, known: true };
    if (status < 300) return { ...answer, kind: 'delivered', externalId: transport.readAnswer(body) };
    const error = `http_${status}`;
    if (status === 429) return { ...answer, kind: 'busy', error };
    if (transport.refusesForGood(body)) return { ...answer, kind: 'refused', error };
    return { ...answer, kind: status === 404 || status === 410 ? 'gone' : 'failed', error };
  }
}

function failed({ kind, mayHaveArrived }: EgressFailure): PostOutcome {
  const error = `egress_${kind.replaceAll('-', '_')}`;
  return { kind: 'failed', status: null, error, ms: 0, answer: null, externalId: null, retryAfterMs: undefined, reached: false, known: !mayHaveArrived };
}
