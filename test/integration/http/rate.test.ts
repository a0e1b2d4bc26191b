import { connect } from 'node:net';
import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { echoRoutes } from '../../support/echo-routes.js';
import { startHttpNode } from '../../support/http-node.js';
import type { HttpNode } from '../../support/http-node.js';
import { errorCode, rawExchange, readReply } from '../../support/raw-http.js';
import type { RawReply } from '../../support/raw-http.js';

const get = (...lines: readonly string[]): string => ['GET /text HTTP/1.1', 'Host: a.example', ...lines, '', ''].join('\r\n');

describe('the rate of an address', () => {
  let node: HttpNode;

  afterEach(() => node.stop());

  /** Asks over one connection until something else than 200 comes; returns it, and how often 200 came before. */
  async function askUntilRefused(line: string): Promise<{ readonly taken: number; readonly refused: RawReply | undefined }> {
    const socket = connect(node.port, '127.0.0.1');
    let taken = 0;
    for (; taken < LIMITS.addressRequestsBurst * 2; taken += 1) {
      socket.write(get(line));
      const reply = await readReply(socket);
      if (reply.status !== 200) {
        socket.destroy();
        return { taken, refused: reply };
      }
    }
    socket.destroy();
    return { taken, refused: undefined };
  }

  it('is bounded with 429 and Retry-After, and nobody can lend itself another', async () => {
    node = await startHttpNode({ routes: echoRoutes(), isTrustedProxy: () => false });
    const { taken, refused } = await askUntilRefused('X-Forwarded-For: 203.0.113.9');
    expect(taken).to.be.at.least(LIMITS.addressRequestsBurst);
    expect(refused?.status).to.equal(429);
    expect(refused?.headers['retry-after']).to.equal('1');
    expect(refused && errorCode(refused)).to.equal('SW_RATE_LIMIT_EXCEEDED');
  });

  it('is that of the address a trusted proxy names', async () => {
    node = await startHttpNode({ routes: echoRoutes(), isTrustedProxy: (address) => address === '127.0.0.1' });
    expect((await askUntilRefused('X-Forwarded-For: 203.0.113.1')).refused?.status).to.equal(429);
    expect((await rawExchange(node.port, get('X-Forwarded-For: 203.0.113.2'))).status).to.equal(200);
  });
});
