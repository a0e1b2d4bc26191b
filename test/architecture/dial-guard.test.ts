import { once } from 'node:events';
import { lookup } from 'node:dns';
import { lookup as lookupLater } from 'node:dns/promises';
import { request } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { connect as connectNats } from 'nats';
import pg from 'pg';
import { request as undiciRequest } from 'undici';
import { guardDials, type Dial } from '../support/dial-guard.js';

describe('the dial guard', () => {
  const strays: Dial[] = [];
  const server = createServer((socket) => socket.destroy());
  let port: number;
  let stop: () => void = () => undefined;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
    stop = guardDials((dial) => strays.push(dial));
  });

  beforeEach(() => strays.splice(0));

  after(async () => {
    stop();
    server.close();
    await once(server, 'close');
  });

  const refused = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
  const closed = (socket: NodeJS.EventEmitter): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve).on('error', () => undefined));

  const plants: Readonly<Record<string, () => Promise<unknown>>> = {
    'net.connect': () => closed(connect(port, '127.0.0.1')),
    'tls.connect': () => closed(connectTls(port, '127.0.0.1')),
    'http.request': () => closed(request({ port, host: '127.0.0.1' }).end()),
    'the global fetch, as jose would call it': () => refused(fetch(`http://127.0.0.1:${port}`)),
    'undici outside egress': () => refused(undiciRequest(`http://127.0.0.1:${port}`)),
    'dns.lookup': () => new Promise((resolve) => lookup('localhost', resolve)),
    'dns.promises.lookup': () => refused(lookupLater('localhost')),
    'a unix socket': () => closed(connect('/nowhere/planted.sock')),
  };
  for (const [title, dial] of Object.entries(plants)) {
    it(`turns red on ${title}`, async () => {
      const outcome = await dial();
      expect(strays, inspect(outcome)).not.to.deep.equal([]);
    });
  }

  it('leaves the drivers alone, however late they dial', async () => {
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'nobody', database: 'none' });
    await refused(pool.query('select 1'));
    await refused(pool.end());
    const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => undefined);
    await refused(redis.connect());
    redis.disconnect();
    await refused(connectNats({ servers: `127.0.0.1:${port}`, reconnect: false, timeout: 1_000 }));
    expect(strays).to.deep.equal([]);
  });
});
