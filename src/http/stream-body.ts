import { on } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../kernel/errors.js';
import type { BodyBounds, BodyStream } from './call.js';
import { cutOff } from './read-body.js';
import type { Unhurried } from './unhurried.js';

/** How many chunks may wait for their reader before the client is told to wait. */
const CHUNKS_WAITING_MAX = 4;

/** `idleMs`: how long nothing may come. */
type StreamBounds = BodyBounds & { readonly idleMs: number };

/** A body that is read as it comes, at its reader's pace, for as long as it keeps coming. */
export function streamBody(request: IncomingMessage, response: ServerResponse, unhurried: Unhurried, bounds: StreamBounds): BodyStream {
  const { socket } = request;
  const declared = request.headers['content-length'];
  unhurried.add(socket);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return {
    lengthBytes: declared === undefined ? null : Number(declared),
    chunks: chunksOf(request, response, bounds),
    gone: gone.signal,
    end() {
      socket.setTimeout(0);
      if (unhurried.remove(socket) && !response.headersSent) response.setHeader('connection', 'close');
      // What is left is discarded as it arrives, so that the client sees its answer.
      request.resume();
    },
  };
}

async function* chunksOf(request: IncomingMessage, response: ServerResponse, { bytesMax, idleMs }: StreamBounds): AsyncGenerator<Buffer> {
  const tooLarge = (): GatewayError => new GatewayError('SW_BODY_TOO_LARGE', `more than ${bytesMax} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  // Whoever went before anybody listened is told of by no event, nor by a timeout.
  if (request.destroyed) throw cutOff();
  if (request.headers.expect !== undefined) response.writeContinue();
  const idle = new AbortController();
  request.setTimeout(idleMs, () => idle.abort());
  try {
    let size = 0;
    const options = { signal: idle.signal, close: ['end'], highWaterMark: CHUNKS_WAITING_MAX, lowWaterMark: 1 };
    for await (const [chunk] of on(request, 'data', options) as AsyncIterable<[Buffer]>) {
      size += chunk.length;
      if (size > bytesMax) throw tooLarge();
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    if (!idle.signal.aborted) throw cutOff(cause);
    if (!response.headersSent) response.setHeader('connection', 'close');
    throw new GatewayError('SW_REQUEST_TIMEOUT', `nothing came for ${idleMs} ms`, { cause });
  }
}
