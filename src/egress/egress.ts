import { lookup } from 'node:dns/promises';
import { Agent, Pool } from 'undici';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Meter, RawReply, Timers } from '../kernel/ports.js';
import { assertOutsideTransaction } from '../kernel/transaction-scope.js';
import { AddressGuard, type Resolver } from './address-guard.js';
import { AllowList } from './allow-list.js';
import { Deadline } from './deadline.js';
import { EgressFailure, egressFailureOf } from './egress-failure.js';
import { guardedConnector } from './guarded-connector.js';
import { readReply } from './read-reply.js';

export interface EgressLimits {
  readonly totalMs: number;
  readonly answerBytesMax: number;
  /** What becomes of a longer answer: refused as a failure (when absent), or read up to the limit and cut there. */
  readonly longAnswer?: 'refuse' | 'cut';
}

export interface EgressRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  readonly url: string;
  /** Lower-case names. `host` and `accept-encoding` are ours and dropped. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly limits: EgressLimits;
  readonly signal?: AbortSignal;
}

export interface EgressOptions {
  /** `SCAIWAVE_EGRESS_ALLOW`, split. */
  readonly allow: readonly string[];
  /** Absent: the resolver of the system. */
  readonly resolve?: Resolver;
  /** PEM; absent: the roots of Node. */
  readonly trustedCa?: string;
}

const OWN_HEADERS: ReadonlySet<string> = new Set(['host', 'accept-encoding', 'connection', 'content-length', 'transfer-encoding']);

/** The only way out of the node over HTTP. Every failure is an {@link EgressFailure}. */
export class Egress {
  private readonly guard: AddressGuard;
  private readonly agent: Agent;

  constructor(
    options: EgressOptions,
    private readonly timers: Pick<Timers, 'after'>,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly meter: Pick<Meter, 'count' | 'observe'>,
  ) {
    this.guard = new AddressGuard(AllowList.parse(options.allow), options.resolve ?? systemResolver);
    this.agent = guardedAgent(this.guard, options.trustedCa);
  }

  /** Throws unless the URL may be called now; the same verdict as at the moment of a call. */
  async judgeUrl(url: string): Promise<void> {
    try {
      await this.guard.addresses(this.guard.target(url));
    } catch (thrown) {
      throw egressFailureOf(thrown);
    }
  }

  /** Answers with whatever status came, except a redirect, which is a failure. Nothing is repeated. */
  async request(request: EgressRequest): Promise<RawReply> {
    assertOutsideTransaction();
    const startedMs = this.clock.monotonicMs();
    try {
      const reply = await this.exchange(request);
      this.meter.count('egress_requests_total', { outcome: `${Math.trunc(reply.status / 100)}xx` });
      return reply;
    } catch (thrown) {
      const failure = egressFailureOf(thrown);
      this.meter.count('egress_requests_total', { outcome: failure.kind });
      throw failure;
    } finally {
      this.meter.observe('egress_seconds', (this.clock.monotonicMs() - startedMs) / 1000);
    }
  }

  /** Lets open exchanges end within their own limits, and closes the idle connections. */
  async close(): Promise<void> {
    await this.agent.close();
  }

  private async exchange({ method, url, headers, body, limits, signal }: EgressRequest): Promise<RawReply> {
    this.guard.target(url);
    const { origin, pathname, search } = new URL(url);
    const deadline = new Deadline(this.timers, limits.totalMs, signal);
    try {
      const answer = await this.agent.request({
        origin,
        path: pathname + search,
        method,
        headers: outgoing(headers ?? {}),
        body: body ?? null,
        signal: deadline.signal,
      });
      return await readReply(answer, url, limits);
    } catch (thrown) {
      throw deadline.reason() ?? thrown;
    } finally {
      deadline.clear();
    }
  }
}

/** One bounded pool for each origin, gone when its last connection has been idle. */
function guardedAgent(guard: AddressGuard, trustedCa: string | undefined): Agent {
  return new Agent({
    maxOrigins: LIMITS.egressOriginsMax,
    // A deadline of our own bounds every exchange; the client's are coarser and would only cut long totals short.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: LIMITS.egressIdleMs,
    keepAliveMaxTimeout: LIMITS.egressIdleMs,
    maxHeaderSize: LIMITS.headerBytesMax,
    factory: (origin, options) =>
      new Pool(origin, {
        ...options,
        connections: LIMITS.egressConnectionsPerOriginMax,
        connect: guardedConnector(guard, guard.target(origin.toString()), {
          connectMs: LIMITS.egressConnectMs,
          trustedCa,
        }),
      }),
  });
}

function outgoing(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), 'accept-encoding': 'identity' };
}

const systemResolver: Resolver = async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address);
