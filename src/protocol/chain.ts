import { hash } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { LogName } from '../kernel/ids.js';

const DOMAIN = 'scaiwave-log-v1';
const HASH = /^[0-9a-f]{64}$/;

/** The hash before the first entry of every log: 32 zero bytes. Copied out, so that nobody can write into it. */
export function genesis(): Buffer {
  return Buffer.alloc(32);
}

/** The hash of a log after its entry `seq`. */
export function chainNext(room: LogName, seq: number, atMs: number, previous: Buffer, eventHash: Buffer): Buffer {
  const text = `${DOMAIN}\n${room}\n${seq}\n${atMs}\n${previous.toString('hex')}\n${eventHash.toString('hex')}`;
  return hash('sha256', text, 'buffer');
}

/** What the chain covers of an entry, whatever became of its content. */
export interface Link {
  readonly seq: number;
  readonly at: number;
  readonly eventHash: Buffer;
}

export interface RunStart {
  readonly room: LogName;
  readonly firstSeq: number;
  /** Hash of the log before `firstSeq`. */
  readonly prevHash: Buffer;
  /** The home's time of the entry before, where it is known: time never falls. */
  readonly prevAt?: number;
}

export interface FoldedRun {
  readonly lastSeq: number;
  readonly hash: Buffer;
  /** The hash of the log after each entry, in order. */
  readonly hashes: readonly Buffer[];
}

/** Follows the chain over a run; refuses holes, repeats and falling time. An empty run ends where it began. */
export function foldRun(start: RunStart, links: readonly Link[]): FoldedRun {
  const hashes: Buffer[] = [];
  let hashSoFar = start.prevHash;
  let seq = start.firstSeq - 1;
  let at = start.prevAt ?? 0;
  for (const link of links) {
    if (link.seq !== seq + 1) refuse(`place ${link.seq} after ${seq}`);
    if (link.at < at) refuse(`time falls at ${link.seq}`);
    hashSoFar = chainNext(start.room, link.seq, link.at, hashSoFar, link.eventHash);
    hashes.push(hashSoFar);
    seq = link.seq;
    at = link.at;
  }
  return { lastSeq: seq, hash: hashSoFar, hashes };
}

export function hashText(bytes: Buffer): string {
  return bytes.toString('hex');
}

/** 64 lower-case hex digits. */
export function parseHash(text: string): Buffer {
  return HASH.test(text) ? Buffer.from(text, 'hex') : refuse('hash spelling');
}

function refuse(why: string): never {
  throw new GatewayError('SW_FED_CHAIN_INVALID', why);
}
