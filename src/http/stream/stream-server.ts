import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Meter, Randomness, Timers } from '../../kernel/ports.js';
import type { Rates } from '../../kernel/rates.js';
import type { Authenticator } from '../../flows/api/authenticator.js';
import type { StreamApi } from '../../flows/api/sync.js';
import type { Checked } from '../exchange.js';
import { boundedToken, tokenOf } from '../gate.js';
import { logThrown, type ThrownLog } from '../log-thrown.js';
import { queryOf } from '../read.js';
import { STREAM_PATH } from '../routes/sync.js';
import type { Upgrades } from '../server.js';
import { CLOSE, closeReasonOf } from './close-codes.js';
import { OpenStreams } from './open-streams.js';
import { StreamSession } from './stream-session.js';

export interface StreamServerParts {
  readonly authenticator: Authenticator;
  readonly rates: Rates;
  readonly stream: StreamApi;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Timers;
  readonly randomness: Pick<Randomness, 'uuid'>;
  readonly log: ThrownLog;
  readonly meter: Pick<Meter, 'gauge'>;
}

/** Takes over connections for `/v1/stream` (specs/protocol/http.md). */
export class StreamServer implements Upgrades {
  private readonly sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: LIMITS.streamFrameBytesMax,
  });
  private readonly open = new OpenStreams<{ close(): void }>(LIMITS.streamsPerPersonMax);

  constructor(private readonly parts: StreamServerParts) {}

  take(request: IncomingMessage, socket: Duplex, head: Buffer, checked: Checked): void {
    const { target, token } = readTarget(request.url ?? '');
    if (target !== STREAM_PATH) throw new GatewayError('SW_NOT_FOUND', 'no stream at this path');
    if (checked.headers['upgrade']?.toLowerCase() !== 'websocket') {
      throw new GatewayError('SW_BAD_REQUEST', 'upgrade to something else');
    }
    socket.on('error', () => socket.destroy());
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => {
      // Protocol errors of the client arrive here; `ws` has closed the socket by then.
      webSocket.on('error', () => webSocket.terminate());
      this.serve(webSocket, token, checked).catch(() => webSocket.terminate());
    });
  }

  async stop(): Promise<void> {
    const { code, reason } = CLOSE.goingAway;
    for (const socket of this.sockets.clients) socket.close(code, reason);
    const deadline = new AbortController();
    const cut = this.parts.timers.after(LIMITS.streamHelloMs, () => deadline.abort());
    await Promise.all([...this.sockets.clients].map((socket) => closed(socket, deadline.signal)));
    cut.cancel();
    for (const socket of this.sockets.clients) socket.terminate();
  }

  /** A stream that is refused was still accepted as a WebSocket: only then can its client read why. */
  private async serve(socket: WebSocket, token: string | null, checked: Checked): Promise<void> {
    const { requestId } = checked;
    try {
      const caller = await this.identify(token, checked);
      await this.parts.rates.spend(caller.ctx, { scope: 'user', id: caller.participantId });
      await this.follow(socket, caller);
    } catch (error) {
      logThrown(error, requestId, this.parts.log);
      const { code, reason } = closeReasonOf(error);
      socket.close(code, reason);
    }
  }

  private async identify(token: string | null, { headers, requestId }: Checked): Promise<Caller> {
    const given = token === null ? tokenOf(headers['authorization']) : boundedToken(token);
    const tooLate = new AbortController();
    const identified = this.parts.authenticator.authenticate(given, requestId);
    const late = this.parts.timers.sleep(LIMITS.streamHelloMs, tooLate.signal).then((): never => {
      throw new GatewayError('SW_UNAVAILABLE', 'authentication took too long');
    });
    try {
      return await Promise.race([identified, late]);
    } finally {
      late.catch(() => undefined);
      tooLate.abort();
    }
  }

  private async follow(socket: WebSocket, caller: Caller): Promise<void> {
    const session = new StreamSession(socket, caller, this.parts.randomness.uuid(), this.parts);
    const entry = { close: () => session.close(CLOSE.duplicate) };
    this.open.add(caller, entry);
    this.parts.meter.gauge('streams_open', this.open.size);
    try {
      await session.run();
    } finally {
      this.open.remove(caller, entry);
      this.parts.meter.gauge('streams_open', this.open.size);
    }
  }
}

function readTarget(url: string): { readonly target: string; readonly token: string | null } {
  const tokens = queryOf(url).filter(([name]) => name === 'token');
  if (tokens.length > 1) throw new GatewayError('SW_BAD_REQUEST', 'two tokens');
  return { target: url.split('?', 1)[0] ?? '', token: tokens[0]?.[1] ?? null };
}

function closed(socket: WebSocket, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) return resolve();
    socket.once('close', () => resolve());
    deadline.addEventListener('abort', () => resolve(), { once: true });
  });
}
