import type { Clock } from '../kernel/ports.js';
import { GatewayError } from '../kernel/errors.js';
import type { LogName, RoomId, ServerName } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { verifyJws } from '../protocol/jws.js';
import { readReceipt, type UnverifiedReceipt } from '../protocol/receipt.js';
import type { ItemResult } from '../protocol/send-answer.js';
import type { PeerDirectory } from '../peering/peer-directory.js';
import type { Store } from '../store/store.js';
import type { Parcel } from './build-batch.js';

/** A result whose receipt has been held against our own log. */
export type CheckedResult =
  | Exclude<ItemResult, { status: 'stored' }>
  | { readonly status: 'stored'; readonly seq: number; readonly hash: Buffer; readonly receipt: string }
  /** The peer has signed another log than ours. */
  | { readonly status: 'contradiction'; readonly proof: string };

export class ReceiptCheck {
  constructor(
    private readonly deps: {
      readonly contract: Parameters<typeof readReceipt>[0];
      readonly directory: Pick<PeerDirectory, 'keyFor'>;
      readonly store: Pick<Store, 'read'>;
      readonly clock: Pick<Clock, 'nowMs'>;
    },
  ) {}

  /** A receipt that is not what it should be is no receipt: the item counts as unanswered. */
  async check(ctx: TenantContext, peer: ServerName, parcel: Parcel, result: ItemResult): Promise<CheckedResult> {
    if (result.status !== 'stored') return result;
    const lane = laneOf(parcel);
    if (lane === undefined) return notAReceipt('a receipt for what has no place');
    let receipt: UnverifiedReceipt;
    try {
      receipt = await this.#verified(ctx, peer, result.receipt);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return notAReceipt(error.code);
    }
    if (receipt.room !== lane.log_name) return notAReceipt('a receipt of another log');
    const { seq, hash } = receipt;
    const ours = await this.deps.store.read(ctx, ({ log }) => log.at(ctx, lane.room_id, seq));
    return ours?.chain_hash.equals(hash) === true ? { status: 'stored', seq, hash, receipt: result.receipt } : { status: 'contradiction', proof: result.receipt };
  }

  async #verified(ctx: TenantContext, peer: ServerName, text: string): Promise<UnverifiedReceipt> {
    const receipt = readReceipt(this.deps.contract, text);
    if (receipt.server !== peer) throw new GatewayError('SW_FED_ANSWER_INVALID', `a receipt by ${receipt.server}`);
    const key = await this.deps.directory.keyFor(ctx, peer, receipt.jws.kid.keyId, { kind: 'answer', nowMs: this.deps.clock.nowMs() });
    if (!(await verifyJws(receipt.jws, key))) throw new GatewayError('SW_FED_ANSWER_INVALID', 'a receipt without a good signature');
    return receipt;
  }
}

function laneOf({ work }: Parcel): { readonly room_id: RoomId; readonly log_name: LogName } | undefined {
  return work.kind === 'submit' || work.kind === 'decline' ? undefined : work.lane;
}

function notAReceipt(message: string): CheckedResult {
  return { status: 'refused', code: 'SW_FED_ANSWER_INVALID', message, retryable: true };
}
