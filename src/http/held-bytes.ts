import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';


/** Bytes that all requests of a process hold together, up to a number. */
export class HeldBytes {
  #held = 0;

  constructor(private readonly bytesMax: number) {}

  /** The refusal, with nothing more held, when it would be too much. */
  hold(bytes: number): GatewayError | undefined {
    if (this.#held + bytes > this.bytesMax) return new GatewayError('SW_OVERLOADED', 'bodies of unproven senders', { retryAfterSeconds: LIMITS.overloadedRetryS });
    this.#held += bytes;
    return undefined;
  }

  free(bytes: number): void {
    this.#held -= bytes;
  }
}
