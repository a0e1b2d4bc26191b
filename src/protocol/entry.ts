import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { parseFqid, parseWireEventId, type Fqid, type LogName, type WireEventId } from '../kernel/ids.js';
import { hashText, parseHash, type Link } from './chain.js';
import { eventHash, readEvent, type UnverifiedEvent } from './event.js';

/** An entry as it travels: whole, erased by a redaction, or withheld from one mirror. */
export type WireEntry = OrdinaryWireEntry | ErasedWireEntry | WithheldWireEntry;

export interface OrdinaryWireEntry {
  readonly seq: number;
  readonly at: number;
  /** The event's JWS. */
  readonly event: string;
}

interface HollowWireEntry {
  readonly seq: number;
  readonly at: number;
  readonly event_hash: string;
  readonly id: string;
  readonly sender: string;
  readonly type: string;
}

export interface ErasedWireEntry extends HollowWireEntry {
  /** The place of the redaction, later in the same log. */
  readonly redacted_by: number;
}

export interface WithheldWireEntry extends HollowWireEntry {
  readonly withheld: string;
}

/** What remains of an event whose content did not come along. */
interface Hollow extends Link {
  readonly id: WireEventId;
  readonly sender: Fqid;
  readonly type: string;
}

export interface ErasedEntry extends Hollow {
  readonly form: 'erased';
  readonly redactedBy: number;
}

export interface WithheldEntry extends Hollow {
  readonly form: 'withheld';
  readonly code: string;
}

export interface EventEntry extends Link {
  readonly form: 'event';
  readonly event: UnverifiedEvent;
}

/** The place stands, since the chain covers any text; the content is refused here, and is withheld with this code. */
export interface UnreadableEntry extends Link {
  readonly form: 'unreadable';
  readonly text: string;
  readonly refusal: GatewayError;
}

export type Entry = EventEntry | ErasedEntry | WithheldEntry | UnreadableEntry;

export function writeErased(entry: Omit<ErasedEntry, 'form'>): ErasedWireEntry {
  return { ...writeHollow(entry), redacted_by: entry.redactedBy };
}

export function writeWithheld(entry: Omit<WithheldEntry, 'form'>): WithheldWireEntry {
  return { ...writeHollow(entry), withheld: entry.code };
}

/** Reads one entry of the log `room`. Throws only where no place can be read. */
export function readEntry(contract: Contract, room: LogName, value: unknown): Entry {
  const wire = contract.validate<WireEntry>('federation/entry', value);
  if ('event' in wire) return readOrdinary(contract, room, wire);
  if ('withheld' in wire) return { form: 'withheld', ...readHollow(wire), code: wire.withheld };
  if (wire.redacted_by <= wire.seq) throw new GatewayError('SW_FED_CHAIN_INVALID', `erased before place ${wire.seq}`);
  return { form: 'erased', ...readHollow(wire), redactedBy: wire.redacted_by };
}

function readOrdinary(contract: Contract, room: LogName, wire: OrdinaryWireEntry): EventEntry | UnreadableEntry {
  const { seq, at, event: text } = wire;
  try {
    const event = readEvent(contract, text);
    if (event.event.room !== room) throw new GatewayError('SW_FED_EVENT_INVALID', 'event of another room');
    return { form: 'event', seq, at, eventHash: event.eventHash, event };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { form: 'unreadable', seq, at, eventHash: eventHash(text), text, refusal: error };
  }
}

function readHollow(wire: HollowWireEntry): Hollow {
  return {
    seq: wire.seq,
    at: wire.at,
    eventHash: parseHash(wire.event_hash),
    id: parseWireEventId(wire.id),
    sender: parseFqid(wire.sender),
    type: wire.type,
  };
}

function writeHollow(entry: Hollow): HollowWireEntry {
  const { seq, at, id, sender, type } = entry;
  return { seq, at, event_hash: hashText(entry.eventHash), id, sender, type };
}
