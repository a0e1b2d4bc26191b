import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { serverOf, type LogName } from '../kernel/ids.js';
import { parseHash } from './chain.js';
import { readJws, readPayload, signJws, type ReadJws } from './jws.js';
import type { SigningKey } from './keys.js';

/** Payload of `scaiwave-head+jws`. */
export interface HeadPayload {
  readonly room: LogName;
  readonly seq: number;
  /** 64 hex digits. */
  readonly hash: string;
  /** Milliseconds, the home's clock, at signing. */
  readonly iat: number;
}

/** A head that names its own home as the signer; not yet verified. */
export interface UnverifiedHead {
  readonly room: LogName;
  readonly seq: number;
  readonly hash: Buffer;
  readonly iatMs: number;
  readonly jws: ReadJws;
}

/** The home's word: up to `seq`, the log has this hash. */
export function signHead(key: SigningKey, head: HeadPayload): string {
  const { room, seq, hash, iat } = head;
  return signJws(key, 'scaiwave-head+jws', { room, seq, hash, iat });
}

export function readHead(contract: Contract, text: string): UnverifiedHead {
  const jws = readJws(text, 'scaiwave-head+jws');
  const { room, seq, hash, iat } = readPayload<HeadPayload>(contract, jws, 'federation/head');
  if (serverOf(room) !== jws.kid.server) throw new GatewayError('SW_FED_HEAD_INVALID', `signed by ${jws.kid.server}`);
  return { room, seq, hash: parseHash(hash), iatMs: iat, jws };
}
