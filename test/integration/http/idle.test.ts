import { connect } from 'node:net';
import { expect } from 'chai';
import { openRoute } from '../../../src/http/define-route.js';
import { lines } from '../../../src/http/reply.js';
import { startHttpNode } from '../../support/http-node.js';

const IDLE_MS = 300;

describe('a reader who takes nothing of a long answer', function () {
  this.timeout(60_000);

  it('is hung up on, after the time that a transfer may stand still, and nothing more is read for them', async () => {
    const read = { steps: 0, ended: (): void => undefined };
    const ended = new Promise<void>((resolve) => (read.ended = resolve));
    async function* endless(): AsyncGenerator<readonly object[]> {
      try {
        for (;;) {
          read.steps += 1;
          yield [{ filler: 'x'.repeat(10_000) }];
          // Steps come from a database: never all in one turn.
          await new Promise(setImmediate);
        }
      } finally {
        read.ended();
      }
    }
    const reply = { ...lines<object>('none'), schema: null };
    const route = openRoute({ method: 'GET', who: 'nobody', path: '/export', summary: 'Without an end.', reply, handle: async () => endless() });
    const node = await startHttpNode({ routes: [route], transferIdleMs: IDLE_MS });
    const socket = connect(node.port, '127.0.0.1');
    try {
      socket.on('error', () => undefined).pause();
      const askedMs = performance.now();
      socket.write('GET /export HTTP/1.1\r\nHost: a.example\r\n\r\n');
      await ended;
      expect(performance.now() - askedMs).to.be.at.least(IDLE_MS);
      expect(read.steps).to.be.greaterThan(1);
    } finally {
      socket.destroy();
      await node.stop();
    }
  });
});
