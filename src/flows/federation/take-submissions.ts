import { GatewayError } from '../../kernel/errors.js';
import { EVENT_TYPES, isStateType } from '../../kernel/events.js';
import { roomIdOf, serverOf, type LogName, type RoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Log, Meter } from '../../kernel/ports.js';
import { checkOriginTime, type UnverifiedEvent } from '../../protocol/event.js';
import { refused, type ItemResult } from '../../protocol/send-answer.js';
import { BriefMemory } from '../../store/cache/brief-memory.js';
import type { Store } from '../../store/store.js';
import type { EventKeys } from '../../verify/event-keys.js';
import type { ProvenRequest } from '../../verify/peer-request.js';
import { verifyEvent, type ProvenEvent } from '../../verify/proven-event.js';
import type { Placed, PlaceEvent } from '../place-event.js';

export interface TakeSubmissionsDeps {
  readonly store: Pick<Store, 'read'>;
  readonly placeEvent: Pick<PlaceEvent, 'run' | 'runInOrder'>;
  readonly eventKeys: Pick<EventKeys, 'submitted'>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
}

type Verdict = { readonly proven: ProvenEvent } | { readonly refusal: GatewayError };

/** Events of a peer's people for rooms that we host: each judged by itself, placed in the order they came. */
export class TakeSubmissions {
  /** Places of our logs that a peer has named rightly: a place never gets another hash. */
  readonly #agreed: BriefMemory<true>;

  constructor(private readonly deps: TakeSubmissionsDeps) {
    this.#agreed = new BriefMemory(LIMITS.seenAgreedMax, LIMITS.seenAgreedMs, deps.clock);
  }

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
      await this.#checkSeen(request, roomId, events);
      const placed = await this.deps.placeEvent.runInOrder(request.ctx, roomId, events);
      return placed.map((one, index) => resultOf(one, events[index]));
    } catch (error) {
      if (error instanceof GatewayError) return events.map(() => refused(error));
      throw error;
    }
  }

  /** A server that saw another log than ours under this name: one of us was restored from a backup, or lies. */
  async #checkSeen({ ctx, origin }: ProvenRequest, roomId: RoomId, events: readonly ProvenEvent[]): Promise<void> {
    const seen = events.map(({ event }) => event.seen).reduce((one, other) => (other.seq > one.seq ? other : one));
    if (seen.seq === 0) return;
    const agreed = await this.#agreed.get(`${ctx.tenantId} ${roomId} ${seen.seq} ${seen.hash}`, async () => {
      const row = await this.deps.store.read(ctx, ({ log }) => log.at(ctx, roomId, seen.seq));
      return row?.chain_hash.toString('hex') === seen.hash ? true : undefined;
    });
    if (agreed === true) return;
    // A stranger to the room learns nothing of it: the refusal of who may not speak comes first.
    const present = await this.deps.store.read(ctx, ({ members }) => members.countOfServer(ctx, roomId, origin, ['join']));
    if (present === 0) return;
    this.deps.meter.count('fed_alarms_total', { kind: 'seen' });
    this.deps.log.warn({ tenantId: ctx.tenantId, peer: origin, roomId, seenSeq: seen.seq }, 'a peer has seen another log than ours');
    throw new GatewayError('SW_FED_CHAIN_FORK', `seen ${seen.seq}`);
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
