import { eventIdOf, federatedShadowId } from '../kernel/derived-ids.js';
import { isStateType, stateTarget } from '../kernel/events.js';
import { parseWireEventId, serverOf, type Fqid, type ParticipantId, type WireEventId } from '../kernel/ids.js';
import type { AdmittedEntry } from '../admit/admit-entry.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { ErasedEntry, EventEntry, UnreadableEntry, WithheldEntry } from '../protocol/entry.js';
import type { RunItem } from '../store/repositories/log-items.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import { localContent, relatedId } from './to-append-item.js';

type Place = Pick<RunItem, 'at' | 'chainHash' | 'eventHash' | 'state' | 'reason'>;
type Authored = Pick<RunItem, 'eventId' | 'origin' | 'wireId' | 'sender' | 'senderId' | 'foreignOrigin'>;
type People = ReadonlyMap<Fqid, ParticipantId>;

/** A place of a foreign log in the tenant's own terms. */
export function toRunItem(ctx: TenantContext, snapshot: RoomSnapshot, { entry, withheld }: AdmittedEntry, chainHash: Buffer, people: People): RunItem {
  const place: Place = { at: entry.at, chainHash, eventHash: entry.eventHash, state: withheld === undefined ? 'placed' : 'withheld', reason: withheld ?? null };
  if (entry.form === 'unreadable') return unreadable(ctx, snapshot, entry, place);
  return entry.form === 'event' ? whole(ctx, snapshot, entry, place, people) : hollow(ctx, snapshot, entry, place, people);
}

function whole(ctx: TenantContext, snapshot: RoomSnapshot, { event: { event, jws } }: EventEntry, place: Place, people: People): RunItem {
  const kept = place.state === 'placed';
  const target = isStateType(event.type) ? stateTarget(event) : null;
  return {
    ...place,
    ...authored(ctx, snapshot, event.sender, event.id, people),
    type: event.type,
    target,
    jws: kept ? jws.text : null,
    content: kept ? localContent(ctx, snapshot, event, target === null ? undefined : people.get(target as Fqid)) : null,
    relatesTo: relatedId(ctx, event),
    via: event.via ?? [],
    redactedBy: null,
    originTs: event.origin_ts,
  };
}

function hollow(ctx: TenantContext, snapshot: RoomSnapshot, entry: ErasedEntry | WithheldEntry, place: Place, people: People): RunItem {
  return {
    ...place,
    ...authored(ctx, snapshot, entry.sender, entry.id, people),
    ...NOTHING,
    type: entry.type,
    redactedBy: entry.form === 'erased' ? entry.redactedBy : null,
    originTs: entry.at,
  };
}

/** Nothing of it can be read, so its id is cut from its hash. */
function unreadable(ctx: TenantContext, snapshot: RoomSnapshot, entry: UnreadableEntry, place: Place): RunItem {
  const { home, creator } = snapshot.room;
  const hex = entry.eventHash.toString('hex');
  const wireId = parseWireEventId(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`);
  const author = { eventId: eventIdOf(ctx.tenantId, home, wireId), origin: home, wireId, sender: creator, senderId: null, foreignOrigin: home };
  return { ...place, ...author, ...NOTHING, type: 'unreadable', redactedBy: null, originTs: entry.at };
}

const NOTHING = { target: null, jws: null, content: null, relatesTo: null, via: [] } as const;

function authored(ctx: TenantContext, { members }: RoomSnapshot, sender: Fqid, wireId: WireEventId, people: People): Authored {
  const origin = serverOf(sender);
  const foreign = origin !== ctx.serverName;
  const known = people.get(sender) ?? members.get(sender)?.participantId;
  return {
    eventId: eventIdOf(ctx.tenantId, origin, wireId),
    origin,
    wireId,
    sender,
    senderId: known ?? (foreign ? federatedShadowId(ctx.tenantId, sender) : null),
    foreignOrigin: foreign ? origin : null,
  };
}
