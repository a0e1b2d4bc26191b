import type { Duplex } from 'node:stream';
import { GatewayError } from '../kernel/errors.js';
import type { ErrorCode } from '../kernel/errors.js';
import type { Answer } from './call.js';
import { refusalAnswer } from './problem.js';

const CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'SW_HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'SW_BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'SW_REQUEST_TIMEOUT',
};

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
};

/** Answers what Node could not read as a request. The connection is out of step after that, so it ends. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = CODES[error.code ?? ''] ?? 'SW_BAD_REQUEST';
  endWith(socket, refusalAnswer(new GatewayError(code, error.code ?? 'unreadable request')));
}

/** Writes a whole reply by hand, where there is no response object to do it, and ends the connection. */
export function endWith(socket: Duplex, answer: Answer): void {
  const headers: Record<string, string> = {
    ...answer.headers,
    'content-length': String(Buffer.byteLength(answer.body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const reason = REASONS[answer.status] ?? 'Refused';
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${answer.status} ${reason}\r\n${lines.join('')}\r\n${String(answer.body)}`);
}
