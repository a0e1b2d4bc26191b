import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { echoRoutes } from '../../support/echo-routes.js';
import { startHttpNode } from '../../support/http-node.js';
import type { HttpNode } from '../../support/http-node.js';
import { errorCode, rawExchange, readReply } from '../../support/raw-http.js';

const TARGET = '/rooms/room-33333333-3333-4333-8333-333333333333/send';
const MEMBER = 'Authorization: Bearer member';
const JSON_TYPE = 'Content-Type: application/json';

type Case = readonly [title: string, bytes: string | Buffer, status: number, code: string];

function head(lines: readonly string[], requestLine = `POST ${TARGET} HTTP/1.1`): string {
  return [requestLine, ...lines, '', ''].join('\r\n');
}

function post(body: string | Buffer, lines: readonly string[] = [JSON_TYPE]): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(head(['Host: a.example', MEMBER, ...lines, `Content-Length: ${bytes.length}`])), bytes]);
}

const content = (json: string): string => `{"content":${json}}`;

const BODIES: readonly Case[] = [
  ['nothing', post(''), 400, 'SW_BAD_JSON'],
  ['white space', post('  \n'), 400, 'SW_BAD_JSON'],
  ['half an object', post('{"content":{'), 400, 'SW_BAD_JSON'],
  ['something after the end', post(`${content('{}')}x`), 400, 'SW_BAD_JSON'],
  ['two documents', post(content('{}').repeat(2)), 400, 'SW_BAD_JSON'],
  ['a comment', post('{"content":{}/**/}'), 400, 'SW_BAD_JSON'],
  ['a comma too many', post('{"content":{},}'), 400, 'SW_BAD_JSON'],
  ['single quotes', post("{'content':{}}"), 400, 'SW_BAD_JSON'],
  ['NaN', post(content('{"a":NaN}')), 400, 'SW_BAD_JSON'],
  ['a number with a plus', post(content('{"a":+1}')), 400, 'SW_BAD_JSON'],
  ['a number of octal look', post(content('{"a":01}')), 400, 'SW_BAD_JSON'],
  ['an integer beyond 2^53', post(content('{"a":9007199254740992}')), 400, 'SW_BAD_JSON'],
  ['a number beyond a double', post(content('{"a":1e400}')), 400, 'SW_BAD_JSON'],
  ['a raw NUL', post(content('{"a":"\u0000"}')), 400, 'SW_BAD_JSON'],
  ['an escaped NUL', post(content('{"a":"\\u0000"}')), 400, 'SW_BAD_JSON'],
  ['an escaped NUL in a name', post(content('{"\\u0000":1}')), 400, 'SW_BAD_JSON'],
  ['a raw line end in a string', post(content('{"a":"\n"}')), 400, 'SW_BAD_JSON'],
  ['the first half of a surrogate pair', post(content('{"a":"\\ud800"}')), 400, 'SW_BAD_JSON'],
  ['the second half of a surrogate pair', post(content('{"a":"\\udc00x"}')), 400, 'SW_BAD_JSON'],
  ['a name twice', post('{"content":{},"content":{}}'), 400, 'SW_BAD_JSON'],
  ['a name twice, once escaped', post('{"content":{},"c\\u006fntent":{}}'), 400, 'SW_BAD_JSON'],
  ['a name twice, deep inside', post(content('{"a":[{"b":1,"b":1}]}')), 400, 'SW_BAD_JSON'],
  ['__proto__', post(content('{"__proto__":{"tenant_id":"victim"}}')), 400, 'SW_BAD_JSON'],
  ['33 levels', post(content('['.repeat(33) + ']'.repeat(33))), 400, 'SW_BAD_JSON'],
  ['100,000 levels', post('['.repeat(100_000)), 400, 'SW_BAD_JSON'],
  ['bytes that are not UTF-8', post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 400, 'SW_BAD_JSON'],
  ['an overlong slash', post(Buffer.concat([Buffer.from('{"content":{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}}')])), 400, 'SW_BAD_JSON'],
  ['a byte order mark', post(`\ufeff${content('{}')}`), 400, 'SW_BAD_JSON'],
  ['UTF-16', post(Buffer.from(content('{}'), 'utf16le')), 400, 'SW_BAD_JSON'],
  ['a string for an object', post(content('"x"')), 400, 'SW_BAD_SCHEMA'],
  ['null for an object', post(content('null')), 400, 'SW_BAD_SCHEMA'],
  ['a list for an object', post(content('[]')), 400, 'SW_BAD_SCHEMA'],
  ['a number for the whole', post('1'), 400, 'SW_BAD_SCHEMA'],
  ['a missing member', post('{}'), 400, 'SW_BAD_SCHEMA'],
  ['a member too many', post('{"content":{},"tenant_id":"x"}'), 400, 'SW_BAD_SCHEMA'],
  ['a number for an id', post('{"content":{},"event_uuid":5}'), 400, 'SW_BAD_SCHEMA'],
  ['more than the bound', post(content(`{"a":"${'x'.repeat(LIMITS.requestBytesMax)}"}`)), 413, 'SW_BODY_TOO_LARGE'],
];

const TYPES: readonly Case[] = [
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16le', 'application/json; charset=latin1',
    'application/json; charset=utf-7', 'application/json; charset=utf-8; charset=utf-16', 'application/jsonp', 'application/json, text/plain', '']
    .map((type): Case => [`the type "${type}"`, post('{}', [`Content-Type: ${type}`]), 415, 'SW_UNSUPPORTED_MEDIA_TYPE']),
  ['no type', post('{}', []), 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
  ['gzip', post(gzipSync('{"content":{}}'), [JSON_TYPE, 'Content-Encoding: gzip']), 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
  ['a gzip bomb', post(gzipSync(Buffer.alloc(50_000_000)), [JSON_TYPE, 'Content-Encoding: gzip']), 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
  ['br', post('x', [JSON_TYPE, 'Content-Encoding: br']), 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
];

const HOST = 'Host: a.example';
const BODY = content('{}');
const WITH_BODY = [HOST, MEMBER, JSON_TYPE, `Content-Length: ${BODY.length}`];

const HEADS: readonly Case[] = [
  ['two Hosts', head([HOST, ...WITH_BODY]) + BODY, 400, 'SW_BAD_REQUEST'],
  ['no Host', head([MEMBER]), 400, 'SW_BAD_REQUEST'],
  ['two tokens', head([MEMBER, ...WITH_BODY]) + BODY, 400, 'SW_BAD_REQUEST'],
  ['two types', head([JSON_TYPE, ...WITH_BODY]) + BODY, 400, 'SW_BAD_REQUEST'],
  ['two lengths', head([`Content-Length: ${BODY.length}`, ...WITH_BODY]) + BODY, 400, 'SW_BAD_REQUEST'],
  ['two different lengths', head(['Content-Length: 1', ...WITH_BODY]) + BODY, 400, 'SW_BAD_REQUEST'],
  ['a length and chunks', head(['Transfer-Encoding: chunked', ...WITH_BODY]) + BODY, 400, 'SW_BAD_REQUEST'],
  ['an unknown transfer encoding', head([HOST, MEMBER, JSON_TYPE, 'Transfer-Encoding: xchunked']), 400, 'SW_BAD_REQUEST'],
  ['a folded header', head([HOST, 'X-A: 1', ' 2']), 400, 'SW_BAD_REQUEST'],
  ['a space before the colon', head([HOST, 'X-A : 1']), 400, 'SW_BAD_REQUEST'],
  ['a header without a colon', head([HOST, 'X-A']), 400, 'SW_BAD_REQUEST'],
  ['NUL in a header', head([HOST, 'X-A: a\u0000b']), 400, 'SW_BAD_REQUEST'],
  ['bare line feeds', `POST ${TARGET} HTTP/1.1\nHost: a.example\n\n`, 400, 'SW_BAD_REQUEST'],
  ['a length that is a word', head([HOST, 'Content-Length: many']), 400, 'SW_BAD_REQUEST'],
  ['a length below zero', head([HOST, 'Content-Length: -1']), 400, 'SW_BAD_REQUEST'],
  ['a chunk of no size', head([HOST, MEMBER, JSON_TYPE, 'Transfer-Encoding: chunked']) + 'zz\r\n', 400, 'SW_BAD_REQUEST'],
  ['a chunk extension without end', head([HOST, MEMBER, JSON_TYPE, 'Transfer-Encoding: chunked']) + `2;${'x'.repeat(20_000)}`, 413, 'SW_BODY_TOO_LARGE'],
  ['headers beyond 16 KB', head([HOST, `X-A: ${'a'.repeat(20_000)}`]), 431, 'SW_HEADERS_TOO_LARGE'],
  ['a target beyond 16 KB', head([HOST], `GET /${'a'.repeat(20_000)} HTTP/1.1`), 431, 'SW_HEADERS_TOO_LARGE'],
  ['200 headers', head([HOST, ...Array.from({ length: 200 }, (_, at) => `X-${at}: 1`)]), 431, 'SW_HEADERS_TOO_LARGE'],
  ['an absolute target', head(WITH_BODY, `POST http://a.example${TARGET} HTTP/1.1`) + BODY, 400, 'SW_BAD_REQUEST'],
  ['an absolute target of another host', head([HOST], 'GET http://b.example/text HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['a tunnel', head([HOST], 'CONNECT b.example:443 HTTP/1.1'), 405, 'SW_METHOD_NOT_ALLOWED'],
  ['a star', head([HOST], 'OPTIONS * HTTP/1.1'), 405, 'SW_METHOD_NOT_ALLOWED'],
  ['TRACE', head([HOST], 'TRACE /text HTTP/1.1'), 405, 'SW_METHOD_NOT_ALLOWED'],
  ['a method that is none', head([HOST], 'FROB /text HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['an encoded slash', head([HOST], 'GET /open/a%2fb HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['an encoded NUL', head([HOST], 'GET /open/a%00 HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['a path that climbs', head([HOST], 'GET /open/../admin HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['a path that climbs in code', head([HOST], 'GET /open/%2e%2e HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['a path that is not UTF-8', head([HOST], 'GET /open/%c3%28 HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['raw UTF-8 in the target', Buffer.from(head([HOST], 'GET /open/ü HTTP/1.1')), 400, 'SW_BAD_REQUEST'],
  ['another protocol version', head([HOST], 'GET /text HTTP/3.7'), 400, 'SW_BAD_REQUEST'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'SW_BAD_REQUEST'],
  ['an upgrade to HTTP/2', head([HOST, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'], 'GET /v1/stream HTTP/1.1'), 400, 'SW_BAD_REQUEST'],
  ['an upgrade of another path', head([HOST, 'Connection: Upgrade', 'Upgrade: websocket'], 'GET /text HTTP/1.1'), 404, 'SW_NOT_FOUND'],
  ['a TLS greeting', Buffer.from('16030100c8010000c40303', 'hex'), 400, 'SW_BAD_REQUEST'],
  ['noise', Buffer.from('\u0001\u0002\u0003\r\n\r\n'), 400, 'SW_BAD_REQUEST'],
];

describe('hostile input', () => {
  let node: HttpNode;
  const bugs: object[] = [];

  before(async () => {
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (fields: object) => void bugs.push(fields) };
    node = await startHttpNode({ routes: echoRoutes(), log });
  });

  after(() => node.stop());

  afterEach('nothing of it is a bug, and the node answers', async () => {
    expect(bugs).to.deep.equal([]);
    expect((await rawExchange(node.port, head([HOST], 'GET /text HTTP/1.1'))).status).to.equal(200);
  });

  for (const [group, cases] of [['as a body', BODIES], ['as a content type', TYPES], ['as a head', HEADS]] as const) {
    describe(group, () => {
      for (const [title, bytes, status, code] of cases) {
        it(`refuses ${title} with ${status} ${code}`, async () => {
          const reply = await rawExchange(node.port, bytes);
          expect([reply.status, errorCode(reply)]).to.deep.equal([status, code]);
        });
      }
    });
  }

  it('refuses a body that announces too much before it comes', async () => {
    const reply = await rawExchange(node.port, head([HOST, MEMBER, JSON_TYPE, 'Content-Length: 99999999999']));
    expect([reply.status, errorCode(reply)]).to.deep.equal([413, 'SW_BODY_TOO_LARGE']);
  });

  it('never takes a second request out of the body of a refused one', async () => {
    const smuggled = 'GET /text HTTP/1.1\r\nHost: a.example\r\n\r\n';
    const socket = connect(node.port, '127.0.0.1');
    socket.write(head([HOST, 'Transfer-Encoding: xchunked', MEMBER, JSON_TYPE]) + smuggled);
    const reply = await readReply(socket);
    expect(reply.headers['connection']).to.equal('close');
    const rest: Buffer[] = [];
    for await (const chunk of socket) rest.push(chunk as Buffer);
    expect(Buffer.concat(rest).toString()).to.equal('');
  });

  it('goes on with the connection after refusing a body', async () => {
    const socket = connect(node.port, '127.0.0.1');
    for (const _ of [1, 2, 3]) {
      socket.write(post(content(`{"a":"${'x'.repeat(LIMITS.requestBytesMax)}"}`)));
      expect((await readReply(socket)).status).to.equal(413);
    }
    socket.write(post(content('{}')));
    expect((await readReply(socket)).status).to.equal(200);
    socket.destroy();
  });

  it('keeps memory flat while large bodies are refused', async () => {
    const chunk = Buffer.alloc(1_000_000, 0x61);
    const chunked = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
    const send = async (): Promise<number> => {
      const socket = connect(node.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(head([HOST, MEMBER, JSON_TYPE, 'Transfer-Encoding: chunked']));
      const reply = readReply(socket);
      for (let sent = 0; sent < 20; sent += 1) {
        await new Promise<void>((resolve) => socket.write(chunked, () => resolve()));
      }
      const { status } = await reply;
      socket.destroy();
      return status;
    };
    await send();
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 10; round += 1) {
      expect(await Promise.all([send(), send(), send(), send()])).to.deep.equal([413, 413, 413, 413]);
    }
    expect((process.memoryUsage.rss() - before) / 1_000_000, 'MB more after 800 MB were refused').to.be.below(100);
  });

  it('ends a head that does not come to its end in 10 seconds with 408 SW_REQUEST_TIMEOUT', async function () {
    this.timeout(15_000);
    const reply = await rawExchange(node.port, 'GET /text HTTP/1.1\r\nHost: a');
    expect([reply.status, errorCode(reply)]).to.deep.equal([408, 'SW_REQUEST_TIMEOUT']);
  });
});
