import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../kernel/errors.js';

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError('SW_BODY_TOO_LARGE', `more than ${bytesMax} bytes`);
}

/** The client went. */
export function cutOff(cause?: unknown): GatewayError {
  return new GatewayError('SW_BAD_REQUEST', 'the body was cut off', { cause });
}

export function announcesBody(headers: Readonly<Record<string, string>>): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * Reads a body as it came, holding at most `bytesMax`; `hold` is told of each piece and may refuse it. What is refused
 * is discarded by Node as it arrives, so the client sees the refusal and the connection stays in step.
 */
export function readBody(
  request: IncomingMessage,
  response: Pick<ServerResponse, 'writeContinue'>,
  bytesMax: number,
  hold: (bytes: number) => GatewayError | undefined = () => undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Whoever went before anybody listened is told of by no event.
    if (request.destroyed) return reject(cutOff());
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > bytesMax) return reject(tooLarge(bytesMax));
    if (request.headers.expect !== undefined) response.writeContinue();

    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (error: GatewayError): void => {
      request.off('data', take);
      request.off('end', finish);
      request.resume();
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bytesMax) return stop(tooLarge(bytesMax));
      const refusal = hold(chunk.length);
      if (refusal !== undefined) return stop(refusal);
      chunks.push(chunk);
    };
    const finish = (): void => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    request.on('data', take);
    request.once('end', finish);
    request.once('error', (cause) => stop(cutOff(cause)));
  });
}
