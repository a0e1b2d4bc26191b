import { GatewayError } from '../kernel/errors.js';
import { parseKeyId, parseServerName, type KeyId, type ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';

/** Covered parts of a request without and with a body, in this order (RFC 9421, RFC 9530). */
const COVERED = ['@method', '@path', '@query', 'x-scaiwave-origin', 'x-scaiwave-destination'] as const;
const COVERED_WITH_BODY = [...COVERED, 'content-digest', 'content-type'] as const;

const TAG = 'scaiwave-federation';
const PARAMETER_COUNT = 6;
const PARAMETERS = /^(?:;[a-z]{1,16}=(?:\d{1,12}|"[A-Za-z0-9._#-]{0,400}"))+$/;
const NONCE = /^"[A-Za-z0-9_-]{16,64}"$/;
const KEYID = /^"([a-z0-9.-]{1,253})#([A-Za-z0-9_-]{1,64})"$/;
const SECONDS = /^(?:0|[1-9]\d{0,11})$/;

/** The value of `Signature-Input`, read. */
export interface SignatureInput {
  readonly server: ServerName;
  readonly keyId: KeyId;
  readonly nonce: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** The text after `sw=`, which the signature base ends with. */
  readonly parameters: string;
}

export function coveredBy(method: string): readonly (typeof COVERED_WITH_BODY)[number][] {
  return method === 'POST' ? COVERED_WITH_BODY : COVERED;
}

/** The text after `sw=`. */
export function writeParameters(
  method: string,
  input: { readonly created: number; readonly expires: number; readonly nonce: string; readonly keyid: string },
): string {
  const { created, expires, nonce, keyid } = input;
  return `${writeCovered(method)};created=${created};expires=${expires};nonce="${nonce}";keyid="${keyid}";alg="ed25519";tag="${TAG}"`;
}

/** One signature, labelled `sw`, over exactly the parts it must cover; the six parameters in any order. */
export function readSignatureInput(text: string, method: string): SignatureInput {
  const parameters = text.startsWith('sw=') ? text.slice('sw='.length) : notSigned('label');
  const covered = writeCovered(method);
  if (!parameters.startsWith(covered)) notSigned('covered parts');
  const values = readParameters(parameters.slice(covered.length));
  const value = (name: string): string => values.get(name) ?? notSigned(`parameter ${name}`);
  if (value('alg') !== '"ed25519"' || value('tag') !== `"${TAG}"`) notSigned('alg or tag');
  const nonce = NONCE.test(value('nonce')) ? value('nonce').slice(1, -1) : notSigned('nonce');
  const [, server, keyId] = KEYID.exec(value('keyid')) ?? notSigned('keyid');
  return {
    server: serverNameIn(server, 'keyid'),
    keyId: parseKeyId(keyId),
    nonce,
    createdMs: milliseconds(value('created')),
    expiresMs: milliseconds(value('expires')),
    parameters,
  };
}

/** Created within the skew of our clock, not longer lived than allowed, not yet expired. */
export function checkSignatureTime(input: Pick<SignatureInput, 'createdMs' | 'expiresMs'>, nowMs: number): void {
  const ageMs = nowMs - input.createdMs;
  const lifetimeMs = input.expiresMs - input.createdMs;
  const holds =
    Math.abs(ageMs) <= LIMITS.clockSkewMs &&
    lifetimeMs > 0 &&
    lifetimeMs <= LIMITS.signatureLifetimeMs &&
    nowMs <= input.expiresMs;
  if (!holds) throw new GatewayError('SW_FED_SIGNATURE_EXPIRED', `${ageMs} ms old, made for ${lifetimeMs} ms`);
}

export function serverNameIn(text: string | undefined, where: string): ServerName {
  try {
    return parseServerName(text);
  } catch {
    return notSigned(where);
  }
}

export function notSigned(what: string): never {
  throw new GatewayError('SW_FED_SIGNATURE_MISSING', what);
}

function writeCovered(method: string): string {
  return `(${coveredBy(method)
    .map((name) => `"${name}"`)
    .join(' ')})`;
}

function readParameters(text: string): ReadonlyMap<string, string> {
  if (!PARAMETERS.test(text)) notSigned('parameter grammar');
  const items = text.slice(1).split(';');
  if (items.length !== PARAMETER_COUNT) notSigned('number of parameters');
  return new Map(items.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]));
}

function milliseconds(text: string): number {
  return SECONDS.test(text) ? Number(text) * 1000 : notSigned('seconds');
}
