import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Meter } from '../kernel/ports.js';
import { subscriberOf } from '../kernel/subscriber.js';
import { refillMs, takeFrom, type TokenBucket } from '../kernel/token-bucket.js';
import { readDescriptor, type Descriptor } from '../protocol/descriptor.js';
import { ExpiringMap } from '../store/cache/expiring-map.js';
import type { DescriptorSource } from './http-exchange.js';

const PER_NODE = { ratePerSecond: LIMITS.descriptorFetchesPerMinute / 60, burst: LIMITS.descriptorFetchesPerMinute };
const PER_ADDRESS = {
  ratePerSecond: LIMITS.descriptorFetchesPerAddressPerMinute / 60,
  burst: LIMITS.descriptorFetchesPerAddressPerMinute,
};

interface Failure {
  readonly waitMs: number;
  readonly retryAtMs: number;
}

export interface DescriptorFetchParts {
  readonly contract: Parameters<typeof readDescriptor>[0];
  readonly source: DescriptorSource;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'count'>;
}

/** Fetches descriptors, one at a time per name, and never more than strangers may make us fetch. */
export class DescriptorFetches {
  private readonly running = new Map<ServerName, Promise<Descriptor>>();
  /** Of those that strangers named. */
  private readonly failures: ExpiringMap<Failure>;
  /** When one may be tried again that our own people asked for. */
  private readonly inVain: ExpiringMap<number>;
  private readonly subscribers: ExpiringMap<TokenBucket>;
  private readonly node: { forStrangers?: TokenBucket; forPeers?: TokenBucket } = {};

  constructor(private readonly parts: DescriptorFetchParts) {
    this.failures = new ExpiringMap(LIMITS.unprovenServersMax, parts.clock);
    this.inVain = new ExpiringMap(LIMITS.unprovenServersMax, parts.clock);
    this.subscribers = new ExpiringMap(LIMITS.addressesTrackedMax, parts.clock);
  }

  /** Because somebody unproven asked in the name of a stranger; undefined if it must not be fetched now. */
  ofStranger(server: ServerName, remoteAddress: string): Promise<Descriptor> | undefined {
    if (this.running.has(server) || !this.mayTry(server)) return undefined;
    if (!this.subscriberMay(remoteAddress) || !this.nodeMay('forStrangers')) return undefined;
    return this.fetch(server).catch((error: unknown) => {
      this.remember(server);
      throw error;
    });
  }

  /**
   * Because somebody unproven asked in the name of a peer; how often for one peer, the caller bounds. Strangers use up
   * nothing of it: a peer that has just changed its key is let in again however many of them knock.
   */
  ofPeer(server: ServerName): Promise<Descriptor> | undefined {
    return !this.running.has(server) && this.nodeMay('forPeers') ? this.fetch(server) : undefined;
  }

  /**
   * Because one of our own people needs it. What strangers were told does not bind them: a server that was not up when it
   * was first named is met a few seconds after it is.
   */
  async needed(server: ServerName): Promise<Descriptor> {
    const retryAtMs = this.inVain.get(server);
    if (retryAtMs !== undefined) {
      const retryAfterSeconds = Math.ceil((retryAtMs - this.parts.clock.monotonicMs()) / 1000);
      throw new GatewayError('SW_FED_PEER_UNREACHABLE', `${server} failed a moment ago`, { retryAfterSeconds });
    }
    try {
      return await this.fetch(server);
    } catch (error) {
      this.inVain.set(server, this.parts.clock.monotonicMs() + LIMITS.descriptorNeededWaitMs, LIMITS.descriptorNeededWaitMs);
      throw error;
    }
  }

  /** Whatever happened before: an administrator asked. */
  fetch(server: ServerName): Promise<Descriptor> {
    const running = this.running.get(server);
    if (running !== undefined) return running;
    const started = this.start(server).finally(() => this.running.delete(server));
    this.running.set(server, started);
    return started;
  }

  /** A full list of failures is a flood of names: then no name that is not on it is tried. */
  private mayTry(server: ServerName): boolean {
    const failed = this.failures.get(server);
    if (failed === undefined) return this.failures.size < LIMITS.unprovenServersMax;
    return failed.retryAtMs <= this.parts.clock.monotonicMs();
  }

  private subscriberMay(remoteAddress: string): boolean {
    const subscriber = subscriberOf(remoteAddress);
    const { bucket, answer } = takeFrom(this.subscribers.get(subscriber), this.parts.clock.monotonicMs(), PER_ADDRESS);
    return this.subscribers.set(subscriber, bucket, refillMs(PER_ADDRESS)) && answer.allowed;
  }

  private nodeMay(fetch: 'forStrangers' | 'forPeers'): boolean {
    const { bucket, answer } = takeFrom(this.node[fetch], this.parts.clock.monotonicMs(), PER_NODE);
    this.node[fetch] = bucket;
    return answer.allowed;
  }

  private async start(server: ServerName): Promise<Descriptor> {
    try {
      const descriptor = await readDescriptor(this.parts.contract, await this.parts.source(server), server);
      this.failures.delete(server);
      this.parts.meter.count('fed_descriptor_fetches_total', { outcome: 'ok' });
      return descriptor;
    } catch (error) {
      this.parts.meter.count('fed_descriptor_fetches_total', { outcome: error instanceof GatewayError ? error.code : 'error' });
      throw error;
    }
  }

  private remember(server: ServerName): void {
    const waitMs = Math.min(2 * (this.failures.get(server)?.waitMs ?? LIMITS.descriptorFailureMinMs / 2), LIMITS.descriptorFailureMaxMs);
    const retryAtMs = this.parts.clock.monotonicMs() + waitMs;
    // Kept beyond the wait, or the next failure would not know how long the last one was.
    this.failures.set(server, { waitMs, retryAtMs }, 2 * waitMs);
  }
}
