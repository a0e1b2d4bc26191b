import { connect } from 'node:net';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import type { StreamApi, StreamEvent } from '../../../src/flows/api/sync.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { Timers } from '../../../src/kernel/ports.js';
import { systemTimers } from '../../../src/kernel/system-ports.js';
import { startHttpNode, testCaller } from '../../support/http-node.js';
import type { HttpNode, HttpNodeOptions } from '../../support/http-node.js';

/** A stream that says what the test says, until its reader goes. */
class Feed implements StreamApi {
  readonly signals: AbortSignal[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly said: StreamEvent[] = [];
  private failure: Error | undefined;

  say(event: StreamEvent): void {
    this.said.push(event);
    this.wake();
  }

  fail(error: Error): void {
    this.failure = error;
    this.wake();
  }

  async *follow(_caller: unknown, signal: AbortSignal): AsyncIterable<StreamEvent> {
    this.signals.push(signal);
    signal.addEventListener('abort', () => this.wake());
    for (let next = 0; !signal.aborted; ) {
      if (this.failure !== undefined) throw this.failure;
      const event = this.said[next];
      if (event === undefined) await new Promise<void>((resolve) => this.waiting.push(resolve));
      else {
        next += 1;
        yield event;
      }
    }
  }

  private wake(): void {
    for (const resume of this.waiting.splice(0)) resume();
  }
}

/** Everything a client receives, in order, and how it ended. */
interface Client {
  readonly socket: WebSocket;
  readonly next: () => Promise<Record<string, unknown>>;
  readonly closed: Promise<readonly [code: number, reason: string]>;
}

function clientOf(port: number, query = '?token=member', headers: Record<string, string> = {}): Client {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream${query}`, { headers });
  const frames: string[] = [];
  const waiting: ((frame: string) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const waiter = waiting.shift();
    if (waiter === undefined) frames.push(data.toString());
    else waiter(data.toString());
  });
  socket.on('error', () => undefined);
  const next = async (): Promise<Record<string, unknown>> => {
    const frame = frames.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
    return JSON.parse(frame) as Record<string, unknown>;
  };
  const closed = new Promise<readonly [number, string]>((resolve) => {
    socket.on('close', (code: number, reason: Buffer) => resolve([code, reason.toString()]));
  });
  return { socket, next, closed };
}

describe('the stream', () => {
  let node: HttpNode;
  let feed: Feed;

  async function start(options: Partial<HttpNodeOptions> = {}): Promise<void> {
    feed = new Feed();
    node = await startHttpNode({ routes: [], stream: feed, ...options });
  }

  afterEach(() => node.stop());

  it('says hello, then what happens, each with tenant and time', async () => {
    await start();
    const client = clientOf(node.port);
    const hello = await client.next();
    expect(hello).to.include({ type: 'hello', server_name: 'a.example', tenant_id: '22222222-2222-4222-8222-222222222222' });
    expect(hello['session_id']).to.match(/^[0-9a-f-]{36}$/);
    expect(hello['ts']).to.match(/^\d{4}-.*Z$/);
    feed.say({ type: 'swp.room.message', id: 'evt-1', room_id: 'room-1' });
    expect(await client.next()).to.include({ type: 'swp.room.message', id: 'evt-1', tenant_id: hello['tenant_id'] });
    client.socket.close();
    await client.closed;
  });

  it('takes the token from the header too', async () => {
    await start();
    const client = clientOf(node.port, '', { authorization: 'Bearer member' });
    expect((await client.next())['type']).to.equal('hello');
  });

  const refused: readonly (readonly [title: string, query: string, code: number, reason: string])[] = [
    ['no token', '', 4001, 'SW_AUTH_INVALID_TOKEN'],
    ['a token that is not valid', '?token=nobody', 4001, 'SW_AUTH_INVALID_TOKEN'],
    ['an expired token', '?token=expired', 4001, 'expired_token'],
    ['a token that is too long', `?token=${'a'.repeat(9000)}`, 4001, 'SW_AUTH_INVALID_TOKEN'],
  ];
  for (const [title, query, code, reason] of refused) {
    it(`closes with ${code} for ${title}, and says nothing`, async () => {
      await start();
      const client = clientOf(node.port, query);
      expect(await client.closed).to.deep.equal([code, reason]);
      expect(feed.signals).to.deep.equal([]);
    });
  }

  it('does not begin with two tokens', async () => {
    await start();
    const client = clientOf(node.port, '?token=member&token=member');
    expect((await client.closed)[0]).to.equal(1006);
  });

  it('closes with 4001 when the token expires, and stops listening', async () => {
    const expiring = { authenticate: async () => testCaller({ expiresAtMs: Date.now() + 300 }) };
    await start({ authenticator: expiring });
    const client = clientOf(node.port);
    await client.next();
    expect(await client.closed).to.deep.equal([4001, 'expired_token']);
    expect(feed.signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
  });

  it('closes with 4001 when the tenant is suspended', async () => {
    await start();
    const client = clientOf(node.port);
    await client.next();
    feed.fail(new GatewayError('SW_TENANT_SUSPENDED', 'test'));
    expect(await client.closed).to.deep.equal([4001, 'SW_TENANT_SUSPENDED']);
  });

  it('closes with 1013 when the node is in trouble, and with 1011 on a bug, saying nothing of it', async () => {
    await start();
    const troubled = clientOf(node.port);
    await troubled.next();
    feed.fail(new GatewayError('SW_UNAVAILABLE', 'database away'));
    expect(await troubled.closed).to.deep.equal([1013, 'try_again']);
    feed.fail(new TypeError('secret detail'));
    expect(await clientOf(node.port).closed).to.deep.equal([1011, 'internal_error']);
  });

  it('closes the oldest with 4003 when one person has too many', async () => {
    await start();
    const clients: Client[] = [];
    for (let opened = 0; opened <= LIMITS.streamsPerPersonMax; opened += 1) {
      const client = clientOf(node.port);
      await client.next();
      clients.push(client);
    }
    expect(await clients[0]?.closed).to.deep.equal([4003, 'duplicate_connection']);
    expect(clients.slice(1).map(({ socket }) => socket.readyState)).to.deep.equal(clients.slice(1).map(() => WebSocket.OPEN));
  });

  it('closes with 4003 when a ping is not answered', async () => {
    await start({ timers: hurried(100) });
    const client = clientOf(node.port);
    await client.next();
    client.socket.pong = () => undefined;
    expect(await client.closed).to.deep.equal([4003, 'ping_timeout']);
  });

  it('stays open while pings are answered', async () => {
    await start({ timers: hurried(500) });
    const client = clientOf(node.port);
    await client.next();
    let pings = 0;
    client.socket.on('ping', () => (pings += 1));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(client.socket.readyState).to.equal(WebSocket.OPEN);
    expect(pings).to.be.above(2);
  });

  it('closes with 1013 when the token cannot be judged within the time for hello', async () => {
    await start({ authenticator: { authenticate: () => new Promise(() => undefined) } });
    expect(await clientOf(node.port).closed).to.deep.equal([1013, 'try_again']);
  });

  it('ends a client that sends more than a small frame', async () => {
    await start();
    const client = clientOf(node.port);
    await client.next();
    client.socket.send('x'.repeat(LIMITS.streamFrameBytesMax + 1));
    expect((await client.closed)[0]).to.be.oneOf([1006, 1009]);
  });

  it('holds no more than a buffer for a client that does not read', async function () {
    this.timeout(20_000);
    let drawn = 0;
    const endless: StreamApi = {
      async *follow(_caller, signal) {
        for (; !signal.aborted; drawn += 1) yield { type: 'swp.room.message', content: 'x'.repeat(10_000) };
      },
    };
    await start({ stream: endless });
    const socket = connect(node.port, '127.0.0.1');
    socket.write('GET /v1/stream?token=member HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = drawn;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(drawn, 'nothing more is drawn while the client is behind').to.equal(after);
    socket.destroy();
  });

  it('closes with 1001 when the node stops', async () => {
    await start();
    const client = clientOf(node.port);
    await client.next();
    await node.stop();
    expect(await client.closed).to.deep.equal([1001, 'going_away']);
    expect(feed.signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
  });
});

/** Periods pass `factor` times faster; other waits do not. */
function hurried(factor: number): Timers {
  return { ...systemTimers, every: (periodMs, run) => systemTimers.every(periodMs / factor, run) };
}
