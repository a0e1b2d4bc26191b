import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { openRoute } from '../../../src/http/define-route.js';
import { one } from '../../../src/http/reply.js';
import type { Route } from '../../../src/http/route.js';
import { startHttpNode } from '../../support/http-node.js';
import { rawExchange, readReply } from '../../support/raw-http.js';
import { byTheWallClock } from '../../support/wall-clock.js';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;

/** `/slow` answers when it is let go, `/waiting` when it is told to hurry, `/quick` at once. */
function routes(): { readonly table: readonly Route[]; readonly begun: Promise<void>; readonly letGo: () => void } {
  let begin = (): void => undefined;
  let letGo = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  const reply = { ...one<string>('none'), schema: null };
  const who = 'nobody' as const;
  const method = 'GET' as const;
  const table = [
    openRoute({ method, who, path: '/quick', summary: 'At once.', reply, handle: () => 'quick' }),
    openRoute({
      method,
      who,
      path: '/slow',
      summary: 'Slowly.',
      reply,
      handle: async () => {
        begin();
        await gone;
        return 'slow';
      },
    }),
    openRoute({
      method,
      who,
      path: '/waiting',
      summary: 'A long poll.',
      reply,
      handle: async ({ call }) => {
        const signal = call.signal();
        begin();
        if (!signal.aborted) await once(signal, 'abort');
        return 'what there is';
      },
    }),
  ];
  return { table, begun, letGo: () => letGo() };
}

describe('stopping the server', () => {
  it('finishes what was begun, and closes the connection after it', async () => {
    const { table, begun, letGo } = routes();
    const node = await startHttpNode({ routes: table });
    const socket = connect(node.port, '127.0.0.1');
    socket.write(GET('/slow'));
    await begun;
    const stopped = node.stop();
    setTimeout(letGo, 200);
    expect((await readReply(socket)).body).to.contain('slow');
    await stopped;
  });

  it('takes no new connection', async () => {
    const { table, begun, letGo } = routes();
    const node = await startHttpNode({ routes: table });
    const socket = connect(node.port, '127.0.0.1');
    socket.write(GET('/slow'));
    await begun;
    const stopped = node.stop();
    const refused = await rawExchange(node.port, GET('/quick')).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    letGo();
    await Promise.all([readReply(socket), stopped]);
  });

  it('does not wait for connections that are kept open for later', async function () {
    byTheWallClock(this);
    const node = await startHttpNode({ routes: routes().table });
    const socket = connect(node.port, '127.0.0.1');
    socket.write(GET('/quick'));
    await readReply(socket);
    const closed = once(socket, 'close');
    const started = performance.now();
    await node.stop();
    await closed;
    expect(performance.now() - started).to.be.below(1_000);
  });

  it('hurries those who wait for news', async function () {
    byTheWallClock(this);
    const { table, begun } = routes();
    const node = await startHttpNode({ routes: table });
    const socket = connect(node.port, '127.0.0.1');
    socket.write(GET('/waiting'));
    await begun;
    const started = performance.now();
    const [reply] = await Promise.all([readReply(socket), node.stop()]);
    expect(reply.body).to.contain('what there is');
    expect(reply.status).to.equal(200);
    expect(performance.now() - started).to.be.below(1_000);
  });

  it('cuts nothing under load', async function () {
    this.timeout(20_000);
    const node = await startHttpNode({ routes: routes().table });
    let answered = 0;
    let cut = 0;
    const client = async (): Promise<void> => {
      const socket = connect(node.port, '127.0.0.1');
      await once(socket, 'connect');
      for (let told = ''; told !== 'close'; ) {
        socket.write(GET('/quick'));
        const reply = await readReply(socket).catch(() => undefined);
        if (reply === undefined) cut += 1;
        else answered += 1;
        told = reply?.headers['connection'] ?? 'close';
      }
      socket.destroy();
    };
    const clients = Array.from({ length: 20 }, client);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const started = performance.now();
    await Promise.all([node.stop(), ...clients]);
    expect(cut).to.equal(0);
    expect(answered).to.be.above(20);
    expect(performance.now() - started).to.be.below(10_000);
  });

  it('is over at once the second time', async () => {
    const node = await startHttpNode({ routes: routes().table });
    await Promise.all([node.stop(), node.stop()]);
  });
});
