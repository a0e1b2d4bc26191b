import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import type { Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { assertOutsideTransaction } from '../kernel/transaction-scope.js';
import type { PeerClient } from '../peering/signed-call.js';
import { ENDPOINTS } from '../protocol/descriptor.js';
import { readSendAnswer, type ItemResult } from '../protocol/send-answer.js';
import { batchOf, type Parcel } from './build-batch.js';
import { codeOfStatus, isAboutContent, isFinal } from './judge-refusal.js';
import type { PeerWork } from './peer-work.js';

/** The request as a whole came to nothing. */
export interface SendFailure {
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  /** The peer answered, and will answer alike: it is alive, and trying often is of no use. */
  readonly final: boolean;
}

export interface Delivery {
  /** Parcels that were answered, with a result per item. */
  readonly answered: readonly { readonly parcel: Parcel; readonly results: readonly ItemResult[] }[];
  readonly failure?: SendFailure;
}

export interface Sending {
  readonly ctx: TenantContext;
  readonly peer: ServerName;
  readonly descriptors: PeerWork['descriptors'];
  readonly signal: AbortSignal;
}

const BROKEN = 'SW_INTERNAL';
/** The peer's tenant is suspended: everything waits for it, and goes on when it does. */
export const STANDS_STILL = 'SW_TENANT_SUSPENDED';

type Answered = Delivery['answered'][number];
type Attempt = { readonly results: readonly ItemResult[] } | { readonly failure: SendFailure };

/** Sends parcels as one batch. A batch that is refused for what it carries goes again parcel by parcel: the others are innocent. */
export class ParcelSender {
  constructor(
    private readonly deps: {
      readonly client: Pick<PeerClient, 'call'>;
      readonly contract: Parameters<typeof readSendAnswer>[0];
      readonly randomness: Pick<Randomness, 'uuid'>;
    },
  ) {}

  async send(sending: Sending, parcels: readonly Parcel[]): Promise<Delivery> {
    const attempt = await this.#attempt(sending, parcels);
    if ('results' in attempt) return { answered: split(parcels, attempt.results) };
    const { failure } = attempt;
    if (!isAboutContent(failure.code)) return { answered: [], failure };
    if (parcels.length > 1) return this.#oneByOne(sending, parcels, failure);
    return failure.code === BROKEN ? { answered: [], failure } : { answered: parcels.map((parcel) => blamed(parcel, failure.code)) };
  }

  /** A peer that is broken for one parcel is to be blamed on that parcel only if it works for another. */
  async #oneByOne(sending: Sending, parcels: readonly Parcel[], failure: SendFailure): Promise<Delivery> {
    const answered: Answered[] = [];
    const suspects: Parcel[] = [];
    for (const parcel of parcels) {
      if (sending.signal.aborted) break;
      const alone = await this.send(sending, [parcel]);
      answered.push(...alone.answered);
      if (alone.failure?.code === BROKEN) suspects.push(parcel);
      else if (alone.failure !== undefined) return { answered, failure: alone.failure };
    }
    if (answered.length === 0) return { answered, failure };
    return { answered: [...answered, ...suspects.map((parcel) => blamed(parcel, BROKEN))] };
  }

  async #attempt({ ctx, peer, descriptors }: Sending, parcels: readonly Parcel[]): Promise<Attempt> {
    assertOutsideTransaction();
    const batch = batchOf(parcels, descriptors, this.deps.randomness.uuid());
    try {
      const answer = await this.deps.client.call(ctx, peer, 'POST', ENDPOINTS.send, batch);
      if (answer.status === 200) return { results: readSendAnswer(this.deps.contract, answer.body, batch) };
      const code = codeOfStatus(answer.status, answer.code);
      return { failure: { code, retryAfterMs: answer.retryAfterMs, final: isFinal(answer.status, answer.code) } };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return { failure: { code: error.code, retryAfterMs: undefined, final: false } };
    }
  }
}

function split(parcels: readonly Parcel[], results: readonly ItemResult[]): readonly Answered[] {
  let from = 0;
  return parcels.map((parcel) => {
    const own = results.slice(from, from + parcel.items.length);
    from += parcel.items.length;
    return { parcel, results: own };
  });
}

/** The first item stands for the parcel; what follows it waits. */
function blamed(parcel: Parcel, code: string): Answered {
  const refused: ItemResult = { status: 'refused', code, message: '', retryable: code === BROKEN };
  return { parcel, results: parcel.items.map((_, index): ItemResult => (index === 0 ? refused : { status: 'deferred' })) };
}
