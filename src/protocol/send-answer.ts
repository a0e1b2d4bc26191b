import type { Contract } from '../contract/contract.js';
import { GatewayError, publicMessage } from '../kernel/errors.js';

export interface WithheldPlace {
  readonly seq: number;
  readonly code: string;
}

/** What became of one item; also the answer to a single event. */
export type ItemResult =
  | { readonly status: 'stored'; readonly receipt: string; readonly withheld: readonly WithheldPlace[] }
  | { readonly status: 'accepted' }
  /** The place is there once the event has one. */
  | { readonly status: 'duplicate'; readonly seq?: number; readonly event_hash: string }
  | { readonly status: 'gap'; readonly have_seq: number }
  | { readonly status: 'deferred' }
  | { readonly status: 'refused'; readonly code: string; readonly message: string; readonly retryable: boolean };

/** `data` of the answer to a batch. */
export interface SendAnswer {
  readonly batch_id: string;
  readonly results: readonly ItemResult[];
}

export function refused(error: GatewayError): ItemResult {
  return { status: 'refused', code: error.code, message: publicMessage(error), retryable: error.retryable };
}

/** The answer to our batch, parsed already: exactly one result per item, in order. */
export function readSendAnswer(
  contract: Contract,
  answer: unknown,
  batch: { readonly batch_id: string; readonly items: readonly unknown[] },
): readonly ItemResult[] {
  const { data } = contract.validate<{ data: SendAnswer }>('federation/send-answer', answer, 'SW_FED_ANSWER_INVALID');
  if (data.batch_id !== batch.batch_id || data.results.length !== batch.items.length) {
    throw new GatewayError('SW_FED_ANSWER_INVALID', `${data.results.length} results for ${batch.items.length} items`);
  }
  return data.results;
}
