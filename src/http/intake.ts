import { GatewayError } from '../kernel/errors.js';
import type { ErrorCode } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import { decodedSegments } from './read.js';

/** The head of a request as Node hands it over. */
export interface RawHead {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/** Headers of which a second one would be read differently by somebody between the sender and us. */
const ONCE: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'expect',
  'host',
  'idempotency-key',
  'signature',
  'signature-input',
  'transfer-encoding',
  'upgrade',
]);
const ONCE_PREFIXES = ['x-scaiwave-', 'webhook-', 'x-slack-', 'x-scaikey-', 'sec-websocket-'] as const;

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
const HOST = /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$|^\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?$/;
const TARGET = /^\/[!-~]*$/;
/** Encoded slash, backslash, NUL and other controls: characters that decode into another path. */
const ENCODED_TRAP = /%(?:2f|5c|[01][0-9a-f]|7f)/i;

function refuse(note: string, code: ErrorCode = 'SW_BAD_REQUEST'): never {
  throw new GatewayError(code, note);
}

/**
 * What is refused before any route is looked for: everything that two readers could understand differently. Returns
 * the headers, lower-case and each once.
 */
export function inspectHead(head: RawHead): Readonly<Record<string, string>> {
  if (!METHODS.has(head.method)) refuse(`method ${head.method}`, 'SW_METHOD_NOT_ALLOWED');
  inspectTarget(head.target);
  const headers = collectHeaders(head.rawHeaders);
  if (!HOST.test(headers['host'] ?? '')) refuse('host');
  inspectFraming(head.method, headers);
  return headers;
}

/** Only the origin form, only visible ASCII, and only paths that mean the same before and after decoding. */
function inspectTarget(target: string): void {
  if (!TARGET.test(target) || target.includes('#')) refuse('target is not in origin form');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (path.includes('\\') || path.includes('//') || path.includes(';')) refuse('path');
  if (!path.includes('%') && !path.includes('/.')) return;
  if (ENCODED_TRAP.test(path)) refuse('path hides a separator or a control character');
  if (decodedSegments(path).some((segment) => segment === '.' || segment === '..')) refuse('path walks');
}

function collectHeaders(raw: readonly string[]): Record<string, string> {
  if (raw.length > LIMITS.headerCountMax * 2) refuse('too many headers', 'SW_HEADERS_TOO_LARGE');
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = raw[at + 1] ?? '';
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = value;
    else if (isOnce(name)) refuse(`${name} was sent twice`);
    else headers[name] = `${earlier}, ${value}`;
  }
  return headers;
}

function isOnce(name: string): boolean {
  return ONCE.has(name) || ONCE_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** How long the body is and how it is packed must not be a matter of opinion. */
function inspectFraming(method: string, headers: Readonly<Record<string, string>>): void {
  const transfer = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked') refuse('transfer-encoding');
  if (transfer !== undefined && length !== undefined) refuse('two lengths');
  if (length !== undefined && !/^(?:0|[1-9]\d{0,14})$/.test(length)) refuse('content-length');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    refuse('content-encoding', 'SW_UNSUPPORTED_MEDIA_TYPE');
  }
  const expect = headers['expect'];
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') refuse('expect');
  const bodiless = method === 'GET' || method === 'HEAD' || method === 'DELETE';
  if (bodiless && (transfer !== undefined || (length !== undefined && length !== '0'))) {
    refuse('a body where none is due');
  }
}
