import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The other system: takes webhooks, and believes nothing that the `standardwebhooks` library has not checked. */
export class Receiver {
  readonly received: Received[] = [];

  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  static async open(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const receiver = new Receiver(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => {
      buffer(request).then(
        (body) => {
          receiver.received.push({ headers: request.headers as Record<string, string>, body: body.toString() });
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ external_id: `ticket-${receiver.received.length}` }));
        },
        () => response.destroy(),
      );
    });
    return receiver;
  }

  /** Throws unless the call was signed with this secret, lately, over exactly this body. */
  check(secret: string, { headers, body }: Received): unknown {
    return new Webhook(secret).verify(body, headers);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
