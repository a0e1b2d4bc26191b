import express from 'express';
import type { Express, NextFunction, Request } from 'express';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Meter, Timers } from '../kernel/ports.js';
import type { Answer } from './call.js';
import { answerClientError, endWith } from './client-error.js';
import { DrainingServer } from './draining-server.js';
import { answerOf, callOf, sendAnswer } from './exchange.js';
import type { Checked, CheckedResponse } from './exchange.js';
import type { Front } from './front.js';
import { HeldBytes } from './held-bytes.js';
import type { ThrownLog } from './log-thrown.js';
import { preshaped } from './preshaped.js';
import { problemAnswer } from './problem.js';
import { routerOf } from './router.js';
import type { Gate, Route } from './route.js';
import { Unhurried } from './unhurried.js';

/** How often waiting connections are looked at while the server stops. */
const STOP_POLL_MS = 50;

/** Takes over connections that leave HTTP. */
export interface Upgrades {
  readonly take: (request: IncomingMessage, socket: Duplex, head: Buffer, checked: Checked) => void;
  readonly stop: () => Promise<void>;
}

/** For a process that serves no people. */
export const NO_UPGRADES: Upgrades = {
  take: () => {
    throw new GatewayError('SW_NOT_FOUND', 'no stream here');
  },
  stop: async () => {},
};

export interface HttpServerParts {
  readonly routes: readonly Route[];
  readonly gate: Gate;
  readonly front: Front;
  readonly upgrades: Upgrades;
  /** How long a body that comes or goes piece by piece may stand still. */
  readonly transferIdleMs: number;
  /** What bodies of senders who have not proved who they are may take up, all together. */
  readonly unprovenBytesMax: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Pick<Timers, 'sleep'>;
  readonly log: ThrownLog;
  readonly meter: Pick<Meter, 'observe'>;
}

export class HttpServer {
  private readonly server: DrainingServer;
  private readonly stopping = new AbortController();
  private readonly unhurried = new Unhurried();
  private readonly unprovenBytes: HeldBytes;

  constructor(private readonly parts: HttpServerParts) {
    this.unprovenBytes = new HeldBytes(parts.unprovenBytesMax);
    const app = this.app();
    this.server = new DrainingServer(
      {
        ...preshaped(app),
        maxHeaderSize: LIMITS.headerBytesMax,
        headersTimeout: LIMITS.headersTimeoutMs,
        requestTimeout: LIMITS.requestTimeoutMs,
        keepAliveTimeout: LIMITS.keepAliveMs,
        connectionsCheckingInterval: LIMITS.timeoutCheckMs,
        // A missing Host is answered by intake, in JSON like every other refusal.
        requireHostHeader: false,
        insecureHTTPParser: false,
      },
      app,
    );
    // Node drops headers beyond this count without a word; intake counts them instead.
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = LIMITS.connectionsMax;
    this.server.on('checkContinue', app).on('checkExpectation', app);
    this.server.on('clientError', (error, socket) => {
      if (!this.unhurried.excuses(error, socket)) answerClientError(error, socket);
    });
    this.server.on('connect', (request, socket) => this.refuseTunnel(request, socket));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  listen(port: number, host: string): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        const address = this.server.address();
        if (address !== null && typeof address === 'object') resolve(address);
        else reject(new Error('listening on no address'));
      });
    });
  }

  /**
   * Takes no new connection, lets what was begun finish, and hurries what waits. For a moment every answer says that
   * the connection closes, so that busy clients go by themselves; then idle connections are closed, and after the
   * limit whatever is left.
   */
  async stop(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    this.stopping.abort();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const deadlineMs = this.parts.clock.monotonicMs() + LIMITS.stopMs * 0.8;
    const ended = new AbortController();
    const watched = closed.then(() => ended.abort());
    await Promise.all([this.parts.upgrades.stop(), this.parts.timers.sleep(LIMITS.stopDrainMs, ended.signal)]);
    this.server.endDrain();
    while (!ended.signal.aborted && this.parts.clock.monotonicMs() < deadlineMs) {
      this.server.closeIdleConnections();
      await this.parts.timers.sleep(STOP_POLL_MS, ended.signal);
    }
    this.server.closeAllConnections();
    await watched;
  }

  private app(): Express {
    const app = express();
    app.disable('x-powered-by');
    app.set('etag', false);
    app.set('query parser', 'simple');
    app.use((request: Request, response: CheckedResponse, next: NextFunction) => this.intake(request, response, next));
    app.use(
      routerOf(this.parts.routes, {
        found: (route, request, response) => {
          this.found(route, request, response).catch((error: unknown) => this.refuse(response, error));
        },
        wrongMethod: (allowed, request, response) => this.wrongMethod(allowed, request, response),
      }),
    );
    app.use((_request: Request, response: CheckedResponse) => {
      this.refuse(response, new GatewayError('SW_NOT_FOUND', 'no such path'));
    });
    // Express knows an error handler by its four parameters.
    app.use((error: unknown, _request: Request, response: CheckedResponse, _next: NextFunction) => {
      this.refuse(response, error);
    });
    return app;
  }

  private intake(request: Request, response: CheckedResponse, next: NextFunction): void {
    const requestId = this.parts.front.newRequestId();
    try {
      response.locals.checked = this.parts.front.check(request, requestId);
    } catch (error) {
      // Where the head is in doubt, so is the place where the next request begins.
      response.setHeader('connection', 'close');
      this.send(response, requestId, problemAnswer(error, requestId, this.parts.log));
      return;
    }
    next();
  }

  private async found(route: Route, request: Request, response: CheckedResponse): Promise<void> {
    const startedMs = this.parts.clock.monotonicMs();
    const { checked } = response.locals;
    const { unhurried, unprovenBytes } = this;
    const call = callOf(request, response, checked, { stopping: this.stopping.signal, unhurried, transferIdleMs: this.parts.transferIdleMs, unprovenBytes });
    const answer = await answerOf(route, call, this.parts.gate, this.parts.log);
    this.send(response, checked.requestId, answer);
    const labels = { method: route.method, route: route.path, status: `${Math.floor(answer.status / 100)}xx` };
    this.parts.meter.observe('http_request_seconds', (this.parts.clock.monotonicMs() - startedMs) / 1000, labels);
  }

  private wrongMethod(allowed: string, request: Request, response: CheckedResponse): void {
    response.setHeader('allow', allowed);
    this.refuse(response, new GatewayError('SW_METHOD_NOT_ALLOWED', request.method));
  }

  private refuse(response: CheckedResponse, error: unknown): void {
    const { requestId } = response.locals.checked;
    this.send(response, requestId, problemAnswer(error, requestId, this.parts.log));
  }

  private send(response: CheckedResponse, requestId: string, answer: Answer): void {
    if (this.stopping.signal.aborted && !response.headersSent) response.setHeader('connection', 'close');
    sendAnswer(response, requestId, answer, this.parts);
  }

  private refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
    const error = new GatewayError('SW_METHOD_NOT_ALLOWED', 'CONNECT');
    endWith(socket, problemAnswer(error, this.parts.front.newRequestId(), this.parts.log));
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const requestId = this.parts.front.newRequestId();
    try {
      if (this.stopping.signal.aborted) throw new GatewayError('SW_UNAVAILABLE', 'stopping');
      this.parts.upgrades.take(request, socket, head, this.parts.front.check(request, requestId));
    } catch (error) {
      endWith(socket, problemAnswer(error, requestId, this.parts.log));
    }
  }
}
