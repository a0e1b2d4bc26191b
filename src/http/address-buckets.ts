import type { Clock } from '../kernel/ports.js';

export interface BucketLimits {
  readonly perSecond: number;
  readonly burst: number;
  /** How many addresses are remembered; the one not seen for longest is forgotten first. */
  readonly trackedMax: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A token bucket for each address, in bounded memory, before anything is known of a caller. */
export class AddressBuckets {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly limits: BucketLimits,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  /** Takes a token; 0 if there was one, else the seconds until there is. */
  take(address: string): number {
    const now = this.clock.monotonicMs();
    const bucket = this.buckets.get(address) ?? { tokens: this.limits.burst, filledAtMs: now };
    const refilled = ((now - bucket.filledAtMs) / 1000) * this.limits.perSecond;
    bucket.tokens = Math.min(this.limits.burst, bucket.tokens + refilled);
    bucket.filledAtMs = now;
    this.remember(address, bucket);
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.limits.perSecond);
    bucket.tokens -= 1;
    return 0;
  }

  get size(): number {
    return this.buckets.size;
  }

  private remember(address: string, bucket: Bucket): void {
    this.buckets.delete(address);
    this.buckets.set(address, bucket);
    if (this.buckets.size <= this.limits.trackedMax) return;
    const [oldest] = this.buckets.keys();
    if (oldest !== undefined) this.buckets.delete(oldest);
  }
}
