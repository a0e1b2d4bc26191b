import { hash } from 'node:crypto';
import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { isStateType, stateTarget } from '../kernel/events.js';
import { serverOf, type LogName } from '../kernel/ids.js';
import { hashText, parseHash } from './chain.js';
import { eventHash, readEvent, type UnverifiedEvent } from './event.js';
import { readJws, readPayload, signJws, type ReadJws } from './jws.js';
import type { SigningKey } from './keys.js';

/** Payload of `scaiwave-start+jws`. */
export interface StartPayload {
  readonly room: LogName;
  /** The place before the first entry that the newcomer gets. */
  readonly seq: number;
  /** Hash of the log at `seq`, 64 hex digits. */
  readonly hash: string;
  readonly state_sha256: string;
  readonly iat: number;
}

/** Where a mirror's copy begins, and what holds there; not yet verified. */
export interface UnverifiedStart {
  readonly room: LogName;
  readonly seq: number;
  readonly hash: Buffer;
  readonly iatMs: number;
  readonly state: readonly UnverifiedEvent[];
  readonly jws: ReadJws;
}

/** Binds a list of state events, in its order, to a room. */
export function stateDigest(room: LogName, state: readonly string[]): string {
  const lines = ['scaiwave-state-v1', room, ...state.map((jws) => hashText(eventHash(jws)))];
  return hash('sha256', lines.join('\n'), 'hex');
}

export function signStart(
  key: SigningKey,
  start: Omit<StartPayload, 'state_sha256'>,
  state: readonly string[],
): string {
  const { room, seq, hash, iat } = start;
  return signJws(key, 'scaiwave-start+jws', { room, seq, hash, state_sha256: stateDigest(room, state), iat });
}

export function readStart(contract: Contract, text: string, state: readonly string[]): UnverifiedStart {
  const jws = readJws(text, 'scaiwave-start+jws');
  const payload = readPayload<StartPayload>(contract, jws, 'federation/start');
  const { room, seq, iat } = payload;
  if (serverOf(room) !== jws.kid.server) refuse(`signed by ${jws.kid.server}`);
  if (stateDigest(room, state) !== payload.state_sha256) refuse('state digest');
  const events = state.map((item) => readStateEvent(contract, room, item));
  const keys = new Set(events.map(({ event }) => `${event.type}\n${stateTarget(event)}`));
  if (keys.size !== events.length) refuse('state repeats a type and target');
  return { room, seq, hash: parseHash(payload.hash), iatMs: iat, state: events, jws };
}

/**
 * When the key of a state event must have held. A start does not say when the event got its place, so its author is
 * believed: who holds a key that has ended can say so too, but only a home could use it, and a home sets places' times.
 */
export function keyTimeMs({ iatMs }: Pick<UnverifiedStart, 'iatMs'>, { event }: Pick<UnverifiedEvent, 'event'>): number {
  return Math.min(iatMs, event.origin_ts);
}

function readStateEvent(contract: Contract, room: LogName, text: string): UnverifiedEvent {
  let read: UnverifiedEvent;
  try {
    read = readEvent(contract, text);
  } catch (error) {
    throw new GatewayError('SW_FED_START_INVALID', 'unreadable state event', { cause: error });
  }
  if (read.event.room !== room) refuse('state of another room');
  if (!isStateType(read.event.type)) refuse(`${read.event.type} is not state`);
  return read;
}

function refuse(why: string): never {
  throw new GatewayError('SW_FED_START_INVALID', why);
}
