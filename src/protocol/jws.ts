import { sign, verify, type KeyObject } from 'node:crypto';
import type { Contract } from '../contract/contract.js';
import { GatewayError, type ErrorCode } from '../kernel/errors.js';
import { parseKeyId, parseServerName, type KeyId, type ServerName } from '../kernel/ids.js';
import { parseStrictJson } from './strict-json.js';
import type { SigningKey } from './keys.js';

/** What may be signed, and the code of a refusal when one of them is not in its form. The type separates the domains. */
const JWS_TYPES = {
  'scaiwave-event+jws': 'SW_FED_EVENT_INVALID',
  'scaiwave-head+jws': 'SW_FED_HEAD_INVALID',
  'scaiwave-receipt+jws': 'SW_FED_ANSWER_INVALID',
  'scaiwave-start+jws': 'SW_FED_START_INVALID',
  'scaiwave-descriptor+jws': 'SW_FED_DESCRIPTOR_INVALID',
  'scaiwave-key+jws': 'SW_FED_DESCRIPTOR_INVALID',
} as const satisfies Record<string, ErrorCode>;

export type JwsType = keyof typeof JWS_TYPES;

export interface SignerName {
  readonly server: ServerName;
  readonly keyId: KeyId;
}

/** A JWS of the right form. Nothing in it is proved until `verifyJws` says so under a key that we trust. */
export interface ReadJws {
  readonly typ: JwsType;
  readonly kid: SignerName;
  readonly payloadBytes: Buffer;
  readonly signedBytes: Buffer;
  readonly signature: Buffer;
  readonly text: string;
}

const SIGNATURE_BYTES = 64;
/** The header has one spelling, so that one signature has one text and one hash. */
const HEADER = /^\{"alg":"EdDSA","kid":"([a-z0-9.-]{1,253})#([A-Za-z0-9_-]{1,64})","typ":"([a-z+-]{1,64})"\}$/;

export function signJws(key: SigningKey, typ: JwsType, payload: object): string {
  const header = `{"alg":"EdDSA","kid":"${key.server}#${key.keyId}","typ":"${typ}"}`;
  const signed = `${base64url(header)}.${base64url(JSON.stringify(payload))}`;
  return `${signed}.${sign(null, Buffer.from(signed, 'latin1'), key.privateKey).toString('base64url')}`;
}

/** Reads the form only. */
export function readJws(text: string, typ: JwsType): ReadJws {
  const [header, payload, signature, ...more] = text.split('.', 4);
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) {
    return refuse(typ, 'not three parts');
  }
  const signatureBytes = onlySpelling(signature, typ);
  if (signatureBytes.length !== SIGNATURE_BYTES) refuse(typ, 'signature length');
  return {
    typ,
    kid: readHeader(onlySpelling(header, typ).toString('latin1'), typ),
    payloadBytes: onlySpelling(payload, typ),
    signedBytes: Buffer.from(`${header}.${payload}`, 'latin1'),
    signature: signatureBytes,
    text,
  };
}

/** Callback form: the check runs on the thread pool, not on the event loop. */
export function verifyJws(read: Pick<ReadJws, 'signedBytes' | 'signature'>, publicKey: KeyObject): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(null, read.signedBytes, publicKey, read.signature, (error, holds) => {
      if (error === null) resolve(holds);
      else reject(error);
    });
  });
}

/** The payload: strict JSON of the schema's shape. */
export function readPayload<T>(contract: Contract, jws: ReadJws, schemaId: string): T {
  const code = JWS_TYPES[jws.typ];
  let value;
  try {
    value = parseStrictJson(jws.payloadBytes);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const detail = error.publicDetail === undefined ? {} : { publicDetail: error.publicDetail };
    throw new GatewayError(code, 'payload is not strict JSON', { cause: error, ...detail });
  }
  return contract.validate<T>(schemaId, value, code);
}

function readHeader(header: string, typ: JwsType): SignerName {
  const [, server, keyId, type] = HEADER.exec(header) ?? refuse(typ, 'header');
  if (type !== typ) refuse(typ, 'type');
  try {
    return { server: parseServerName(server), keyId: parseKeyId(keyId) };
  } catch (error) {
    throw new GatewayError(JWS_TYPES[typ], 'kid', { cause: error });
  }
}

/** Padding, spare bits, white space and the other alphabet all fail to come back as they were. */
function onlySpelling(part: string, typ: JwsType): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : refuse(typ, 'base64url');
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

function refuse(typ: JwsType, why: string): never {
  throw new GatewayError(JWS_TYPES[typ], `${typ}: ${why}`);
}
