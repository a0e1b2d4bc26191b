import { LIMITS } from '../kernel/limits.js';
import type { EphemeralMessage, Timer, Timers } from '../kernel/ports.js';

/**
 * Tells one reader that somebody types no more, unless they said in time that they still do. It is counted where it is
 * read: whichever process a person speaks to, every reader's process hears of it.
 */
export class TypingFades {
  readonly #running = new Map<string, Timer>();

  constructor(
    private readonly timers: Pick<Timers, 'after'>,
    private readonly tell: (message: EphemeralMessage) => void,
  ) {}

  /** With more than so many at once, the rest are left to `clears_after_ms`. */
  hear(message: EphemeralMessage): void {
    const { kind, roomId, payload } = message;
    if (kind !== 'typing' || !('typing' in payload) || !('participant_id' in payload)) return;
    const key = `${roomId} ${String(payload.participant_id)}`;
    this.#running.get(key)?.cancel();
    this.#running.delete(key);
    if (payload.typing !== true || this.#running.size >= LIMITS.typersPerStreamMax) return;
    const fade = (): void => {
      this.#running.delete(key);
      this.tell({ ...message, payload: { ...payload, typing: false } });
    };
    this.#running.set(key, this.timers.after(LIMITS.typingMs, fade));
  }

  end(): void {
    for (const timer of this.#running.values()) timer.cancel();
    this.#running.clear();
  }
}
