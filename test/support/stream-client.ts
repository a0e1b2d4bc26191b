import { WebSocket } from 'ws';
import { eventually, type Gateway } from './gateway.js';

export type Frame = Readonly<Record<string, unknown>>;

/** A client of `/v1/stream`: every frame it was sent, and how the stream ended. */
export class StreamClient {
  readonly frames: Frame[] = [];
  ended: { readonly code: number; readonly reason: string } | undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.frames.push(JSON.parse(data.toString()) as Frame));
    socket.on('close', (code, reason) => (this.ended = { code, reason: reason.toString() }));
    socket.on('error', () => undefined);
  }

  /** Resolves with the first frame, or with the end of a stream that is refused. */
  static async open(gateway: Pick<Gateway, 'url'>, token: string): Promise<StreamClient> {
    const client = new StreamClient(new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/stream?token=${encodeURIComponent(token)}`));
    await eventually(async () => client.frames.length > 0 || client.ended !== undefined);
    // `hello` is sent before the stream follows the log.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return client;
  }

  /** The first frame that `matches`, as soon as it is there. */
  async next(matches: (frame: Frame) => boolean, withinMs = 10_000): Promise<Frame> {
    return eventually(async () => this.frames.find(matches), withinMs);
  }

  async end(withinMs = 10_000): Promise<{ readonly code: number; readonly reason: string }> {
    return eventually(async () => this.ended, withinMs);
  }

  close(): void {
    this.socket.terminate();
  }
}
