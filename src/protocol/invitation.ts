import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { EVENT_TYPES, type RoomType } from '../kernel/events.js';
import type { Fqid } from '../kernel/ids.js';
import type { EventEntry, WireEntry } from './entry.js';
import type { UnverifiedHead } from './head.js';
import { readRun } from './run.js';

/** What the invited person is told of a room that is not yet theirs to read. */
export interface RoomSummary {
  readonly name: string | null;
  readonly topic: string | null;
  readonly type: RoomType;
  readonly inviter: Fqid;
  readonly member_count: number;
}

/** One `.member` entry about a person of the receiving server, before that server reads the room. */
export interface WireInvitation {
  readonly room: string;
  readonly prev_hash: string;
  readonly entry: WireEntry;
  readonly head: string;
  readonly about: RoomSummary;
}

export interface UnverifiedInvitation {
  readonly entry: EventEntry;
  readonly head: UnverifiedHead;
  readonly about: RoomSummary;
}

/** A run of one: the same chain and the same head. */
export function readInvitation(contract: Contract, wire: WireInvitation): UnverifiedInvitation {
  const { room, prev_hash, entry: wireEntry, head, about } = wire;
  const run = readRun(contract, { room, prev_hash, first_seq: wireEntry.seq, entries: [wireEntry], head });
  const entry = run.entries[0];
  if (entry?.form === 'unreadable') throw entry.refusal;
  if (entry?.form !== 'event' || entry.event.event.type !== EVENT_TYPES.member) {
    throw new GatewayError('SW_FED_EVENT_INVALID', 'not a member entry');
  }
  return { entry, head: run.head, about };
}
