import { GatewayError } from '../../kernel/errors.js';
import type { LogName } from '../../kernel/ids.js';
import type { Log } from '../../kernel/ports.js';
import type { Contract } from '../../contract/contract.js';
import { readSendBody, type Judged, type SendItem } from '../../protocol/send.js';
import { refused, type ItemResult, type SendAnswer } from '../../protocol/send-answer.js';
import type { UnverifiedEvent } from '../../protocol/event.js';
import type { ProvenRequest } from '../../verify/peer-request.js';
import type { Rejections } from '../../verify/rejections.js';
import type { TakeInvitation } from './take-invitation.js';
import type { TakeRun } from './take-run.js';
import type { TakeStart } from './take-start.js';
import type { TakeSubmissions } from './take-submissions.js';

export interface ReceiveSendDeps {
  readonly contract: Contract;
  readonly takeSubmissions: Pick<TakeSubmissions, 'run'>;
  readonly takeRun: Pick<TakeRun, 'run'>;
  readonly takeStart: Pick<TakeStart, 'run'>;
  readonly takeInvitation: Pick<TakeInvitation, 'run'>;
  readonly rejections: Pick<Rejections, 'record'>;
  readonly log: Pick<Log, 'error'>;
}

/** What a proven peer sends: every item by itself, in order, one result each. */
export class ReceiveSend {
  constructor(private readonly deps: ReceiveSendDeps) {}

  /** Throws the refusal of a single event; a batch is refused as a whole only if it cannot be read. */
  async run(request: ProvenRequest): Promise<SendAnswer | ItemResult> {
    const body = readSendBody(this.deps.contract, request.body ?? Buffer.alloc(0));
    if (body.kind === 'single') return this.#single(request, body.event);
    const results = await this.#items(request, body.items, body.keys);
    await this.#record(request, body.items, results);
    return { batch_id: body.batchId, results };
  }

  async #single(request: ProvenRequest, event: UnverifiedEvent): Promise<ItemResult> {
    const [result] = await this.deps.takeSubmissions.run(request, [event]);
    if (result === undefined) throw new Error('an event without a result');
    const item: Judged<SendItem> = { ok: true, item: { kind: 'event', event } };
    await this.#record(request, [item], [result]);
    return result;
  }

  /** Events go together, since each waits for the same commit; runs, starts and invitations keep the order of the batch. */
  async #items(request: ProvenRequest, items: readonly Judged<SendItem>[], keys: readonly string[]): Promise<readonly ItemResult[]> {
    const events = items.flatMap((judged) => (judged.ok && judged.item.kind === 'event' ? [judged.item.event] : []));
    const [submitted, results] = await Promise.all([this.deps.takeSubmissions.run(request, events), this.#inOrder(request, items, keys)]);
    const answers = [...submitted];
    return items.map((judged, index) => (judged.ok && judged.item.kind === 'event' ? answers.shift() : results[index]) ?? { status: 'deferred' });
  }

  async #inOrder(request: ProvenRequest, items: readonly Judged<SendItem>[], keys: readonly string[]): Promise<readonly ItemResult[]> {
    const results: ItemResult[] = [];
    for (const judged of items) results.push(await this.#item(request, judged, keys));
    return results;
  }

  async #item(request: ProvenRequest, judged: Judged<SendItem>, keys: readonly string[]): Promise<ItemResult> {
    if (!judged.ok) return refused(judged.refusal);
    const { item } = judged;
    try {
      switch (item.kind) {
        case 'log':
          return await this.deps.takeRun.run(request, item.run, keys);
        case 'start':
          return await this.deps.takeStart.run(request, item.start, keys);
        case 'member':
          return await this.deps.takeInvitation.run(request, item.invitation, keys);
        case 'event':
          return { status: 'deferred' };
      }
    } catch (error) {
      if (error instanceof GatewayError) return refused(error);
      // One item's fault of ours must not spoil the others: it is said, and may be tried again.
      this.deps.log.error({ error, requestId: request.requestId, item: item.kind }, 'an item of a batch failed unexpectedly');
      return refused(new GatewayError('SW_INTERNAL', 'unexpected', { cause: error }));
    }
  }

  async #record(request: ProvenRequest, items: readonly Judged<SendItem>[], results: readonly ItemResult[]): Promise<void> {
    for (const [index, result] of results.entries()) {
      if (result.status !== 'refused') continue;
      const judged = items[index];
      await this.deps.rejections.record(request.ctx, request.origin, { code: result.code as GatewayError['code'], ...aboutOf(judged) });
    }
  }
}

function aboutOf(judged: Judged<SendItem> | undefined): { readonly item: string; readonly room?: LogName; readonly eventHash?: Buffer } {
  if (judged === undefined || !judged.ok) return { item: 'unreadable' };
  const { item } = judged;
  switch (item.kind) {
    case 'event':
      return { item: 'event', room: item.event.event.room, eventHash: item.event.eventHash };
    case 'log':
      return { item: 'log', room: item.run.room };
    case 'start':
      return { item: 'start', room: item.start.room };
    case 'member':
      return { item: 'member', room: item.invitation.head.room, eventHash: item.invitation.entry.eventHash };
  }
}
