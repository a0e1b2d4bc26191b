import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { echoRoutes } from '../../support/echo-routes.js';
import { eventually } from '../../support/gateway.js';
import { startHttpNode, type HttpNode } from '../../support/http-node.js';

const BYTES_MAX = 100_000;
const PART = 'x'.repeat(60_000);

describe('bodies of senders who have not proved who they are', function () {
  this.timeout(60_000);
  let node: HttpNode;

  before(async () => {
    node = await startHttpNode({ routes: echoRoutes(), unprovenBytesMax: BYTES_MAX });
  });
  after(() => node.stop());

  const post = (path: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${node.port}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  const answered = async (path: string, status: number): Promise<Response> =>
    eventually(async () => {
      const response = await post(path, PART);
      if (response.status === status) return response;
      await response.body?.cancel();
      return undefined;
    });
  /** Holds a part of a body back, so that the node waits with the rest. */
  const dawdle = (path: string): Socket => {
    const socket = connect(node.port, '127.0.0.1').on('error', () => undefined);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\nContent-Length: ${PART.length + 1}\r\n\r\n${PART}`);
    return socket;
  };

  for (const path of ['/bridge', '/peer/room']) {
    it(`take up no more than they may, all together: ${path}`, async () => {
      await answered(path, 200);
      const slow = dawdle(path);
      try {
        const refused = await answered(path, 503);
        expect(refused.headers.get('retry-after')).to.equal('1');
        expect(((await refused.json()) as { error: { code: string } }).error.code).to.equal('SW_OVERLOADED');
        const proven = await post('/rooms/room-11111111-1111-4111-8111-111111111111/send', JSON.stringify({ content: { body: PART } }), { authorization: 'Bearer member' });
        expect(proven.status, await proven.text()).to.equal(200);
      } finally {
        slow.destroy();
      }
      await answered(path, 200);
    });
  }

  it('are let go with the answer, one after the other', async () => {
    for (let n = 0; n < 5; n += 1) await answered('/bridge', 200);
    expect((await post('/bridge', 'x'.repeat(BYTES_MAX + 1))).status, 'one that is too much by itself').to.equal(503);
    await answered('/bridge', 200);
  });
});
