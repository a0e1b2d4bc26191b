import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends bytes as they are, reads one reply, and hangs up. */
export async function rawExchange(port: number, bytes: string | Buffer): Promise<RawReply> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.on('error', () => undefined);
    socket.write(bytes);
    return await readReply(socket);
  } finally {
    socket.destroy();
  }
}

/** Sends bytes, and returns all that comes until the server hangs up, dates and request ids left out. */
export async function everything(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1').replace(/^(date|x-request-id): .*\r\n/gim, '');
}

/** The next whole reply of a connection. */
export function readReply(socket: Socket): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const settle = (error?: Error): void => {
      const reply = parseReply(received);
      if (reply === undefined && error === undefined) return;
      socket.off('data', take).off('close', closed);
      if (reply !== undefined) resolve(reply);
      else if (error !== undefined) reject(error);
    };
    const take = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      settle();
    };
    const closed = (): void => settle(new Error(`closed after ${received.length} bytes: ${received.toString('latin1').slice(0, 80)}`));
    socket.on('data', take).on('close', closed);
  });
}

function parseReply(received: Buffer): RawReply | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  if (status === 100) return parseReply(received.subarray(end + 4));
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const length = Number(headers['content-length'] ?? 0);
  const body = received.subarray(end + 4);
  return body.length < length ? undefined : { status, headers, body: body.toString('utf8', 0, length) };
}

export function errorCode(reply: RawReply): unknown {
  const parsed: unknown = JSON.parse(reply.body);
  if (typeof parsed !== 'object' || parsed === null || !('error' in parsed)) return undefined;
  const { error } = parsed;
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
