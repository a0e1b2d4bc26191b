import type { Clock, TokenRate } from '../kernel/ports.js';
import { takeFrom, type TokenBucket } from '../kernel/token-bucket.js';

export interface BucketLimits extends TokenRate {
  /** How many addresses are remembered; the one not seen for longest is forgotten first. */
  readonly trackedMax: number;
}

/** A token bucket for each address, in bounded memory, before anything is known of a caller. */
export class AddressBuckets {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly limits: BucketLimits,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  /** Takes a token; 0 if there was one, else the seconds until there is. */
  take(address: string): number {
    const { bucket, answer } = takeFrom(this.buckets.get(address), this.clock.monotonicMs(), this.limits);
    this.#remember(address, bucket);
    return Math.ceil(answer.retryAfterMs / 1000);
  }

  #remember(address: string, bucket: TokenBucket): void {
    this.buckets.delete(address);
    this.buckets.set(address, bucket);
    if (this.buckets.size <= this.limits.trackedMax) return;
    const [oldest] = this.buckets.keys();
    if (oldest !== undefined) this.buckets.delete(oldest);
  }
}
