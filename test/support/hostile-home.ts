import { randomUUID } from 'node:crypto';
import { EVENT_TYPES, type JsonObject, type WireEvent } from '../../src/kernel/events.js';
import { parseFqid, parseLogName, type LogName } from '../../src/kernel/ids.js';
import { chainNext, genesis, hashText } from '../../src/protocol/chain.js';
import type { WithheldWireEntry } from '../../src/protocol/entry.js';
import { eventHash } from '../../src/protocol/event.js';
import { signHead } from '../../src/protocol/head.js';
import type { SigningKey } from '../../src/protocol/keys.js';
import { signStart } from '../../src/protocol/start.js';
import type { WireItem } from '../../src/protocol/send.js';
import type { Claims, HostilePeer } from './hostile-peer.js';

interface Place {
  readonly seq: number;
  readonly at: number;
  readonly event: string;
  readonly hash: Buffer;
}

type LogItem = Extract<WireItem, { kind: 'log' }>;

/** A room whose home is a server made by hand: its log is whatever the test puts into it. */
export class HostileHome {
  readonly log: LogName;
  private readonly places: Place[] = [];

  constructor(private readonly peer: HostilePeer, places: readonly Place[] = [], log?: LogName) {
    this.log = log ?? parseLogName(`!room-${randomUUID()}:${peer.server}`);
    this.places.push(...places);
  }

  get headSeq(): number {
    return this.places.length;
  }

  /** The same log up to here, which may then go another way. */
  fork(): HostileHome {
    return new HostileHome(this.peer, this.places, this.log);
  }

  add(event: string, at = Date.now()): number {
    const seq = this.headSeq + 1;
    this.places.push({ seq, at, event, hash: chainNext(this.log, seq, at, this.hashAt(seq - 1), eventHash(event)) });
    return seq;
  }

  say(body: string, claims: Claims = {}): number {
    return this.add(this.peer.event(this.log, { content: { msgtype: 'swp.text', body }, ...claims }));
  }

  state(type: string, content: JsonObject): number {
    return this.add(this.peer.event(this.log, { type, content }));
  }

  /** Created by mallory, who is its only member. */
  found(): this {
    const mallory = `@mallory:${this.peer.server}`;
    this.state(EVENT_TYPES.create, { room_type: 'group', creator: mallory, history: 'invite' });
    this.add(this.peer.membership(this.log, 'join'));
    return this;
  }

  head(seq = this.headSeq, key: SigningKey = this.peer.fake.current, iat = Date.now()): string {
    return signHead(key, { room: this.log, seq, hash: hashText(this.hashAt(seq)), iat });
  }

  run(first: number, last = this.headSeq): LogItem {
    const entries = this.places.slice(first - 1, last).map(({ seq, at, event }) => ({ seq, at, event }));
    return { kind: 'log', room: this.log, first_seq: first, prev_hash: hashText(this.hashAt(first - 1)), entries, head: this.head(last) };
  }

  /** The same run, where the home says of some places that others have erased them. */
  erased(run: LogItem, by: Readonly<Record<number, number>>): LogItem {
    return { ...run, entries: run.entries.map((entry) => (by[entry.seq] === undefined ? entry : { ...hollowOf(entry), redacted_by: by[entry.seq] ?? 0 })) };
  }

  /** The same run, where the home keeps the words of some places to itself. */
  withheld(run: LogItem, places: readonly number[]): LogItem {
    return { ...run, entries: run.entries.map((entry) => (places.includes(entry.seq) ? { ...hollowOf(entry), withheld: 'SW_FED_POLICY' } : entry)) };
  }

  start(seq: number, key: SigningKey = this.peer.fake.current): Extract<WireItem, { kind: 'start' }> {
    const state = this.places.slice(0, seq).map(({ event }) => event);
    return { kind: 'start', start: signStart(key, { room: this.log, seq, hash: hashText(this.hashAt(seq)), iat: Date.now() }, state), state };
  }

  /** The entry at `seq`, as news for the server of the person that it is about. */
  news(seq: number): Extract<WireItem, { kind: 'member' }> {
    const place = this.places[seq - 1];
    if (place === undefined) throw new Error(`no place ${seq}`);
    const { at, event } = place;
    const about = { name: 'A trap', topic: null, type: 'group' as const, inviter: parseFqid(`@mallory:${this.peer.server}`), member_count: 1 };
    return { kind: 'member', room: this.log, prev_hash: hashText(this.hashAt(seq - 1)), entry: { seq, at, event }, head: this.head(seq), about };
  }

  private hashAt(seq: number): Buffer {
    return seq === 0 ? genesis() : (this.places[seq - 1]?.hash ?? genesis());
  }
}

/** What remains of a whole entry without its words. */
function hollowOf(entry: LogItem['entries'][number]): Pick<WithheldWireEntry, 'seq' | 'at' | 'event_hash' | 'id' | 'sender' | 'type'> {
  if (!('event' in entry)) throw new Error('no whole entry');
  const { seq, at, event } = entry;
  const { id, sender, type } = JSON.parse(Buffer.from(event.split('.')[1] ?? '', 'base64url').toString('utf8')) as WireEvent;
  return { seq, at, event_hash: eventHash(event).toString('hex'), id, sender, type };
}
