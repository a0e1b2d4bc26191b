import { GatewayError } from '../kernel/errors.js';
import { parseServerName, type ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { RateStanding } from '../kernel/rates.js';
import { checkHeaderBounds } from '../protocol/raw-headers.js';

/** The head of a call that claims to come from another server. */
export interface PeerCallHead {
  readonly method: 'GET' | 'POST';
  /** Raw request target: path and query. */
  readonly target: string;
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly requestId: string;
}

export interface PeerCallWhole extends PeerCallHead {
  readonly body: Buffer | undefined;
  /** Hears how much is left of the sender's rate. */
  readonly counted?: (standing: RateStanding) => void;
}

const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** Names and values in turn, as protocol reads them. */
export function rawHeadersOf(head: Pick<PeerCallHead, 'headers'>): readonly string[] {
  return Object.entries(head.headers).flat();
}

export function checkBounds(head: PeerCallHead): void {
  checkHeaderBounds(rawHeadersOf(head));
}

/** A server named in a header: a claim. */
export function claimedServer(head: PeerCallHead, header: 'x-scaiwave-origin' | 'x-scaiwave-destination'): ServerName {
  try {
    return parseServerName(head.headers[header]);
  } catch (error) {
    throw new GatewayError('SW_FED_SIGNATURE_MISSING', header, { cause: error });
  }
}

/** What a body may be, told by the head alone. */
export function checkBodyClaims({ method, headers }: PeerCallHead): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw new GatewayError('SW_UNSUPPORTED_MEDIA_TYPE', 'an encoded body');
  if (method === 'GET') return;
  if (!JSON_TYPE.test(headers['content-type'] ?? '')) throw new GatewayError('SW_UNSUPPORTED_MEDIA_TYPE', 'not JSON');
  const length = Number(headers['content-length'] ?? 0);
  if (!(length <= LIMITS.federationBytesMax)) throw new GatewayError('SW_BODY_TOO_LARGE', `${length} bytes announced`);
}
