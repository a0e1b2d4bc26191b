import { GatewayError } from '../../kernel/errors.js';
import { EVENT_TYPES, isStateType } from '../../kernel/events.js';
import { roomIdOf, serverOf, type LogName } from '../../kernel/ids.js';
import type { Clock } from '../../kernel/ports.js';
import { checkOriginTime, type UnverifiedEvent } from '../../protocol/event.js';
import { refused, type ItemResult } from '../../protocol/send-answer.js';
import type { EventKeys } from '../../verify/event-keys.js';
import type { ProvenRequest } from '../../verify/peer-request.js';
import { verifyEvent, type ProvenEvent } from '../../verify/proven-event.js';
import type { Placed, PlaceEvent } from '../place-event.js';
import type { OneLog } from './one-log.js';

export interface TakeSubmissionsDeps {
  readonly oneLog: Pick<OneLog, 'require'>;
  readonly placeEvent: Pick<PlaceEvent, 'run' | 'runInOrder'>;
  readonly eventKeys: Pick<EventKeys, 'submitted'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

type Verdict = { readonly proven: ProvenEvent } | { readonly refusal: GatewayError };

/** Events of a peer's people for rooms that we host: each judged by itself, placed in the order they came. */
export class TakeSubmissions {
  constructor(private readonly deps: TakeSubmissionsDeps) {}

  /** One result per event, in order. After a refusal that may pass, later events of the same room wait. */
  async run(request: ProvenRequest, events: readonly UnverifiedEvent[]): Promise<readonly ItemResult[]> {
    const verdicts = await Promise.all(events.map((event) => this.#verify(request, event)));
    const results: ItemResult[] = new Array<ItemResult>(events.length).fill({ status: 'deferred' });
    const rooms = new Map<LogName, number[]>();
    for (const [index, { event }] of events.entries()) rooms.set(event.room, [...(rooms.get(event.room) ?? []), index]);
    await Promise.all([...rooms.values()].map((indexes) => this.#room(request, verdicts, indexes, results)));
    return results;
  }

  async #verify(request: ProvenRequest, read: UnverifiedEvent): Promise<Verdict> {
    try {
      const { event } = read;
      if (event.origin !== request.origin) throw new GatewayError('SW_FED_ORIGIN_MISMATCH', `${event.origin} by ${request.origin}`);
      if (serverOf(event.room) !== request.ctx.serverName) throw new GatewayError('SW_ROOM_NOT_FOUND', event.room);
      checkOriginTime(event, this.deps.clock.nowMs());
      return { proven: await verifyEvent(request.ctx, read, this.deps.eventKeys.submitted(this.deps.clock.nowMs())) };
    } catch (error) {
      if (error instanceof GatewayError) return { refusal: error };
      throw error;
    }
  }

  /** Messages of a room go together; what changes the room goes alone, at its turn. */
  async #room(request: ProvenRequest, verdicts: readonly Verdict[], indexes: readonly number[], results: ItemResult[]): Promise<void> {
    for (let at = 0; at < indexes.length; ) {
      const run = runFrom(verdicts, indexes, at);
      const answers = await this.#place(request, run.map((index) => verdicts[index]));
      for (const [offset, index] of run.entries()) {
        const answer = answers[offset] ?? { status: 'deferred' };
        results[index] = answer;
        if (answer.status === 'refused' && answer.retryable) return;
      }
      at += run.length;
    }
  }

  async #place(request: ProvenRequest, verdicts: readonly (Verdict | undefined)[]): Promise<readonly ItemResult[]> {
    const [first] = verdicts;
    if (first === undefined) return [];
    if ('refusal' in first) return [refused(first.refusal)];
    const events = verdicts.flatMap((verdict) => (verdict !== undefined && 'proven' in verdict ? [verdict.proven] : []));
    try {
      const roomId = roomIdOf(first.proven.event.room);
      await this.deps.oneLog.require(request, roomId, events);
      const placed = await this.deps.placeEvent.runInOrder(request.ctx, roomId, events);
      return placed.map((one, index) => resultOf(one, events[index]));
    } catch (error) {
      if (error instanceof GatewayError) return events.map(() => refused(error));
      throw error;
    }
  }
}

/** The longest stretch from `at` that may be placed together: no repeat, and nothing about another event of it. */
function runFrom(verdicts: readonly Verdict[], indexes: readonly number[], at: number): readonly number[] {
  const first = indexes[at];
  if (first === undefined || !isPlainMessage(verdicts[first])) return first === undefined ? [] : [first];
  const run: number[] = [];
  const ids = new Set<string>();
  for (const index of indexes.slice(at)) {
    const verdict = verdicts[index];
    if (!isPlainMessage(verdict)) break;
    const { origin, id, relates_to: about } = verdict.proven.event;
    if (ids.has(`${origin} ${id}`) || (about !== undefined && ids.has(`${about.origin} ${about.id}`))) break;
    ids.add(`${origin} ${id}`);
    run.push(index);
  }
  return run;
}

function isPlainMessage(verdict: Verdict | undefined): verdict is { readonly proven: ProvenEvent } {
  if (verdict === undefined || 'refusal' in verdict) return false;
  const { type } = verdict.proven.event;
  return !isStateType(type) && type !== EVENT_TYPES.redaction;
}

function resultOf(placed: Placed | GatewayError, event: ProvenEvent | undefined): ItemResult {
  if (placed instanceof GatewayError) return refused(placed.code === 'SW_EVENT_CONFLICT' ? new GatewayError('SW_FED_EVENT_CONFLICT', placed.message) : placed);
  if (placed.outcome === 'appended') return { status: 'accepted' };
  return { status: 'duplicate', ...(placed.seq === null ? {} : { seq: placed.seq }), event_hash: event?.eventHash.toString('hex') ?? '' };
}
