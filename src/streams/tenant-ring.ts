import type { WireMessage } from './stream-wire.js';

export interface RingBounds {
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly keptMs: number;
  /** A message id that comes again within this time is a repeat. */
  readonly repeatMs: number;
}

interface Kept {
  /** Gone when it was erased; its place stays. */
  readonly message: WireMessage | undefined;
  readonly messageId: string;
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * The last messages of one tenant, numbered without holes from `first` on. The oldest go when there are too many, when they
 * are too long together, or when they are too old.
 */
export class TenantRing {
  private readonly kept: Kept[] = [];
  private readonly seenAtMs = new Map<string, number>();
  private readonly waiting = new Set<() => void>();
  private heldBytes = 0;

  constructor(
    private readonly bounds: RingBounds,
    private first = 0,
  ) {}

  /** The place after the newest message. */
  get end(): number {
    return this.first + this.kept.length;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** When the oldest message came; undefined without any. */
  get eldestAtMs(): number | undefined {
    return this.kept[0]?.atMs;
  }

  /** Nothing is kept, and nobody waits for more. */
  get isIdle(): boolean {
    return this.kept.length === 0 && this.waiting.size === 0;
  }

  append(message: WireMessage, nowMs: number): void {
    const seenAtMs = this.seenAtMs.get(message.messageId);
    if (seenAtMs !== undefined && nowMs - seenAtMs < this.bounds.repeatMs) return;
    const bytes = bytesOf(message);
    this.kept.push({ message, messageId: message.messageId, atMs: nowMs, bytes });
    this.heldBytes += bytes;
    this.seenAtMs.set(message.messageId, nowMs);
    this.dropOld(nowMs);
    for (const wake of [...this.waiting]) wake();
  }

  /** The place of the first message at or after a time. */
  placeAt(sinceMs: number): number {
    const at = this.kept.findIndex(({ atMs }) => atMs >= sinceMs);
    return at < 0 ? this.end : this.first + at;
  }

  /** The message at `place` or, when that is gone, the next one kept. */
  at(place: number): { readonly message: WireMessage; readonly next: number } | undefined {
    for (let real = Math.max(place, this.first); real < this.end; real += 1) {
      const message = this.kept[real - this.first]?.message;
      if (message !== undefined) return { message, next: real + 1 };
    }
    return undefined;
  }

  erase(isErased: (messageId: string) => boolean): void {
    for (const [index, { messageId, atMs, bytes }] of this.kept.entries()) {
      if (!isErased(messageId)) continue;
      this.kept[index] = { message: undefined, messageId, atMs, bytes: 0 };
      this.heldBytes -= bytes;
    }
  }

  /** Resolves when something was appended, or the signal aborts. */
  async appended(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  dropOld(nowMs: number): void {
    const { messagesMax, bytesMax, keptMs } = this.bounds;
    let gone = Math.max(0, this.kept.length - messagesMax);
    let bytes = this.kept.slice(0, gone).reduce((sum, one) => sum + one.bytes, 0);
    for (let next = this.kept[gone]; next !== undefined && (this.heldBytes - bytes > bytesMax || nowMs - next.atMs > keptMs); next = this.kept[gone]) {
      bytes += next.bytes;
      gone += 1;
    }
    this.drop(gone);
  }

  /** The oldest messages, from the first on. */
  drop(count: number): void {
    for (const { messageId, atMs, bytes } of this.kept.splice(0, count)) {
      this.heldBytes -= bytes;
      if (this.seenAtMs.get(messageId) === atMs) this.seenAtMs.delete(messageId);
    }
    this.first += count;
  }
}

function bytesOf({ subject, data, messageId }: WireMessage): number {
  return Buffer.byteLength(data) + subject.length + messageId.length;
}
