import { bridgedWireEventId, bridgeShadowId, eventIdOf } from '../../kernel/derived-ids.js';
import { GatewayError } from '../../kernel/errors.js';
import type { Relation } from '../../kernel/events.js';
import { parseEventId, type EventId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { BridgeMessage, BridgeMessageType, MessageRef } from '../../protocol/transports/transport.js';
import { originOf } from '../../rehome/bridge-shadows.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { EntryRow } from '../../store/repositories/entry-row.js';
import type { Store } from '../../store/store.js';

const RELATIONS: Readonly<Partial<Record<BridgeMessageType, Relation['rel']>>> = {
  'message.edited': 'edit',
  'message.deleted': 'redaction',
  'reaction.added': 'reaction',
  'reaction.removed': 'reaction',
};

/** Acts that belong to the author of what they are about. */
const AUTHORS_OWN: ReadonlySet<BridgeMessageType> = new Set(['message.edited', 'message.deleted']);

/**
 * What a bridged message is about, in the room's terms. A reply to something unknown is a message like any other; an
 * edit, a deletion or a reaction is nothing without its target. Throws SW_EVENT_NOT_FOUND, SW_BRIDGE_FOREIGN_AUTHOR.
 */
export async function findTarget(store: Pick<Store, 'read'>, ctx: TenantContext, bridge: BridgeRow, message: BridgeMessage): Promise<Relation | undefined> {
  const rel = RELATIONS[message.type];
  const ref = rel === undefined ? (message.replyTo ?? threadOf(message)) : message.target;
  const row = ref === null ? undefined : await rowOf(store, ctx, bridge, ref);
  if (rel === undefined) return row && { rel: 'reply', origin: row.origin, id: row.wire_id };
  if (row === undefined) throw new GatewayError('SW_EVENT_NOT_FOUND', message.type);
  if (AUTHORS_OWN.has(message.type) && !isAuthor(ctx, bridge, message, row)) throw new GatewayError('SW_BRIDGE_FOREIGN_AUTHOR', message.type);
  return { rel, origin: row.origin, id: row.wire_id };
}

function threadOf({ threadId }: BridgeMessage): MessageRef | null {
  return threadId === null ? null : { speakerId: threadId, listenerId: null };
}

/** A name of ours is taken as it is; a name of theirs is one they spoke under, or one they gave to what we sent. */
async function rowOf(store: Pick<Store, 'read'>, ctx: TenantContext, bridge: BridgeRow, { speakerId, listenerId }: MessageRef): Promise<EntryRow | undefined> {
  return store.read(ctx, async ({ log, bridgeMap }) => {
    const spoken = speakerId === null ? [] : [bridgedEventId(ctx, bridge, speakerId), await bridgeMap.eventOf(ctx, bridge.bridge_id, speakerId)];
    const wanted = [...ownName(listenerId), ...spoken].filter((id) => id !== undefined);
    const rows = await log.findMany(ctx, wanted);
    const here = rows.filter((row) => row.room_id === bridge.room_id && row.state !== 'refused');
    return wanted.map((id) => here.find((row) => row.event_id === id)).find((row) => row !== undefined);
  });
}

/** The event that a foreign id becomes. */
export function bridgedEventId(ctx: TenantContext, bridge: Pick<BridgeRow, 'bridge_id'>, foreignId: string): EventId {
  return eventIdOf(ctx.tenantId, ctx.serverName, bridgedWireEventId(ctx.tenantId, bridge.bridge_id, foreignId));
}

function ownName(listenerId: string | null): readonly EventId[] {
  if (listenerId === null) return [];
  try {
    return [parseEventId(listenerId)];
  } catch {
    return [];
  }
}

function isAuthor(ctx: TenantContext, { bridge_id: id }: BridgeRow, { sender }: BridgeMessage, row: EntryRow): boolean {
  return row.foreign_origin === originOf(id) && row.sender_id === bridgeShadowId(ctx.tenantId, id, sender.externalId);
}
