import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { Egress, type EgressRequest } from '../../../src/egress/egress.js';
import { EgressFailure, type EgressFailureKind } from '../../../src/egress/egress-failure.js';
import { egressFetch } from '../../../src/egress/egress-fetch.js';
import type { RawReply } from '../../../src/kernel/ports.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { insideTransaction } from '../../../src/kernel/transaction-scope.js';
import { silentMeter } from '../../support/silent-ports.js';
import { httpAnswer, rawServer, type RawServer } from '../../support/sockets.js';
import { TEST_ONLY_CERTIFICATE, TEST_ONLY_TLS_KEY } from '../../support/test-only-tls.js';

const LIMITS = { totalMs: 2_000, answerBytesMax: 1_000 };

describe('egress', () => {
  const opened: { close(): Promise<unknown> }[] = [];

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });

  function egress(allow: readonly string[], names: Readonly<Record<string, () => readonly string[]>> = {}): Egress {
    const resolve = async (name: string): Promise<readonly string[]> => names[name]?.() ?? [];
    const made = new Egress({ allow, resolve, trustedCa: TEST_ONLY_CERTIFICATE }, systemTimers, systemClock, silentMeter);
    opened.push(made);
    return made;
  }

  async function server(answer: (socket: Socket, head: string) => void): Promise<RawServer> {
    const made = await rawServer(answer);
    opened.unshift(made);
    return made;
  }

  async function failure(work: Promise<unknown>): Promise<EgressFailure> {
    const thrown = await work.then(
      () => new Error('nothing was refused'),
      (error: unknown) => error,
    );
    expect(thrown).to.be.instanceOf(EgressFailure);
    return thrown as EgressFailure;
  }

  async function expectKind(work: Promise<unknown>, kind: EgressFailureKind): Promise<EgressFailure> {
    const failed = await failure(work);
    expect(`${failed.kind}: ${failed.message}`).to.match(new RegExp(`^${kind}:`));
    return failed;
  }

  function get(url: string, more: Partial<EgressRequest> = {}): EgressRequest {
    return { method: 'GET', url, limits: LIMITS, ...more };
  }

  describe('where calls may go', () => {
    const SPELLINGS = [
      '127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '0', '127.0.0.1.', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]',
      '[::ffff:0:7f00:1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[fe80::1]', '①②⑦.⓪.⓪.①', '10.0.0.1', '169.254.169.254', '0xa9fea9fe', 'localhost', 'rebound.test',
    ];

    for (const host of SPELLINGS) {
      it(`opens no connection to ${host}`, async () => {
        const trap = await server((socket) => socket.end(httpAnswer(200, {}, 'inside')));
        const out = egress([], { localhost: () => ['127.0.0.1', '::1'], 'rebound.test': () => ['127.0.0.1'] });
        const url = `https://${host}:${trap.port}/`;
        const used = await failure(out.request(get(url)));
        const saved = await failure(out.judgeUrl(url));
        expect(used.kind).to.be.oneOf(['refused-address', 'refused-url']);
        expect(saved.kind).to.equal(used.kind);
        expect(used.mayHaveArrived).to.equal(false);
        expect(trap.connections()).to.equal(0);
      });
    }

    it('refuses a name when one of its addresses is refused', async () => {
      const out = egress([], { 'mixed.test': () => ['93.184.216.34', '10.0.0.1'] });
      await expectKind(out.judgeUrl('https://mixed.test/'), 'refused-address');
    });

    it('dials only what it judged when a name changes between two look-ups', async () => {
      const trap = await server((socket) => socket.end(httpAnswer(200, {}, 'inside')));
      let asked = 0;
      const out = egress([], { 'rebound.test': () => [(asked += 1) === 1 ? '93.184.216.34' : '127.0.0.1'] });
      await out.judgeUrl('https://rebound.test/');
      await expectKind(out.request(get(`https://rebound.test:${trap.port}/`)), 'refused-address');
      expect(trap.connections()).to.equal(0);
    });

    it('asks the resolver once for each connection', async () => {
      const target = await server((socket) => socket.end(httpAnswer(200, {}, 'ok')));
      let asked = 0;
      const out = egress([`127.0.0.1:${target.port}`], { 'peer.test': () => ((asked += 1), ['127.0.0.1']) });
      await out.request(get(`http://peer.test:${target.port}/`));
      expect(asked).to.equal(1);
    });

    it('speaks without TLS only to addresses that are allowed by name', async () => {
      const out = egress([], { 'peer.test': () => ['93.184.216.34'] });
      await expectKind(out.request(get('http://peer.test/')), 'refused-url');
      await expectKind(out.judgeUrl('http://93.184.216.34/'), 'refused-url');
    });

    it('keeps an allowed address to its port', async () => {
      const trap = await server((socket) => socket.end(httpAnswer(200, {}, 'inside')));
      await expectKind(egress(['127.0.0.1:1']).request(get(`http://127.0.0.1:${trap.port}/`)), 'refused-url');
      expect(trap.connections()).to.equal(0);
    });

    for (const url of ['https://user:secret@peer.test/', 'https://user@peer.test/', 'ftp://peer.test/', 'file:///etc/passwd', 'data:,x', 'peer.test', '//peer.test/', '', 'https://']) {
      it(`refuses the URL "${url}"`, async () => {
        const failed = await expectKind(egress([]).request(get(url)), 'refused-url');
        expect(failed.message).not.to.contain('secret');
      });
    }

    it('says that a name without an address may resolve later', async () => {
      expect(await expectKind(egress([]).judgeUrl('https://nobody.test/'), 'resolve')).to.have.property('retryable', true);
    });

    it('refuses to run inside a database transaction', async () => {
      const thrown = await insideTransaction(() => egress([]).request(get('https://peer.test/'))).catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(Error).and.not.instanceOf(EgressFailure);
    });
  });

  describe('what it takes for an answer', () => {
    async function answered(answer: (socket: Socket, head: string) => void, more: Partial<EgressRequest> = {}): Promise<RawReply> {
      const target = await server(answer);
      return egress(['127.0.0.1']).request(get(`http://127.0.0.1:${target.port}/a?b=c`, more));
    }

    it('hands over status, headers and bytes of an error status too', async () => {
      const reply = await answered((socket) => socket.end(httpAnswer(503, { 'retry-after': '7' }, 'later')));
      expect(reply).to.deep.include({ status: 503, body: Buffer.from('later') });
      expect(reply.headers['retry-after']).to.equal('7');
    });

    it('sends the body, its own host and no accepted encoding', async () => {
      const reply = await answered((socket, head) => socket.end(httpAnswer(200, {}, head)), {
        method: 'POST',
        headers: { host: 'inside.test', 'accept-encoding': 'gzip', 'x-kept': 'yes' },
        body: Buffer.from('hello'),
      });
      const head = reply.body.toString();
      expect(head).to.match(/^POST \/a\?b=c HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+/).and.match(/accept-encoding: identity\r\n/).and.match(/x-kept: yes/);
      expect(head).not.to.contain('inside.test');
    });

    it('does not follow a redirect and names its target without the query', async () => {
      const trap = await server((socket) => socket.end(httpAnswer(200, {}, 'inside')));
      const redirect = (socket: Socket): void => {
        socket.end(httpAnswer(307, { location: `http://127.0.0.1:${trap.port}/in?token=hush` }, ''));
      };
      const failed = await expectKind(answered(redirect), 'redirect');
      expect(failed.message).to.contain(`127.0.0.1:${trap.port}/in`).and.not.contain('hush');
      expect(trap.connections()).to.equal(0);
    });

    it('refuses an answer whose stated length is over the limit', async () => {
      await expectKind(answered((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n')), 'too-large');
    });

    it('stops reading an endless body at the limit', async () => {
      let written = 0;
      const endless = (socket: Socket): void => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const more = (): void => {
          if (socket.destroyed || written > 64 * 1024 * 1024) return;
          written += 1024;
          socket.write(`400\r\n${'x'.repeat(1024)}\r\n`, () => setImmediate(more));
        };
        more();
      };
      await expectKind(answered(endless), 'too-large');
      expect(written).to.be.lessThan(16 * 1024 * 1024);
    });

    it('reads the beginning of a long answer where only that is wanted', async () => {
      const cut = { limits: { ...LIMITS, longAnswer: 'cut' as const } };
      const stated = await answered((socket) => socket.end(httpAnswer(200, {}, Buffer.alloc(5_000, 'x'))), cut);
      expect(stated.body.length).to.equal(LIMITS.answerBytesMax);
      await expectKind(answered((socket) => socket.write('HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\n'), cut), 'redirect');
    });

    it('refuses a packed answer without unpacking it', async () => {
      const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024)).subarray(0, 900);
      await expectKind(answered((socket) => socket.end(httpAnswer(200, { 'content-encoding': 'gzip' }, bomb))), 'encoding');
    });

    it('gives up on headers that do not come', async () => {
      await expectKind(answered(() => undefined, { limits: { ...LIMITS, totalMs: 50 } }), 'timeout');
    });

    it('gives up on a body that drips', async () => {
      const drip = (socket: Socket): void => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n');
        const timer = setInterval(() => socket.write('x'), 20);
        socket.on('close', () => clearInterval(timer));
      };
      const failed = await expectKind(answered(drip, { limits: { totalMs: 200, answerBytesMax: 1_000 } }), 'timeout');
      expect(failed.mayHaveArrived).to.equal(true);
    });

    it('gives up when its caller does', async () => {
      await expectKind(answered(() => undefined, { signal: AbortSignal.timeout(30) }), 'timeout');
      await expectKind(answered(() => undefined, { signal: AbortSignal.abort() }), 'timeout');
    });

    it('reports a connection that breaks in the middle', async () => {
      await expectKind(answered((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf')), 'broken');
    });

    it('reports headers over the limit', async () => {
      await expectKind(answered((socket) => socket.end(httpAnswer(200, { 'x-long': 'x'.repeat(20_000) }, ''))), 'broken');
    });

    it('reports a port where nobody listens as not sent', async () => {
      const gone = await rawServer(() => undefined);
      await gone.close();
      const failed = await expectKind(egress(['127.0.0.1']).request(get(`http://127.0.0.1:${gone.port}/`)), 'connect');
      expect(failed).to.include({ retryable: true, mayHaveArrived: false });
    });
  });

  describe('TLS', () => {
    async function tlsServer(): Promise<{ port: number; names: string[] }> {
      const names: string[] = [];
      const listening = createTlsServer({ cert: TEST_ONLY_CERTIFICATE, key: TEST_ONLY_TLS_KEY }, (_request, response) => response.end('ok'));
      listening.on('secureConnection', (socket) => names.push(String(socket.servername)));
      await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
      opened.unshift({ close: () => new Promise((resolve) => (listening.closeAllConnections(), listening.close(resolve))) });
      return { port: (listening.address() as AddressInfo).port, names };
    }

    it('asks for the name of the URL, not for the address it dials', async () => {
      const { port, names } = await tlsServer();
      const reply = await egress(['127.0.0.1'], { 'peer.test': () => ['127.0.0.1'] }).request(get(`https://peer.test:${port}/`));
      expect(reply.status).to.equal(200);
      expect(names).to.deep.equal(['peer.test']);
    });

    it('refuses a certificate for another name', async () => {
      const { port } = await tlsServer();
      const out = egress(['127.0.0.1'], { 'other.test': () => ['127.0.0.1'] });
      expect(await expectKind(out.request(get(`https://other.test:${port}/`)), 'tls')).to.have.property('mayHaveArrived', false);
      await expectKind(out.request(get(`https://127.0.0.1:${port}/`)), 'tls');
    });
  });

  it('lends its guard to libraries as a fetch', async () => {
    const target = await server((socket) => socket.end(httpAnswer(200, { 'content-type': 'application/json' }, '{"keys":[]}')));
    const guarded = egressFetch(egress([`127.0.0.1:${target.port}`]), LIMITS);
    const response = await guarded(`http://127.0.0.1:${target.port}/jwks`, { headers: new Headers({ accept: 'application/json' }) });
    expect(await response.json()).to.deep.equal({ keys: [] });
    await expectKind(guarded('https://127.0.0.1:1/', {}), 'refused-address');
  });
});
