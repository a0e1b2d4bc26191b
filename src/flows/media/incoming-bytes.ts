import { createHash } from 'node:crypto';
import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';

/** Reserves bytes of an upload beforehand. Throws when they cannot be had, or when the upload was given up. */
export interface Reserve {
  /** At least `needed`, better `wanted`; answers how many. */
  more(needed: number, wanted: number): Promise<number>;
  /** Says that the upload goes on. */
  renew(): Promise<void>;
}

/** A file as it comes in: measured, hashed, never ahead of what is reserved for it, and never held. */
export class IncomingBytes {
  #size = 0;
  readonly #hash = createHash('sha256');
  #sample: Buffer = Buffer.alloc(0);
  readonly #startedMs: number;
  #renewedMs: number;

  constructor(
    private readonly reserve: Reserve,
    private reservedBytes: number,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.#startedMs = clock.monotonicMs();
    this.#renewedMs = this.#startedMs;
  }

  get size(): number {
    return this.#size;
  }

  /** The beginning, by which its type is told. */
  get sample(): Buffer {
    return this.#sample;
  }

  /** Once, when all has come. */
  sha256(): Buffer {
    return this.#hash.digest();
  }

  async *through(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#size += chunk.length;
      if (this.#size > LIMITS.mediaBytesMax) throw tooLarge();
      await this.#keepPace();
      this.#hash.update(chunk);
      const lacking = LIMITS.mediaSampleBytes - this.#sample.length;
      if (lacking > 0) this.#sample = Buffer.concat([this.#sample, chunk.subarray(0, lacking)]);
      yield chunk;
    }
    if (this.#size === 0) throw new GatewayError('SW_BAD_REQUEST', 'empty upload', { publicDetail: 'The file is empty.' });
  }

  async #keepPace(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#startedMs > LIMITS.mediaUploadMs) throw new GatewayError('SW_REQUEST_TIMEOUT', 'the upload takes too long');
    if (this.#size > this.reservedBytes) {
      const needed = this.#size - this.reservedBytes;
      this.reservedBytes += await this.reserve.more(needed, Math.max(needed, LIMITS.mediaStepBytes));
    } else if (nowMs - this.#renewedMs > LIMITS.mediaRenewMs) await this.reserve.renew();
    else return;
    this.#renewedMs = nowMs;
  }
}

export function tooLarge(): GatewayError {
  return new GatewayError('SW_BODY_TOO_LARGE', `more than ${LIMITS.mediaBytesMax} bytes`);
}
