import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express, { Router } from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { preshaped } from '../../../src/http/preshaped.js';
import { everything } from '../../support/raw-http.js';

/** An application that uses of express what ours does, and more. */
function application(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  const router = Router();
  router.get('/json', (_request, response) => void response.json({ a: [1, null, 'ü'] }));
  router.get('/text', (_request, response) => void response.send('text'));
  router.get('/end', (_request, response) => void response.writeHead(203, { 'x-a': '1' }).end('ended'));
  router.get('/empty', (_request, response) => void response.status(204).end());
  router.get('/stream', (_request, response) => {
    response.write('one ');
    response.end('two');
  });
  router.get('/throws', () => {
    throw new Error('thrown');
  });
  router.get('/rejects', () => Promise.reject(new Error('rejected')));
  router.get('/redirect', (_request, response) => void response.redirect('/json'));
  router.get('/header', (request, response) => void response.json({ host: request.get('host'), ip: request.ip, fresh: request.fresh }));
  router.get('/query', (request, response) => void response.json(request.query));
  router.get('/params/:a/:b', (request, response) => void response.json({ ...request.params, url: request.originalUrl, path: request.path }));
  router.get('/type', (_request, response) => void response.type('text/csv').send('a,b'));
  router.get('/cookie', (_request, response) => void response.cookie('a', 'b').json(null));
  router.get('/locals', (_request, response) => void response.json(Object.keys(response.locals)));
  router.get('/accepts', (request, response) => void response.json(request.accepts(['json', 'text'])));
  router.post('/body', express.raw({ type: '*/*' }), (request, response) => void response.send(request.body));
  router.post('/parsed', express.json(), (request, response) => void response.json(request.body));
  const inner = Router();
  inner.get('/deep', (request, response) => void response.json({ base: request.baseUrl, url: request.url }));
  app.use('/inner', inner);
  app.use(router);
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.status(500).json({ message: error instanceof Error ? error.message : 'unknown' });
  });
  return app;
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function request(method: string, target: string, headers: readonly string[] = [], body = ''): string {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  return [`${method} ${target} HTTP/1.1`, 'Host: a.example', 'Connection: close', ...headers, ...length, '', body].join('\r\n');
}

const REQUESTS: readonly string[] = [
  request('GET', '/json'),
  request('HEAD', '/json'),
  request('GET', '/json?a=b'),
  request('GET', '/text'),
  request('HEAD', '/text'),
  request('GET', '/end'),
  request('GET', '/stream'),
  request('HEAD', '/stream'),
  request('GET', '/empty'),
  request('GET', '/throws'),
  request('GET', '/rejects'),
  request('GET', '/redirect'),
  request('GET', '/header', ['X-Forwarded-For: 10.0.0.1', 'If-None-Match: *']),
  request('GET', '/query?a=1&a=2&b[c]=3&d=%20'),
  request('GET', '/params/a%2Fb/%F0%9F%91%8D?x'),
  request('GET', '/params/%ff/x'),
  request('GET', '/type'),
  request('GET', '/cookie'),
  request('GET', '/locals'),
  request('GET', '/accepts', ['Accept: text/plain']),
  request('GET', '/accepts', ['Accept: image/png']),
  request('POST', '/body', ['Content-Type: application/json'], '{"a":1}'),
  request('POST', '/body', ['Content-Type: application/octet-stream'], '\u0000\u0001'),
  request('POST', '/parsed', ['Content-Type: application/json'], '{"a":{"b":1}}'),
  request('POST', '/parsed', ['Content-Type: application/json'], '{"a":'),
  request('POST', '/json', [], 'x'),
  request('GET', '/inner/deep?x=1'),
  request('GET', '/inner'),
  request('GET', '/nowhere'),
  request('OPTIONS', '/json'),
];

describe('requests and responses that are shaped beforehand', () => {
  const shapedApp = application();
  const shaped = createServer(preshaped(shapedApp), shapedApp);
  const plain = createServer(application());
  let ports: readonly [shaped: number, plain: number];

  before(async () => {
    ports = [await listening(shaped), await listening(plain)];
  });

  after(() => {
    shaped.close();
    plain.close();
  });

  for (const bytes of REQUESTS) {
    const line = bytes.slice(0, bytes.indexOf(' HTTP'));
    it(`answer ${line} as express alone does`, async () => {
      const [ours, theirs] = await Promise.all(ports.map((port) => everything(port, bytes)));
      expect(ours).to.equal(theirs);
    });
  }

  it('have from the start the prototypes that express would set', async () => {
    const own: boolean[] = [];
    shaped.prependOnceListener('request', (incoming, response) => {
      own.push(Object.getPrototypeOf(incoming) === shapedApp.request, Object.getPrototypeOf(response) === shapedApp.response);
    });
    await everything(ports[0], request('GET', '/json'));
    expect(own).to.deep.equal([true, true]);
  });
});
