import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { gateways, type Gateway } from '../../support/gateway.js';
import { tokenOf } from '../../support/http-caller.js';
import { readReply } from '../../support/raw-http.js';
import { MEGABYTE, type MediaSeen } from '../../support/uploads.js';

const FILE_BYTES = 200 * MEGABYTE;
const CHUNK = Buffer.alloc(64 * 1024, 7);
/** Far below the file, far above what sockets and the collector hold by themselves. */
const RISE_MAX_BYTES = 80 * MEGABYTE;

describe('a file of 200 MB', function () {
  this.timeout(120_000);
  let node: Gateway;
  before(async () => {
    const [only] = await gateways(['first.example']);
    if (only === undefined) throw new Error('one gateway');
    node = only;
  });
  after(() => node.end());

  const held = (): number => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;

  it('comes in and goes out without ever being held', async () => {
    const before = held();
    let peak = before;
    const socket = connect(Number(new URL(node.url).port), '127.0.0.1');
    socket.write(`POST /v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenOf('ann')}\r\nContent-Length: ${FILE_BYTES}\r\n\r\n`);
    for (let sent = 0; sent < FILE_BYTES; sent += CHUNK.length) {
      if (!socket.write(CHUNK)) await once(socket, 'drain');
      peak = Math.max(peak, held());
    }
    const reply = await readReply(socket);
    socket.destroy();
    expect(reply.status).to.equal(200);
    const { media_id } = (JSON.parse(reply.body) as { data: MediaSeen }).data;
    expect(peak - before).to.be.below(RISE_MAX_BYTES);

    const response = await fetch(`${node.url}/v1/media/download/${media_id}`, { headers: { authorization: `Bearer ${tokenOf('ann')}` } });
    let received = 0;
    for await (const chunk of response.body ?? expect.fail('no body')) {
      received += (chunk as Uint8Array).length;
      peak = Math.max(peak, held());
    }
    expect(received).to.equal(FILE_BYTES);
    expect(peak - before).to.be.below(RISE_MAX_BYTES);
  });
});
