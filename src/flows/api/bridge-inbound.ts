import type { BridgeId } from '../../kernel/ids.js';
import type { RateStanding } from '../../kernel/rates.js';

/** A call as it came, body unread: its signature covers these bytes. */
export interface BridgeCall {
  readonly bridgeId: BridgeId;
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly requestId: string;
  /** Hears how much is left of the bridge's rate. */
  readonly counted?: (standing: RateStanding) => void;
}

export interface BridgeInboundView {
  readonly event_id: string;
  /** The same, under the name that another gateway looks for: by it later edits and reactions may name the message. */
  readonly external_id: string;
  readonly status: 'accepted' | 'duplicate';
}

export interface BridgeInboundApi {
  receive(call: BridgeCall): Promise<BridgeInboundView>;
}
