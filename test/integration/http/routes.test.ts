import { expect } from 'chai';
import { startHttpNode } from '../../support/http-node.js';
import type { HttpNode } from '../../support/http-node.js';
import { echoRoutes } from '../../support/echo-routes.js';
import { errorCode, rawExchange } from '../../support/raw-http.js';
import type { RawReply } from '../../support/raw-http.js';

const ROOM = 'room-33333333-3333-4333-8333-333333333333';
const JSON_TYPE = 'Content-Type: application/json';
const MEMBER = 'Authorization: Bearer member';

function call(method: string, target: string, headers: readonly string[] = [], body?: string): string {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  return [`${method} ${target} HTTP/1.1`, 'Host: a.example', ...headers, ...length, '', body ?? ''].join('\r\n');
}

describe('a route', () => {
  let node: HttpNode;
  const logged: object[] = [];
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (fields: object) => void logged.push(fields) };
  const ask = (...given: Parameters<typeof call>): Promise<RawReply> => rawExchange(node.port, call(...given));

  before(async () => {
    node = await startHttpNode({ routes: echoRoutes(), log });
  });

  after(() => node.stop());

  it('hands over the caller, the parameters, the query and the body, and answers in the envelope', async () => {
    const reply = await ask('POST', `/rooms/${ROOM}/send?limit=7`, [MEMBER, JSON_TYPE], '{"content":{"body":"hi"}}');
    expect(reply.status).to.equal(200);
    expect(JSON.parse(reply.body)).to.deep.equal({
      data: { person: '11111111-1111-4111-8111-111111111111', room_id: ROOM, limit: 7, given: { content: { body: 'hi' } } },
      meta: {},
    });
    expect(reply.headers).to.include({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(reply.headers['x-request-id']).to.match(/^[0-9a-f-]{36}$/);
    expect(reply.headers).to.not.have.any.keys('x-powered-by', 'etag');
  });

  it('takes an absent body for an empty one only where that is said', async () => {
    expect((await ask('POST', '/leave', [MEMBER])).body).to.equal('{"data":{},"meta":{}}');
    expect((await ask('POST', '/leave', [MEMBER, JSON_TYPE], '{"reason":"x"}')).body).to.equal('{"data":{"reason":"x"},"meta":{}}');
    expect(errorCode(await ask('POST', `/rooms/${ROOM}/send`, [MEMBER, JSON_TYPE]))).to.equal('SW_BAD_JSON');
  });

  it('answers bare documents, text and nothing in their own form', async () => {
    expect((await ask('GET', '/bare')).body).to.equal('{"bare":true}');
    expect((await ask('GET', '/text')).headers['content-type']).to.match(/^text\/plain/);
    expect((await ask('DELETE', '/things/%F0%9F%91%8D', [MEMBER])).body).to.equal('{"data":null,"meta":{}}');
  });

  it('keeps the bytes of servers and bridges as they came', async () => {
    const body = '{ "event" :  "x" }\n';
    const peer = await ask('POST', '/peer/a%2eb?x=%31', [JSON_TYPE], body);
    expect(JSON.parse(peer.body)).to.deep.equal({ data: { target: '/peer/a%2eb?x=%31', room_id: 'a.b', bytes: Buffer.from(body).toString('hex') }, meta: {} });
    expect(JSON.parse((await ask('POST', '/bridge', [JSON_TYPE], body)).body)).to.deep.equal({ data: body, meta: {} });
  });

  it('screens a server by its head before its body is read', async () => {
    const head = ['POST /peer/x HTTP/1.1', 'Host: a.example', 'X-ScaiWave-Origin: denied.example', JSON_TYPE, 'Content-Length: 1000000', '', ''].join('\r\n');
    expect(errorCode(await rawExchange(node.port, head))).to.equal('SW_FED_PEER_DENIED');
  });

  it('lets the client wait with its body until it is wanted', async () => {
    const head = ['POST /leave HTTP/1.1', 'Host: a.example', 'Expect: 100-continue', JSON_TYPE, 'Content-Length: 2'];
    expect(errorCode(await rawExchange(node.port, [...head, '', ''].join('\r\n')))).to.equal('SW_AUTH_INVALID_TOKEN');
    expect((await rawExchange(node.port, [...head, MEMBER, '', '{}'].join('\r\n'))).status).to.equal(200);
  });

  const refused: readonly (readonly [title: string, given: Parameters<typeof call>, status: number, code: string])[] = [
    ['no token', ['GET', '/admin'], 401, 'SW_AUTH_INVALID_TOKEN'],
    ['another scheme', ['GET', '/admin', ['Authorization: Basic bWVtYmVy']], 401, 'SW_AUTH_INVALID_TOKEN'],
    ['two tokens in one header', ['GET', '/admin', ['Authorization: Bearer member member']], 401, 'SW_AUTH_INVALID_TOKEN'],
    ['a token that is too long', ['GET', '/admin', [`Authorization: Bearer ${'a'.repeat(9000)}`]], 401, 'SW_AUTH_INVALID_TOKEN'],
    ['an expired token', ['GET', '/admin', ['Authorization: Bearer expired']], 401, 'SW_AUTH_EXPIRED_TOKEN'],
    ['a role that does not reach', ['GET', '/admin', [MEMBER]], 403, 'SW_AUTH_INSUFFICIENT_PERMISSION'],
    ['a path that is not there', ['GET', '/nowhere'], 404, 'SW_NOT_FOUND'],
    ['a path in capitals', ['GET', '/TEXT'], 404, 'SW_NOT_FOUND'],
    ['a slash too many', ['GET', '/text/'], 404, 'SW_NOT_FOUND'],
    ['another method', ['PUT', '/text'], 405, 'SW_METHOD_NOT_ALLOWED'],
    ['an id of another grammar', ['POST', '/rooms/room-1/send', [MEMBER, JSON_TYPE], '{"content":{}}'], 400, 'SW_BAD_REQUEST'],
    ['an id in capitals', ['POST', `/rooms/${ROOM.toUpperCase()}/send`, [MEMBER, JSON_TYPE], '{"content":{}}'], 400, 'SW_BAD_REQUEST'],
    ['a query beyond its bound', ['POST', `/rooms/${ROOM}/send?limit=11`, [MEMBER, JSON_TYPE], '{"content":{}}'], 400, 'SW_BAD_REQUEST'],
    ['an unknown member', ['POST', `/rooms/${ROOM}/send`, [MEMBER, JSON_TYPE], '{"content":{},"contents":{}}'], 400, 'SW_BAD_SCHEMA'],
    ['a body that is no object', ['POST', '/leave', [MEMBER, JSON_TYPE], '[]'], 400, 'SW_BAD_SCHEMA'],
    ['a body without a type', ['POST', '/leave', [MEMBER], '{}'], 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
    ['a bug', ['GET', '/broken'], 500, 'SW_INTERNAL'],
    ['overload', ['GET', '/busy'], 503, 'SW_OVERLOADED'],
  ];
  for (const [title, given, status, code] of refused) {
    it(`refuses ${title} with ${code}`, async () => {
      const reply = await ask(...given);
      expect([reply.status, errorCode(reply)]).to.deep.equal([status, code]);
    });
  }

  it('says how to sign in, what is allowed and how long to wait', async () => {
    expect((await ask('GET', '/admin')).headers['www-authenticate']).to.equal('Bearer error="invalid_token"');
    expect((await ask('PUT', '/text')).headers['allow']).to.equal('GET, HEAD');
    expect((await ask('GET', '/busy')).headers['retry-after']).to.equal('7');
  });

  it('tells of a bug to the log and nothing of it to the caller', async () => {
    logged.length = 0;
    const reply = await ask('GET', '/broken');
    expect(reply.body).to.equal('{"error":{"code":"SW_INTERNAL","message":"Something went wrong here."}}');
    expect(logged).to.have.length(1);
  });
});
