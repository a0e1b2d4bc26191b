import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../kernel/errors.js';
import type { Clock, Randomness } from '../kernel/ports.js';
import { LIMITS } from '../kernel/limits.js';
import { subscriberOf } from '../kernel/subscriber.js';
import { AddressBuckets } from './address-buckets.js';
import { clientAddress } from './client-address.js';
import type { Checked } from './exchange.js';
import { inspectHead } from './intake.js';

export interface FrontParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
  /** Proxies whose X-Forwarded-For is believed; they are not limited themselves. */
  readonly isTrustedProxy: (address: string) => boolean;
}

/** A request may go on when its head is unambiguous and its sender is within its rate. */
export class Front {
  private readonly buckets: AddressBuckets;

  constructor(private readonly parts: FrontParts) {
    const limits = {
      ratePerSecond: LIMITS.addressRequestsPerSecond,
      burst: LIMITS.addressRequestsBurst,
      trackedMax: LIMITS.addressesTrackedMax,
    };
    this.buckets = new AddressBuckets(limits, parts.clock);
  }

  newRequestId(): string {
    return this.parts.randomness.uuid();
  }

  check(request: IncomingMessage, requestId: string): Checked {
    const socketAddress = request.socket.remoteAddress ?? '';
    const forwardedFor = request.headers['x-forwarded-for'];
    const named = typeof forwardedFor === 'string' ? forwardedFor : undefined;
    const address = clientAddress(socketAddress, named, this.parts.isTrustedProxy);
    if (address !== null) this.spend(address);
    const head = { method: request.method ?? '', target: request.url ?? '', rawHeaders: request.rawHeaders };
    return { requestId, headers: inspectHead(head), remoteAddress: address ?? socketAddress };
  }

  private spend(address: string): void {
    const retryAfterSeconds = this.buckets.take(subscriberOf(address));
    if (retryAfterSeconds === 0) return;
    throw new GatewayError('SW_RATE_LIMIT_EXCEEDED', 'address bucket is empty', { retryAfterSeconds });
  }
}
