import { hash, sign, type KeyObject } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { KeyId, ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { verifyJws } from './jws.js';
import type { SigningKey } from './keys.js';
import { singleHeaders } from './raw-headers.js';
import { checkSignatureTime, coveredBy, notSigned, readSignatureInput, serverNameIn, writeParameters } from './signature-input.js';

const READ_HEADERS = [
  'signature-input',
  'signature',
  'x-scaiwave-origin',
  'x-scaiwave-destination',
  'content-digest',
  'content-type',
] as const;

/** Origin form, printable ASCII, no fragment. */
const TARGET = /^\/[!"$-~]*$/;
const SIGNATURE = /^sw=:([A-Za-z0-9+/]{86}==):$/;
const DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;

export interface RequestToSign {
  readonly destination: ServerName;
  readonly method: 'GET' | 'POST';
  /** Raw request target: path and query. */
  readonly target: string;
  /** POST only, and always there. */
  readonly body?: Buffer | undefined;
  readonly contentType?: string;
  readonly nowMs: number;
  /** 16 to 64 characters of base64url, new for each attempt. */
  readonly nonce: string;
}

export interface ReceivedRequest {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/** A request signature of the right form and time; not yet verified. */
export interface RequestSignature {
  readonly origin: ServerName;
  readonly keyId: KeyId;
  readonly destination: ServerName;
  readonly nonce: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly signedBytes: Buffer;
  readonly signature: Buffer;
  /** SHA-256 that the body must have; undefined for a request without one. */
  readonly bodySha256: Buffer | undefined;
}

/** The headers to send, lower-case. The origin is the key's own server. */
export function signRequest(key: SigningKey, request: RequestToSign): Record<string, string> {
  const created = Math.floor(request.nowMs / 1000);
  const expires = created + LIMITS.signatureLifetimeMs / 1000;
  const headers: Record<string, string> = {
    'x-scaiwave-origin': key.server,
    'x-scaiwave-destination': request.destination,
  };
  if (request.method === 'POST') {
    headers['content-digest'] = `sha-256=:${hash('sha256', request.body ?? Buffer.alloc(0), 'base64')}:`;
    headers['content-type'] = request.contentType ?? 'application/json';
  }
  const keyid = `${key.server}#${key.keyId}`;
  const parameters = writeParameters(request.method, { created, expires, nonce: request.nonce, keyid });
  const base = signatureBase(request.method, request.target, headers, parameters);
  headers['signature-input'] = `sw=${parameters}`;
  headers['signature'] = `sw=:${sign(null, base, key.privateKey).toString('base64')}:`;
  return headers;
}

/** The bytes that are signed (RFC 9421, 2.5). */
export function signatureBase(
  method: string,
  target: string,
  headers: Readonly<Record<string, string | undefined>>,
  parameters: string,
): Buffer {
  const mark = target.indexOf('?');
  const derived: Readonly<Record<string, string>> = {
    '@method': method,
    '@path': mark < 0 ? target : target.slice(0, mark),
    '@query': mark < 0 ? '?' : target.slice(mark),
  };
  const lines = coveredBy(method).map((name) => `"${name}": ${derived[name] ?? headers[name] ?? notSigned(name)}`);
  return Buffer.from([...lines, `"@signature-params": ${parameters}`].join('\n'), 'latin1');
}

/** Reads form and time; says nothing yet about who sent it. */
export function readRequestSignature(request: ReceivedRequest, nowMs: number): RequestSignature {
  const { method, target } = request;
  if (!TARGET.test(target)) throw new GatewayError('SW_BAD_REQUEST', 'request target');
  const headers = singleHeaders(request.rawHeaders, READ_HEADERS, (name) => notSigned(`${name} twice`));
  const input = readSignatureInput(headers['signature-input'] ?? notSigned('signature-input'), method);
  const signature = SIGNATURE.exec(headers.signature ?? '')?.[1] ?? notSigned('signature');
  const origin = serverNameIn(headers['x-scaiwave-origin'], 'x-scaiwave-origin');
  const destination = serverNameIn(headers['x-scaiwave-destination'], 'x-scaiwave-destination');
  if (input.server !== origin) throw new GatewayError('SW_FED_SIGNATURE_MISMATCH', 'key of another server');
  checkSignatureTime(input, nowMs);
  return {
    origin,
    destination,
    keyId: input.keyId,
    nonce: input.nonce,
    createdMs: input.createdMs,
    expiresMs: input.expiresMs,
    signedBytes: signatureBase(method, target, headers, input.parameters),
    signature: onlySpelling(signature, 'signature'),
    bodySha256: readDigest(method, headers['content-digest']),
  };
}

/** The body as received, before anything is parsed out of it. */
export function checkDigest(read: Pick<RequestSignature, 'bodySha256'>, body: Buffer): void {
  const holds = read.bodySha256 === undefined ? body.length === 0 : hash('sha256', body, 'buffer').equals(read.bodySha256);
  if (!holds) throw new GatewayError('SW_FED_DIGEST_MISMATCH', `${body.length} bytes`);
}

export async function verifyRequestSignature(
  read: Pick<RequestSignature, 'signedBytes' | 'signature'>,
  publicKey: KeyObject,
): Promise<void> {
  if (!(await verifyJws(read, publicKey))) throw new GatewayError('SW_FED_SIGNATURE_MISMATCH', 'request');
}

function readDigest(method: string, header: string | undefined): Buffer | undefined {
  if (method !== 'POST') return header === undefined ? undefined : notSigned('digest without a body');
  return onlySpelling(DIGEST.exec(header ?? '')?.[1] ?? notSigned('content-digest'), 'content-digest');
}

function onlySpelling(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : notSigned(`${what} spelling`);
}
