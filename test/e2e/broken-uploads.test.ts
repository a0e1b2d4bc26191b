import { connect } from 'node:net';
import { expect } from 'chai';
import { eventually, gateways, type Gateway } from '../support/gateway.js';
import { errorCode, rawExchange } from '../support/raw-http.js';
import { counted, filesOf, FORM_BEHIND_ITS_END } from '../support/uploads.js';

describe('an upload whose sender has gone', function () {
  this.timeout(60_000);

  it('leaves nothing, however its form ends', async () => {
    const [node] = (await gateways(['gone.example'])) as [Gateway];
    const { port } = new URL(node.url);
    const whole = (body: string, length = body.length) => `POST /v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer mock:first:ann\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: ${length}\r\n\r\n${body}`;
    for (const bytes of [whole(FORM_BEHIND_ITS_END), whole(FORM_BEHIND_ITS_END, 5_000), whole(FORM_BEHIND_ITS_END.slice('--XX--\r\n'.length), 5_000)]) {
      const sockets = Array.from({ length: 20 }, () => connect(Number(port), '127.0.0.1').on('error', () => undefined));
      for (const socket of sockets) socket.write(bytes);
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const socket of sockets) socket.destroy();
      await eventually(async () => (await node.database.asOwner('select 1 from media')).length === 0 && (await filesOf(node)).length === 0);
      expect(await counted(node.database)).to.deep.equal([0, 0]);
    }
    await node.end();
  });
});

describe('an upload of which nothing more comes', function () {
  this.timeout(60_000);
  const IDLE_MS = 300;
  let node: Gateway;

  before(async () => {
    const [only] = await gateways(['first.example'], { transferIdleMs: IDLE_MS });
    if (only === undefined) throw new Error('one gateway');
    node = only;
  });
  after(() => node.end());

  const FORM = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello';
  for (const [title, headers, beginning] of [['as a body', '', 'hello'], ['as a form', 'Content-Type: multipart/form-data; boundary=x\r\n', FORM], ['that has not begun', '', '']] as const) {
    it(`is answered 408 ${title}, and leaves nothing`, async () => {
      const begunMs = performance.now();
      const reply = await rawExchange(Number(new URL(node.url).port), `POST /v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer mock:first:ann\r\n${headers}Content-Length: 5000\r\n\r\n${beginning}`);
      expect([reply.status, errorCode(reply), reply.headers['connection']]).to.deep.equal([408, 'SW_REQUEST_TIMEOUT', 'close']);
      expect(performance.now() - begunMs).to.be.at.least(IDLE_MS);
      expect([await filesOf(node), await counted(node.database), await node.database.asOwner('select 1 from media')]).to.deep.equal([[], [0, 0], []]);
    });
  }
});
