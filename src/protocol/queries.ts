import type { Contract } from '../contract/contract.js';
import type { Membership } from '../kernel/events.js';
import type { Fqid, LogName } from '../kernel/ids.js';
import { readRun, type UnverifiedRun, type WireRun } from './run.js';

/** `data` of `GET …/profile/{local_id}`. */
export interface WireProfile {
  readonly fqid: Fqid;
  readonly display_name: string;
  readonly avatar_url: string | null;
}

export interface WireMember {
  readonly fqid: Fqid;
  readonly display_name: string | null;
  readonly avatar_url: string | null;
  readonly membership: Membership;
  readonly power_level: number;
}

/** `data` of `GET …/rooms/{room_id}/members`. */
export interface WireMembers {
  readonly room: LogName;
  readonly members: readonly WireMember[];
}

/** `data` of `GET …/rooms/{room_id}/backfill`; `run` is null where nothing may be or is to be told. */
export interface WireBackfill {
  readonly room: LogName;
  readonly run: WireRun | null;
  /** Where to go on; null at the end of what may be read. */
  readonly next_seq: number | null;
  readonly keys: readonly string[];
}

export interface ReadBackfill {
  readonly run: UnverifiedRun | null;
  readonly nextSeq: number | null;
  readonly keys: readonly string[];
}

/** Answers come parsed already, by the strict reader of every call. */
export function readProfile(contract: Contract, answer: unknown): WireProfile {
  return dataOf<WireProfile>(contract, answer, 'federation/profile');
}

export function readMembers(contract: Contract, answer: unknown): WireMembers {
  return dataOf<WireMembers>(contract, answer, 'federation/members');
}

export function readBackfill(contract: Contract, answer: unknown): ReadBackfill {
  const { run, next_seq, keys } = dataOf<WireBackfill>(contract, answer, 'federation/backfill');
  return { run: run === null ? null : readRun(contract, run), nextSeq: next_seq, keys };
}

function dataOf<T>(contract: Contract, answer: unknown, schemaId: string): T {
  return contract.validate<{ data: T }>(schemaId, answer, 'SW_FED_ANSWER_INVALID').data;
}
