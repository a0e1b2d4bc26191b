import type { WireMessage } from './stream-wire.js';

export interface RingBounds {
  readonly messagesMax: number;
  readonly keptMs: number;
  /** A message id that comes again within this time is a repeat. */
  readonly repeatMs: number;
}

interface Kept {
  /** Gone when it was erased; its place stays. */
  readonly message: WireMessage | undefined;
  readonly messageId: string;
  readonly atMs: number;
}

/** The last messages of one tenant, numbered without holes. The oldest go when there are too many or they are too old. */
export class TenantRing {
  private readonly kept: Kept[] = [];
  private readonly seenAtMs = new Map<string, number>();
  private readonly waiting = new Set<() => void>();
  private first = 0;

  constructor(private readonly bounds: RingBounds) {}

  /** The place after the newest message. */
  get end(): number {
    return this.first + this.kept.length;
  }

  append(message: WireMessage, nowMs: number): void {
    const seenAtMs = this.seenAtMs.get(message.messageId);
    if (seenAtMs !== undefined && nowMs - seenAtMs < this.bounds.repeatMs) return;
    this.kept.push({ message, messageId: message.messageId, atMs: nowMs });
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
    for (const [index, { messageId, atMs }] of this.kept.entries()) {
      if (isErased(messageId)) this.kept[index] = { message: undefined, messageId, atMs };
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

  private dropOld(nowMs: number): void {
    let gone = Math.max(0, this.kept.length - this.bounds.messagesMax);
    while (gone < this.kept.length && nowMs - (this.kept[gone]?.atMs ?? nowMs) > this.bounds.keptMs) gone += 1;
    for (const { messageId, atMs } of this.kept.splice(0, gone)) {
      if (this.seenAtMs.get(messageId) === atMs) this.seenAtMs.delete(messageId);
    }
    this.first += gone;
  }
}
