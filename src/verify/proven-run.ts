import { GatewayError, type ErrorCode } from '../kernel/errors.js';
import { serverOf, type LogName, type ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { PeerDirectory } from '../peering/peer-directory.js';
import type { Entry } from '../protocol/entry.js';
import type { UnverifiedEvent } from '../protocol/event.js';
import type { UnverifiedInvitation } from '../protocol/invitation.js';
import { verifyJws, type ReadJws } from '../protocol/jws.js';
import type { UnverifiedRun } from '../protocol/run.js';
import { keyTimeMs, type UnverifiedStart } from '../protocol/start.js';
import type { CarriedDescriptors } from '../peering/carried-keys.js';
import type { EventKeys } from './event-keys.js';
import { verifyEvent } from './proven-event.js';

declare const proof: unique symbol;

/** A place that the room's home has signed for. */
export interface ProvenEntry {
  readonly [proof]: true;
  readonly entry: Entry;
  /** Why the content is not its author's word; absent where it is, or where none came along. */
  readonly refusal: GatewayError | undefined;
}

/** Places that the room's home has signed for, each with the verdict on its author. Only this file makes one. */
export interface ProvenRun extends Pick<UnverifiedRun, 'room' | 'firstSeq' | 'prevHash' | 'folded'> {
  readonly [proof]: true;
  readonly entries: readonly ProvenEntry[];
  /** The home's word, to keep as proof against another. */
  readonly headJws: string;
}

export interface ProvenStart extends UnverifiedStart {
  readonly [proof]: true;
}

/** A statement of a home about its own log. */
interface Statement {
  readonly room: LogName;
  readonly iatMs: number;
  readonly jws: ReadJws;
}

/**
 * What a home says of its own log: runs, invitations and starts, under its key of that moment. One signature covers all
 * that the home wrote; the words of others are checked one by one, and one that fails spoils no other. What cannot be
 * checked now is not judged at all.
 */
export class HomeWord {
  constructor(
    private readonly directory: Pick<PeerDirectory, 'keyFor'>,
    private readonly eventKeys: Pick<EventKeys, 'placed'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  async verifyRun(ctx: TenantContext, run: UnverifiedRun, home: ServerName, carried: CarriedDescriptors): Promise<ProvenRun> {
    await this.#verify(ctx, run.head, home, 'SW_FED_HEAD_INVALID');
    const { room, firstSeq, prevHash, folded } = run;
    const entries = await Promise.all(run.entries.map((entry) => this.#verifyAuthor(ctx, entry, home, carried)));
    const proven: Omit<ProvenRun, typeof proof> = { room, firstSeq, prevHash, folded, entries, headJws: run.head.jws.text };
    return Object.freeze(proven) as ProvenRun;
  }

  /** A run of one, and nothing of it may be doubtful. What came along is looked at only for a home that is proved. */
  async verifyInvitation(ctx: TenantContext, { entry, head }: UnverifiedInvitation, home: ServerName, carried: () => Promise<CarriedDescriptors>): Promise<ProvenEntry> {
    await this.#verify(ctx, head, home, 'SW_FED_HEAD_INVALID');
    const proven = await this.#verifyAuthor(ctx, entry, home, await carried());
    if (proven.refusal !== undefined) throw proven.refusal;
    return proven;
  }

  /** State whose author's word does not hold is left out; the log will say what became of it. */
  async verifyStart(ctx: TenantContext, start: UnverifiedStart, home: ServerName, carried: CarriedDescriptors): Promise<ProvenStart> {
    await this.#verify(ctx, start, home, 'SW_FED_START_INVALID');
    const isProven = async (read: UnverifiedEvent): Promise<boolean> =>
      read.event.origin === home || (await refusalOf(verifyEvent(ctx, read, this.eventKeys.placed(home, keyTimeMs(start, read), carried)))) === undefined;
    const holds = await Promise.all(start.state.map(isProven));
    const proven: Omit<ProvenStart, typeof proof> = { ...start, state: start.state.filter((_, index) => holds[index]) };
    return Object.freeze(proven) as ProvenStart;
  }

  async #verifyAuthor(ctx: TenantContext, entry: Entry, home: ServerName, carried: CarriedDescriptors): Promise<ProvenEntry> {
    if (entry.form === 'unreadable') return provenEntry(entry, entry.refusal);
    const spoken = entry.form === 'event' && entry.event.event.origin !== home;
    const refusal = spoken ? await refusalOf(verifyEvent(ctx, entry.event, this.eventKeys.placed(home, entry.at, carried))) : undefined;
    return provenEntry(entry, refusal);
  }

  async #verify(ctx: TenantContext, { room, iatMs, jws }: Statement, home: ServerName, code: ErrorCode): Promise<void> {
    if (serverOf(room) !== home || jws.kid.server !== home) throw new GatewayError('SW_FED_NOT_HOME', `${room} by ${home}`);
    if (iatMs - this.clock.nowMs() > LIMITS.clockSkewMs) throw new GatewayError(code, 'dated in the future');
    const key = await this.directory.keyFor(ctx, home, jws.kid.keyId, { kind: 'stored', atMs: iatMs });
    if (!(await verifyJws(jws, key))) throw new GatewayError(code, room);
  }
}

/** The place of a hollow entry with the words that it left out: the home has signed for their hash, wherever they come from. */
export function withWords({ entry: { seq, at, eventHash } }: ProvenEntry, event: UnverifiedEvent): ProvenEntry {
  if (!event.eventHash.equals(eventHash)) throw new Error('words of another event');
  return provenEntry({ form: 'event', seq, at, eventHash, event }, undefined);
}

/** Not the author's fault, nor for ever: the whole comes again. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['SW_RATE_LIMIT_EXCEEDED', 'SW_UNAVAILABLE']);

function provenEntry(entry: Entry, refusal: GatewayError | undefined): ProvenEntry {
  return Object.freeze({ entry, refusal }) as ProvenEntry;
}

async function refusalOf(work: Promise<unknown>): Promise<GatewayError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof GatewayError && !PASSING.has(error.code)) return error;
    throw error;
  }
}
