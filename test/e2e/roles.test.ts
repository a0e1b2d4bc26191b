import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { serveNode, type NodeProcess } from '../support/node-process.js';

/** The status with which an upgrade is refused; 101 if it is not. */
function upgradeStatus(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.once('unexpected-response', (_request, response) => (resolve(response.statusCode ?? 0), socket.terminate()));
    socket.once('open', () => (resolve(101), socket.terminate()));
    socket.once('error', reject);
  });
}

describe('a process without the role api', function () {
  this.timeout(90_000);
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'));
  let node: NodeProcess;
  let url = '';

  before(async () => {
    node = serveNode({ SCAIWAVE_DATA_DIR: join(folder, 'data'), SCAIWAVE_ROLES: 'worker,scheduler' });
    url = await node.ready();
  });
  after(async () => {
    await node.stop();
    const placed = /^Data: (\S+), sealed with/m.exec(node.output)?.[1];
    for (const path of [folder, placed, placed && `${placed}.log`]) if (path) rmSync(path, { recursive: true, force: true });
  });

  it("answers operators' machinery and nobody else", async () => {
    const statuses = await Promise.all(['/health', '/metrics', '/v1/me', '/.well-known/scaiwave/server'].map(async (path) => (await fetch(`${url}${path}`)).status));
    expect(statuses).to.deep.equal([200, 200, 404, 404]);
  });

  it('takes over no connection for a stream', async () => {
    expect(await upgradeStatus(`${url.replace('http', 'ws')}/v1/stream`)).to.equal(404);
  });
});
