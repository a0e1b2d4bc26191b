import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedPost {
  readonly headers: IncomingHttpHeaders;
  readonly raw: Buffer;
  readonly body: Readonly<Record<string, unknown>> & { readonly event_id: string; readonly type: string };
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long it thinks before it answers. */
  readonly afterMs?: number;
}

/** A webhook on a real socket that keeps what it got and answers as it is told. */
export class WebhookReceiver {
  readonly posts: ReceivedPost[] = [];
  /** What to answer to a post; absent: 200 without a word. */
  answer: (post: ReceivedPost) => ScriptedAnswer | Promise<ScriptedAnswer> = () => ({ status: 200 });
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  get bodies(): readonly string[] {
    return this.posts.map(({ body }) => textOf(body['content']));
  }

  /** The second time on the same port as the first. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const raw = Buffer.concat(chunks);
        const post = { headers: request.headers, raw, body: JSON.parse(raw.toString()) as ReceivedPost['body'] };
        this.posts.push(post);
        const write = ({ status, body = '', headers = {}, afterMs = 0 }: ScriptedAnswer): unknown =>
          setTimeout(() => response.writeHead(status, { ...headers, connection: 'close' }).end(body), afterMs);
        void Promise.resolve(this.answer(post)).then(write, () => response.destroy());
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function textOf(content: unknown): string {
  return typeof content === 'object' && content !== null && 'body' in content ? String(content.body) : '';
}
