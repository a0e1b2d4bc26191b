import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { readBody } from '../../../src/http/read-body.js';
import { streamBody } from '../../../src/http/stream-body.js';
import { Unhurried } from '../../../src/http/unhurried.js';
import { outcome } from '../../support/fixtures.js';

type Read = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

const BYTES_MAX = 1_000;

const READERS: readonly (readonly [title: string, read: Read])[] = [
  ['that is held', (request, response) => readBody(request, response, BYTES_MAX)],
  [
    'that is read as it comes',
    async (request, response) => {
      const body = streamBody(request, response, new Unhurried(), { bytesMax: BYTES_MAX, idleMs: 60_000 });
      for await (const _ of body.chunks);
    },
  ],
];

describe('A client that goes before its body is read', () => {
  let server: Server;

  beforeEach(async () => {
    server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  for (const [title, reader] of READERS) {
    for (const [sent, bytes] of [['a part', 'abc'], ['the whole', 'abcdefghij']] as const) {
      it(`cuts off a body ${title}, though ${sent} of it came`, async () => {
        const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
        socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n${bytes}`);
        const [request, response] = await asked;
        const gone = once(response, 'close');
        socket.destroy();
        await gone;
        expect(await outcome(() => reader(request, response))).to.equal('SW_BAD_REQUEST');
      });
    }
  }
});
