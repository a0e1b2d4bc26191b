import { expect } from 'chai';
import { actingRoutes } from '../../src/http/routes/acting.js';
import { routeTable } from '../../src/http/routes/table.js';
import type { Route } from '../../src/http/route.js';
import { ERRORS, isErrorCode } from '../../src/kernel/errors.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { captureStderr } from '../support/captured-stderr.js';
import { gateways, type Gateway } from '../support/gateway.js';
import { errorCode, rawExchange, type RawReply } from '../support/raw-http.js';
import { recordingApis } from '../support/recording-apis.js';
import { pathOf } from '../support/route-walk.js';

const TOKEN = 'mock:first:root:super_admin';
/** So many at once; more would try the gate of calls that wait, not the routes. */
const ABREAST = 8;

const BODIES: Readonly<Record<string, string>> = {
  'half an object': '{"a":',
  'a list': '[]',
  'a number': '1',
  null: 'null',
  'a member that no route knows': '{"planted":{"planted":[]}}',
  'an escaped NUL': '{"a":"\\u0000"}',
  'a lone surrogate': '{"a":"\\ud800"}',
  'a name twice': '{"a":1,"a":1}',
  __proto__: '{"__proto__":{"role":"super_admin"}}',
  '10,000 levels': '['.repeat(10_000),
};
const TYPES = ['text/plain', 'application/json; charset=utf-16', 'multipart/form-data; boundary=x'];

type Sent = readonly [what: string, bytes: string];

describe('hostile input, on every route of a node', function () {
  this.timeout(120_000);
  const logs = { text: (): string => '', stop: (): void => undefined };
  const table = routeTable(recordingApis([]));
  const routes = [...table, ...actingRoutes(table)];
  let node: Gateway;
  let port: number;

  before(async () => {
    Object.assign(logs, captureStderr());
    const [only] = await gateways(['a.example'], { env: { SCAIWAVE_SCAIKEY_WEBHOOK_SECRET: 'test-only-webhook-secret' } });
    node = only ?? expect.fail('one gateway');
    port = Number(new URL(node.url).port);
  });
  after(async () => {
    await node.end();
    logs.stop();
  });

  function bytesOf(method: string, target: string, body = '', type = 'application/json'): string {
    const length = body === '' ? [] : [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`];
    return [`${method} ${target} HTTP/1.1`, 'Host: a.example', `Authorization: Bearer ${TOKEN}`, ...length, '', body].join('\r\n');
  }

  /** Sends everything and tells what was answered otherwise than `isRight` says. */
  async function wrongAnswers(all: readonly Sent[], isRight: (reply: RawReply) => boolean): Promise<readonly string[]> {
    const wrong: string[] = [];
    const left = [...all];
    const line = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const reply = await rawExchange(port, next[1]);
        if (!isRight(reply)) wrong.push(`${next[0]}: ${reply.status} ${reply.body.slice(0, 200)}`);
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, line));
    return wrong;
  }

  /** A refusal of the caller, with a code of the table that has that status. */
  function isRefusal(reply: RawReply): boolean {
    const code = reply.status >= 400 && reply.status < 500 ? errorCode(reply) : undefined;
    return isErrorCode(code) && ERRORS[code].status === reply.status;
  }

  const named = ({ method, path }: Route, what: string): string => `${method} ${path} with ${what}`;

  it('is refused as a body, whatever the route takes', async () => {
    const takers = routes.filter(({ request, takesFile }) => request !== null && takesFile !== true);
    expect(takers).to.have.length.above(50);
    const oversized = `{"a":"${'x'.repeat(LIMITS.requestBytesMax)}"}`;
    const sent = takers.flatMap((route): readonly Sent[] => [
      ...Object.entries(BODIES).map(([what, body]): Sent => [named(route, what), bytesOf(route.method, pathOf(route), body)]),
      ...TYPES.map((type): Sent => [named(route, type), bytesOf(route.method, pathOf(route), '{}', type)]),
      [named(route, 'too much'), bytesOf(route.method, pathOf(route), oversized)],
    ]);
    expect(await wrongAnswers(sent, isRefusal)).to.deep.equal([]);
  });

  it('is refused as a body without filling the memory', async () => {
    const sent = Object.entries(BODIES).map(([what, body]): Sent => [what, bytesOf('POST', '/v1/rooms', body)]);
    const doubled: Sent = ['a length twice', bytesOf('POST', '/v1/rooms', '{}').replace('Content-Length: 2', 'Content-Length: 2\r\nContent-Length: 2')];
    const all = Array.from({ length: ABREAST }, () => [...sent, doubled]).flat();
    const round = async (): Promise<void> => void expect(await wrongAnswers(all, isRefusal)).to.deep.equal([]);
    for (let turn = 0; turn < 5; turn += 1) await round();
    const before = process.memoryUsage.rss();
    for (let turn = 0; turn < 30; turn += 1) await round();
    expect((process.memoryUsage.rss() - before) / 1_000_000, 'MB more').to.be.below(50);
  });

  it('is refused as a target', async () => {
    const sent = routes.flatMap((route): readonly Sent[] => [
      [named(route, 'an absolute target'), bytesOf(route.method, `http://a.example${pathOf(route)}`)],
      [named(route, 'an encoded NUL behind'), bytesOf(route.method, `${pathOf(route)}%00`)],
      [named(route, 'bytes that are not UTF-8 behind'), bytesOf(route.method, `${pathOf(route)}%ff`)],
      [named(route, 'steps up'), bytesOf(route.method, `${pathOf(route)}/..`)],
    ]);
    expect(await wrongAnswers(sent, isRefusal)).to.deep.equal([]);
  });

  it('is refused as an id', async () => {
    const sent = routes.filter(({ path }) => path.includes('{')).flatMap((route) =>
      ['~', "'; drop table rooms; --", 'x'.repeat(3_000)].map((id): Sent => {
        const ids = Object.fromEntries([...route.path.matchAll(/\{([a-z_]+)\}/g)].map(([, name = '']) => [name, id]));
        return [named(route, id.slice(0, 30)), bytesOf(route.method, pathOf(route, ids))];
      }),
    );
    expect(await wrongAnswers(sent, isRefusal)).to.deep.equal([]);
  });

  it('is refused in a query, or read as words', async () => {
    const values = ['%00', '%ff', '-1', '1e400', 'a%27%3B--', '%F0%9F%92%A9', `${'9'.repeat(400)}`];
    const sent = routes.flatMap((route) =>
      route.query.flatMap((name) => [
        ...values.map((value): Sent => [named(route, `${name}=${value.slice(0, 20)}`), bytesOf(route.method, `${pathOf(route)}?${name}=${value}`)]),
        [named(route, `${name} twice`), bytesOf(route.method, `${pathOf(route)}?${name}=1&${name}=1`)] as const,
      ]),
    );
    expect(await wrongAnswers(sent, (reply) => reply.status < 300 || isRefusal(reply))).to.deep.equal([]);
  });

  it('is told from what is right', async () => {
    expect(await wrongAnswers([['a call', bytesOf('GET', '/v1/me')]], isRefusal)).to.have.length(1);
  });

  it('was no fault of the node, which answers as before', async () => {
    expect(logs.text()).not.to.include('"level":"error"');
    expect((await node.call('admin', 'GET', '/v1/me')).status).to.equal(200);
    expect((await fetch(`${node.url}/ready`)).status).to.equal(200);
  });
});
