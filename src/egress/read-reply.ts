import type { Dispatcher } from 'undici';
import type { RawReply } from '../kernel/ports.js';
import { EgressFailure } from './egress-failure.js';

const TARGET_CHARS_MAX = 200;

export interface ReplyLimits {
  readonly answerBytesMax: number;
  readonly longAnswer?: 'refuse' | 'cut';
}

/** Reads an answer that may be hostile: no redirect, no encoding that grows when it is unpacked, no byte over the limit. */
export async function readReply(answer: Dispatcher.ResponseData, url: string, limits: ReplyLimits): Promise<RawReply> {
  const headers = flat(answer.headers);
  const refused = refusal(answer.statusCode, headers, url, limits);
  if (refused !== undefined) {
    answer.body.on('error', () => undefined).destroy();
    throw refused;
  }
  return { status: answer.statusCode, headers, body: await collect(answer.body, limits) };
}

/** What the headers alone already say. */
function refusal(status: number, headers: RawReply['headers'], url: string, { answerBytesMax, longAnswer }: ReplyLimits): EgressFailure | undefined {
  if (status >= 300 && status < 400) {
    return new EgressFailure('redirect', `the answer is a redirect to ${describe(headers['location'], url)}`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    return new EgressFailure('encoding', 'the answer is encoded although no encoding was accepted');
  }
  return longAnswer !== 'cut' && Number(headers['content-length'] ?? 0) > answerBytesMax ? tooLarge(answerBytesMax) : undefined;
}

async function collect(body: Dispatcher.ResponseData['body'], { answerBytesMax, longAnswer }: ReplyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the body, and with it the connection: not one chunk more is read.
    if (bytes > answerBytesMax && longAnswer !== 'cut') throw tooLarge(answerBytesMax);
    chunks.push(chunk);
    if (bytes > answerBytesMax) break;
  }
  return Buffer.concat(chunks, Math.min(bytes, answerBytesMax));
}

function tooLarge(bytesMax: number): EgressFailure {
  return new EgressFailure('too-large', `the answer is over ${bytesMax} bytes`);
}

function flat(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Origin and path only: a query may hold a secret. */
function describe(location: string | undefined, url: string): string {
  if (location === undefined || !URL.canParse(location, url)) return 'nowhere';
  const { origin, pathname } = new URL(location, url);
  return `${origin}${pathname}`.slice(0, TARGET_CHARS_MAX);
}
