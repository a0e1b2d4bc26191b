import type { WebSocket } from 'ws';
import type { Caller } from '../../kernel/caller.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Timer, Timers } from '../../kernel/ports.js';
import type { StreamApi } from '../../flows/api/sync.js';
import { CLOSE, closeReasonOf } from './close-codes.js';
import type { CloseReason } from './close-codes.js';

/** The longest a timer can be set for. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface SessionParts {
  readonly stream: StreamApi;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Pick<Timers, 'after' | 'every'>;
}

/** One open stream: says hello, passes on what its person may see, and ends when the token or the connection does. */
export class StreamSession {
  private readonly ended = new AbortController();
  private readonly running: Timer[] = [];
  private answered = true;

  constructor(
    private readonly socket: WebSocket,
    private readonly caller: Caller,
    private readonly sessionId: string,
    private readonly parts: SessionParts,
  ) {}

  async run(): Promise<void> {
    this.watch();
    await this.send({ type: 'hello', session_id: this.sessionId, server_name: this.caller.ctx.serverName });
    try {
      for await (const event of this.parts.stream.follow(this.caller, this.ended.signal)) {
        if (this.ended.signal.aborted) break;
        await this.send(event);
      }
      this.close(CLOSE.tryAgain);
    } catch (error) {
      this.close(closeReasonOf(error));
      throw error;
    } finally {
      this.end();
    }
  }

  /** Closes politely, and cuts when the other side does not answer. */
  close({ code, reason }: CloseReason): void {
    if (this.ended.signal.aborted) return;
    this.end();
    this.socket.close(code, reason);
    const cut = this.parts.timers.after(LIMITS.streamHelloMs, () => this.socket.terminate());
    this.socket.once('close', () => cut.cancel());
  }

  private watch(): void {
    this.socket.on('pong', () => (this.answered = true));
    this.socket.once('close', () => this.end());
    this.running.push(this.parts.timers.every(LIMITS.streamPingMs, () => this.ping()));
    const { expiresAtMs } = this.caller;
    if (expiresAtMs === null) return;
    const remainingMs = Math.min(Math.max(0, expiresAtMs - this.parts.clock.nowMs()), TIMER_MAX_MS);
    this.running.push(this.parts.timers.after(remainingMs, () => this.close(CLOSE.expiredToken)));
  }

  private ping(): void {
    if (!this.answered) return this.close(CLOSE.pingTimeout);
    this.answered = false;
    this.socket.ping();
  }

  private end(): void {
    this.ended.abort();
    for (const timer of this.running.splice(0)) timer.cancel();
  }

  /** Waits while the client is behind by a buffer, so that a slow reader costs no more than that. */
  private async send(event: object): Promise<void> {
    // The client may have gone before its `close` is told; a stream that never waits would not let it be told.
    if (this.socket.readyState !== this.socket.OPEN) return this.end();
    const ts = new Date(this.parts.clock.nowMs()).toISOString();
    const frame = JSON.stringify({ ...event, tenant_id: this.caller.ctx.tenantId, ts });
    const behind = this.socket.bufferedAmount + Buffer.byteLength(frame) > LIMITS.streamBufferBytesMax;
    await new Promise<void>((resolve) => {
      // A send that fails is followed by `close`, which ends the session.
      this.socket.send(frame, () => resolve());
      if (!behind) resolve();
    });
  }
}
