import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import type { LogName, ServerName } from '../kernel/ids.js';
import { parseHash } from './chain.js';
import { readJws, readPayload, signJws, type ReadJws } from './jws.js';
import type { SigningKey } from './keys.js';

/** Payload of `scaiwave-receipt+jws`. */
export interface ReceiptPayload {
  readonly room: LogName;
  readonly from: number;
  readonly seq: number;
  /** 64 hex digits. */
  readonly hash: string;
  /** Places among from..seq whose content the mirror did not keep, rising. */
  readonly withheld: readonly number[];
  /** Milliseconds, the mirror's clock, at signing. */
  readonly iat: number;
}

export interface UnverifiedReceipt {
  readonly room: LogName;
  readonly server: ServerName;
  readonly from: number;
  readonly seq: number;
  readonly hash: Buffer;
  readonly withheld: readonly number[];
  readonly iatMs: number;
  readonly jws: ReadJws;
}

/** The mirror's word: from..seq is committed here, and the log has this hash. */
export function signReceipt(key: SigningKey, receipt: ReceiptPayload): string {
  const { room, from, seq, hash, withheld, iat } = receipt;
  return signJws(key, 'scaiwave-receipt+jws', { room, from, seq, hash, withheld, iat });
}

export function readReceipt(contract: Contract, text: string): UnverifiedReceipt {
  const jws = readJws(text, 'scaiwave-receipt+jws');
  const { room, from, seq, hash, withheld, iat } = readPayload<ReceiptPayload>(contract, jws, 'federation/receipt');
  if (from > seq) throw new GatewayError('SW_FED_ANSWER_INVALID', `receipt ${from}..${seq}`);
  const outside = withheld.find((place, index) => place < from || place > seq || place <= (withheld[index - 1] ?? 0));
  if (outside !== undefined) throw new GatewayError('SW_FED_ANSWER_INVALID', `receipt withholds place ${outside}`);
  return { room, server: jws.kid.server, from, seq, hash: parseHash(hash), withheld, iatMs: iat, jws };
}
