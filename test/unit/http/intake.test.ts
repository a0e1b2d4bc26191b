import { expect } from 'chai';
import { inspectHead } from '../../../src/http/intake.js';
import type { RawHead } from '../../../src/http/intake.js';
import { GatewayError } from '../../../src/kernel/errors.js';

function head(change: Partial<RawHead> = {}, ...more: readonly string[]): RawHead {
  return { method: 'POST', target: '/v1/rooms', rawHeaders: ['Host', 'a.example', ...more], ...change };
}

function codeOf(given: RawHead): string {
  try {
    inspectHead(given);
    return 'taken';
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
}

describe('intake', () => {
  const twice = (name: string): readonly string[] => [name, 'a', name.toLowerCase(), 'a'];

  const refused: readonly (readonly [title: string, given: RawHead, code: string])[] = [
    ['a second Host', head({}, 'Host', 'b.example'), 'SW_BAD_REQUEST'],
    ['a missing Host', head({ rawHeaders: [] }), 'SW_BAD_REQUEST'],
    ['an empty Host', head({ rawHeaders: ['Host', ''] }), 'SW_BAD_REQUEST'],
    ['a Host with a path', head({ rawHeaders: ['Host', 'a.example/x'] }), 'SW_BAD_REQUEST'],
    ['a Host with a user', head({ rawHeaders: ['Host', 'u@a.example'] }), 'SW_BAD_REQUEST'],
    ...['Authorization', 'Content-Type', 'Content-Length', 'Signature', 'Signature-Input', 'Content-Digest', 'Date', 'Expect']
      .map((name) => [`a second ${name}`, head({}, ...twice(name)), 'SW_BAD_REQUEST'] as const),
    ...['X-ScaiWave-Origin', 'X-ScaiWave-Destination', 'X-ScaiWave-Bridge-Signature', 'X-ScaiWave-Unheard-Of', 'Webhook-Id']
      .map((name) => [`a second ${name}`, head({}, ...twice(name)), 'SW_BAD_REQUEST'] as const),
    ['an absolute target', head({ target: 'http://a.example/v1/rooms' }), 'SW_BAD_REQUEST'],
    ['a target of an authority', head({ target: 'a.example:443' }), 'SW_BAD_REQUEST'],
    ['a target of a star', head({ target: '*' }), 'SW_BAD_REQUEST'],
    ['an empty target', head({ target: '' }), 'SW_BAD_REQUEST'],
    ['a fragment', head({ target: '/v1/rooms#x' }), 'SW_BAD_REQUEST'],
    ['a raw byte beyond ASCII', head({ target: '/v1/r\u00f6oms' }), 'SW_BAD_REQUEST'],
    ['an encoded slash', head({ target: '/v1/rooms%2Fdm' }), 'SW_BAD_REQUEST'],
    ['an encoded backslash', head({ target: '/v1/rooms%5cdm' }), 'SW_BAD_REQUEST'],
    ['an encoded NUL', head({ target: '/v1/rooms/%00' }), 'SW_BAD_REQUEST'],
    ['an encoded line end', head({ target: '/v1/rooms/%0d%0a' }), 'SW_BAD_REQUEST'],
    ['a backslash', head({ target: '/v1\\rooms' }), 'SW_BAD_REQUEST'],
    ['a path that climbs', head({ target: '/v1/../metrics' }), 'SW_BAD_REQUEST'],
    ['a path that climbs at its end', head({ target: '/v1/rooms/..' }), 'SW_BAD_REQUEST'],
    ['a path that stays', head({ target: '/v1/./rooms' }), 'SW_BAD_REQUEST'],
    ['a path that climbs in code', head({ target: '/v1/%2e%2E/metrics' }), 'SW_BAD_REQUEST'],
    ['a path that climbs half in code', head({ target: '/v1/.%2e/metrics' }), 'SW_BAD_REQUEST'],
    ['a doubled slash', head({ target: '//v1/rooms' }), 'SW_BAD_REQUEST'],
    ['a path parameter', head({ target: '/v1/rooms;x=1' }), 'SW_BAD_REQUEST'],
    ['a path that is not UTF-8', head({ target: '/v1/rooms/%ff' }), 'SW_BAD_REQUEST'],
    ['a path with half an escape', head({ target: '/v1/rooms/%4' }), 'SW_BAD_REQUEST'],
    ['an unknown transfer encoding', head({}, 'Transfer-Encoding', 'xchunked'), 'SW_BAD_REQUEST'],
    ['two transfer encodings', head({}, 'Transfer-Encoding', 'gzip, chunked'), 'SW_BAD_REQUEST'],
    ['two lengths', head({}, 'Transfer-Encoding', 'chunked', 'Content-Length', '3'), 'SW_BAD_REQUEST'],
    ['a signed length', head({}, 'Content-Length', '+3'), 'SW_BAD_REQUEST'],
    ['a list of lengths', head({}, 'Content-Length', '3, 3'), 'SW_BAD_REQUEST'],
    ['gzip', head({}, 'Content-Encoding', 'gzip'), 'SW_UNSUPPORTED_MEDIA_TYPE'],
    ['identity and gzip', head({}, 'Content-Encoding', 'identity, gzip'), 'SW_UNSUPPORTED_MEDIA_TYPE'],
    ['an unknown expectation', head({}, 'Expect', 'magic'), 'SW_BAD_REQUEST'],
    ['GET with a body', head({ method: 'GET' }, 'Content-Length', '2'), 'SW_BAD_REQUEST'],
    ['GET with a chunked body', head({ method: 'GET' }, 'Transfer-Encoding', 'chunked'), 'SW_BAD_REQUEST'],
    ['a method nobody answers', head({ method: 'PROPFIND' }), 'SW_METHOD_NOT_ALLOWED'],
    ['OPTIONS', head({ method: 'OPTIONS' }), 'SW_METHOD_NOT_ALLOWED'],
    ['101 headers', head({}, ...Array.from({ length: 100 }, (_, at) => [`X-${at}`, '1']).flat()), 'SW_HEADERS_TOO_LARGE'],
  ];
  for (const [title, given, code] of refused) {
    it(`refuses ${title}`, () => {
      expect(codeOf(given)).to.equal(code);
    });
  }

  const taken: readonly (readonly [title: string, given: RawHead])[] = [
    ['a plain call', head()],
    ['a port in Host', head({ rawHeaders: ['Host', 'a.example:8080'] })],
    ['an IPv6 Host', head({ rawHeaders: ['Host', '[::1]:8080'] })],
    ['chunked in capitals', head({}, 'Transfer-Encoding', 'Chunked')],
    ['identity', head({}, 'Content-Encoding', 'identity')],
    ['100-continue', head({}, 'Expect', '100-continue')],
    ['an emoji in the path', head({ target: '/v1/x/reactions/%F0%9F%91%8D' })],
    ['dots in a name', head({ target: '/v1/x/a.b..c/...' })],
    ['anything visible in the query', head({ target: '/v1/sync?since=1&x=%2F..//' })],
    ['GET that says it has no body', head({ method: 'GET' }, 'Content-Length', '0')],
    ['a second Accept', head({}, 'Accept', 'a', 'Accept', 'b')],
  ];
  for (const [title, given] of taken) {
    it(`takes ${title}`, () => {
      expect(codeOf(given)).to.equal('taken');
    });
  }

  it('hands over each header once, in lower case', () => {
    const headers = inspectHead(head({}, 'Accept', 'a', 'ACCEPT', 'b', '__proto__', 'x'));
    expect(headers['accept']).to.equal('a, b');
    expect(Object.keys(headers)).to.deep.equal(['host', 'accept', '__proto__']);
  });
});
