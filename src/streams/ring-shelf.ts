import type { TenantId } from '../kernel/ids.js';
import { TenantRing, type RingBounds } from './tenant-ring.js';
import type { WireMessage } from './stream-wire.js';

export interface ShelfBounds extends RingBounds {
  /** Of all rings together. */
  readonly allBytesMax: number;
  /** Between looks for rings that have grown too old. */
  readonly sweepMs: number;
}

/**
 * The rings of all tenants. Together they are bounded as well: the eldest message of all makes room. A ring without anything
 * in it goes, and one that comes after it is numbered further on, so that no reader's place points behind its end.
 */
export class RingShelf {
  private readonly rings = new Map<TenantId, TenantRing>();
  private bytes = 0;
  private nextFirst = 0;
  private sweptMs = 0;

  constructor(private readonly bounds: ShelfBounds) {}

  get size(): number {
    return this.rings.size;
  }

  of(tenantId: TenantId): TenantRing {
    const ring = this.rings.get(tenantId) ?? new TenantRing(this.bounds, this.nextFirst);
    this.rings.set(tenantId, ring);
    return ring;
  }

  append(tenantId: TenantId, message: WireMessage, nowMs: number): void {
    this.change(this.of(tenantId), (ring) => ring.append(message, nowMs));
    while (this.bytes > this.bounds.allBytesMax) this.change(this.eldest(), (ring) => ring.drop(1));
    if (nowMs - this.sweptMs >= this.bounds.sweepMs) this.sweep(nowMs);
  }

  erase(tenantId: TenantId, isErased: (messageId: string) => boolean): void {
    this.change(this.of(tenantId), (ring) => ring.erase(isErased));
  }

  private eldest(): TenantRing {
    let eldest: TenantRing | undefined;
    for (const ring of this.rings.values()) {
      if ((ring.eldestAtMs ?? Infinity) < (eldest?.eldestAtMs ?? Infinity)) eldest = ring;
    }
    if (eldest === undefined) throw new Error('bytes are kept in no ring');
    return eldest;
  }

  private sweep(nowMs: number): void {
    this.sweptMs = nowMs;
    for (const [tenantId, ring] of this.rings) {
      this.change(ring, () => ring.dropOld(nowMs));
      if (!ring.isIdle) continue;
      this.nextFirst = Math.max(this.nextFirst, ring.end);
      this.rings.delete(tenantId);
    }
  }

  private change(ring: TenantRing, work: (ring: TenantRing) => void): void {
    const before = ring.bytes;
    work(ring);
    this.bytes += ring.bytes - before;
  }
}
