import type { JsonObject } from '../../kernel/events.js';
import type { RateStanding } from '../../kernel/rates.js';

/** The head of a peer's call, as it came. */
export interface PeerCall {
  readonly method: 'GET' | 'POST';
  /** Raw request target, path and query: what the signature covers. */
  readonly target: string;
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly requestId: string;
}

export interface PeerRequest extends PeerCall {
  /** `undefined` when the call has none. */
  readonly body: Buffer | undefined;
  /** Hears how much is left of the sender's rate. */
  readonly counted?: (standing: RateStanding) => void;
}

export interface BackfillRequest {
  readonly fromSeq: number;
  readonly limit: number;
}

/**
 * What servers ask of us. Path parameters are handed over as they came: nothing of a call means anything before its
 * signature holds, so the flows parse them after it. Answers are shapes of specs/schemas/federation.
 */
export interface FederationServerApi {
  /** The server's description of itself, by the name that was asked for: a server name, or a Host with its port; answered bare, without `data`. */
  descriptor(host: string): Promise<JsonObject>;
  /** Cheap checks of the head alone, before a byte of the body is read: is this peer known and welcome? */
  screen(call: PeerCall): Promise<void>;
  send(request: PeerRequest): Promise<JsonObject>;
  profile(request: PeerRequest, localId: string): Promise<JsonObject>;
  members(request: PeerRequest, room: string): Promise<JsonObject>;
  backfill(request: PeerRequest, room: string, range: BackfillRequest): Promise<JsonObject>;
}
