import type { Request, Response } from 'express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import type { GatewayError } from '../kernel/errors.js';
import type { Log } from '../kernel/ports.js';
import type { Answer, Call } from './call.js';
import type { HeldBytes } from './held-bytes.js';
import type { ThrownLog } from './log-thrown.js';
import { problemAnswer } from './problem.js';
import { rateHeaders } from './rate-headers.js';
import { announcesBody, cutOff, readBody } from './read-body.js';
import type { Gate, Route } from './route.js';
import { streamBody } from './stream-body.js';
import type { Unhurried } from './unhurried.js';

/** What intake found out about a request, carried to its route. */
export interface Checked {
  readonly requestId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
}

/** A response that carries what intake found out. */
export type CheckedResponse = Response<unknown, { checked: Checked }>;

/** What of its server a call needs. */
export interface Surroundings {
  readonly stopping: AbortSignal;
  readonly unhurried: Unhurried;
  readonly transferIdleMs: number;
  readonly unprovenBytes: HeldBytes;
}

/** The request, as a route sees it. */
export function callOf(request: Request, response: CheckedResponse, checked: Checked, { stopping, unhurried, transferIdleMs, unprovenBytes }: Surroundings): Call {
  const { requestId, headers, remoteAddress } = checked;
  return {
    requestId,
    headers,
    remoteAddress,
    method: request.method,
    target: request.originalUrl,
    params: textParams(request.params),
    signal: () => goneSignal(response, stopping),
    readBody: async (bytesMax, sender) => {
      if (!announcesBody(headers)) return undefined;
      const bytes = await readBody(request, response, bytesMax, sender === 'unproven' ? heldUntilClosed(response, unprovenBytes) : undefined);
      return bytes.length === 0 ? undefined : bytes;
    },
    openBody: (bounds) => streamBody(request, response, unhurried, { ...bounds, idleMs: transferIdleMs }),
    counted: (standing) => {
      if (!response.headersSent) response.setHeaders(new Map(Object.entries(rateHeaders(standing))));
    },
  };
}

/** Proof comes after the last byte, and where it fails the bytes go with the answer: until then they count. */
function heldUntilClosed(response: CheckedResponse, held: HeldBytes): (bytes: number) => GatewayError | undefined {
  let own = 0;
  response.once('close', () => {
    held.free(own);
    own = 0;
  });
  return (bytes) => {
    if (response.closed) return cutOff();
    const refusal = held.hold(bytes);
    if (refusal === undefined) own += bytes;
    return refusal;
  };
}

function textParams(params: Readonly<Record<string, string | string[]>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(params)) {
    // Segments come decoded one by one; none holds a slash of its own, because intake refuses those.
    texts[name] = typeof value === 'string' ? value : value.join('/');
  }
  return texts;
}

/** Made only for calls that wait; the listener on `stopping` goes with the response. */
function goneSignal(response: CheckedResponse, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const end = (): void => gone.abort();
  if (stopping.aborted) end();
  stopping.addEventListener('abort', end, { once: true });
  response.once('close', () => {
    stopping.removeEventListener('abort', end);
    end();
  });
  return gone.signal;
}

/** Runs a route to its answer; whatever it throws becomes one. */
export async function answerOf(route: Route, call: Call, gate: Gate, log: ThrownLog): Promise<Answer> {
  try {
    return await route.run(call, gate);
  } catch (error) {
    return problemAnswer(error, call.requestId, log);
  }
}

/** For every reply: nothing here may be kept by a cache or guessed at by a browser. */
const ALWAYS = Object.freeze({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });

interface Sending {
  readonly log: Pick<Log, 'debug'>;
  readonly transferIdleMs: number;
}

export function sendAnswer(response: ServerResponse<IncomingMessage>, requestId: string, answer: Answer, { log, transferIdleMs }: Sending): void {
  if (response.headersSent || response.destroyed) {
    answer.stream?.destroy();
    return;
  }
  response.writeHead(answer.status, {
    ...ALWAYS,
    ...(answer.stream === undefined && { 'content-length': String(Buffer.byteLength(answer.body)) }),
    ...answer.headers,
    'x-request-id': requestId,
  });
  if (answer.stream === undefined) response.end(answer.body);
  else pour(answer.stream, response, transferIdleMs, (error) => log.debug({ requestId, error }, 'a reply was cut'));
}

/** A reader who takes nothing for too long is hung up on: the connection, and what it reads from, are not theirs to keep. */
function pour(stream: Readable, response: ServerResponse<IncomingMessage>, idleMs: number, onCut: (error: Error) => void): void {
  response.setTimeout(idleMs, () => response.destroy());
  pipeline(stream, response, (error) => {
    response.socket?.setTimeout(0);
    if (error !== null && error !== undefined) onCut(error);
  });
}
