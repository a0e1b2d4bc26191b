import { cutText } from '../kernel/cut-text.js';
import { EVENT_TYPES, type JsonObject } from '../kernel/events.js';
import type { EventId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { BridgeMessage, BridgeSender, Capabilities, MessageRef } from '../protocol/transports/transport.js';
import { hopOf, passedThrough } from '../protocol/transports/via.js';
import type { BridgeRow } from '../store/repositories/bridges.repository.js';
import type { EntryRow, PlacedEntryRow } from '../store/repositories/entry-row.js';
import type { Repositories } from '../store/store.js';
import { outboundContent } from './outbound-content.js';

export interface Outbound {
  readonly message: BridgeMessage;
  /** The entry that the content is of. */
  readonly formSeq: number;
}

export interface OutboundTo {
  readonly bridge: BridgeRow;
  readonly capabilities: Capabilities;
  /** The form of an earlier attempt, which must be told again as it was; undefined: as the message is now. */
  readonly formSeq: number | undefined;
}

type Writer = (ctx: TenantContext, repositories: Repositories, entry: PlacedEntryRow, to: OutboundTo) => Promise<Outbound | undefined>;

/** True for what a bridge carries at all, if it did not bring it itself. */
export function isRelayed(bridge: BridgeRow, entry: Pick<EntryRow, 'event_type' | 'sender' | 'via' | 'state'>): boolean {
  const brought = entry.sender === bridge.fqid || passedThrough(entry.via, bridge.bridge_id);
  return WRITERS.has(entry.event_type) && entry.state === 'placed' && !brought && entry.via.length < LIMITS.bridgeViaHopsMax;
}

/** An entry as the other side is told of it; undefined: there is nothing to tell. The entry is held by this transaction. */
export async function outboundOf(ctx: TenantContext, repositories: Repositories, entry: PlacedEntryRow, to: OutboundTo): Promise<Outbound | undefined> {
  if (!isRelayed(to.bridge, entry) || entry.redacted_by !== null) return undefined;
  return WRITERS.get(entry.event_type)?.(ctx, repositories, entry, to);
}

/** In its last form, or in the form it was told in before. */
const message: Writer = async (ctx, repositories, entry, to) => {
  const form = await formOf(ctx, repositories, entry, to.formSeq);
  if (form.content === null) return undefined;
  const replyTo = await refOf(ctx, repositories, to.bridge, entry.relates_to);
  const content = outboundContent(form.content, to.capabilities.textCharsMax);
  return { message: await say(ctx, repositories, to, entry, { type: 'message.created', content, replyTo }), formSeq: form.seq };
};

/** Only the last edit is told, and only to those who have the message in an older form. */
const edit: Writer = async (ctx, repositories, entry, to) => {
  if (!to.capabilities.edits || entry.relates_to === null || entry.content === null) return undefined;
  const last = await repositories.relay.lastEdit(ctx, entry.room_id, entry.relates_to, Number.MAX_SAFE_INTEGER);
  const told = await repositories.deliveries.findByEvent(ctx, to.bridge.bridge_id, entry.relates_to);
  const target = await knownRef(ctx, repositories, to.bridge, entry.relates_to);
  if (target === undefined || last?.seq !== entry.seq || (told?.form_seq ?? 0) >= entry.seq) return undefined;
  const content = outboundContent(entry.content, to.capabilities.textCharsMax);
  return { message: await say(ctx, repositories, to, entry, { type: 'message.edited', content, target }), formSeq: entry.seq };
};

/** Told in the name of the author: whoever took the message away here, it was the author's there. */
const deletion: Writer = async (ctx, repositories, entry, to) => {
  if (!to.capabilities.deletions || entry.relates_to === null) return undefined;
  const target = await knownRef(ctx, repositories, to.bridge, entry.relates_to);
  const about = await repositories.log.find(ctx, entry.room_id, entry.relates_to);
  if (target === undefined || about === undefined) return undefined;
  const sender = await senderOf(ctx, repositories, isOwn(to.bridge, about) ? entry : about);
  return { message: { ...(await say(ctx, repositories, to, entry, { type: 'message.deleted', content: null, target })), sender }, formSeq: entry.seq };
};

const reaction =
  (type: 'reaction.added' | 'reaction.removed'): Writer =>
  async (ctx, repositories, entry, to) => {
    const emoji = entry.content?.['emoji'];
    if (!to.capabilities.reactions || entry.relates_to === null || typeof emoji !== 'string') return undefined;
    const target = await knownRef(ctx, repositories, to.bridge, entry.relates_to);
    if (target === undefined) return undefined;
    return { message: await say(ctx, repositories, to, entry, { type, content: { emoji }, target }), formSeq: entry.seq };
  };

const WRITERS: ReadonlyMap<string, Writer> = new Map([
  [EVENT_TYPES.message, message],
  [EVENT_TYPES.edit, edit],
  [EVENT_TYPES.redaction, deletion],
  [EVENT_TYPES.reaction, reaction('reaction.added')],
  [EVENT_TYPES.reactionRemove, reaction('reaction.removed')],
]);

async function formOf(ctx: TenantContext, { relay, log }: Repositories, entry: PlacedEntryRow, formSeq: number | undefined): Promise<PlacedEntryRow> {
  const told = formSeq === undefined || formSeq === entry.seq ? undefined : await log.at(ctx, entry.room_id, formSeq);
  if (formSeq === entry.seq) return entry;
  if (told !== undefined && told.redacted_by === null) return told;
  return (await relay.lastEdit(ctx, entry.room_id, entry.event_id, Number.MAX_SAFE_INTEGER)) ?? entry;
}

interface Saying {
  readonly type: BridgeMessage['type'];
  readonly content: JsonObject | null;
  readonly replyTo?: MessageRef | null;
  readonly target?: MessageRef;
}

async function say(ctx: TenantContext, repositories: Repositories, { bridge }: OutboundTo, entry: PlacedEntryRow, saying: Saying): Promise<BridgeMessage> {
  return {
    eventId: entry.event_id,
    type: saying.type,
    occurredAtMs: entry.at,
    sender: await senderOf(ctx, repositories, entry),
    content: saying.content,
    threadId: null,
    replyTo: saying.replyTo ?? null,
    target: saying.target ?? null,
    via: [...entry.via, hopOf(bridge.bridge_id, ctx.serverName)],
  };
}

/** People go by their full name, which stays theirs when nothing else of an entry is left. */
async function senderOf(ctx: TenantContext, { participants }: Repositories, entry: EntryRow): Promise<BridgeSender> {
  const person = entry.sender_id === null ? undefined : await participants.find(ctx, entry.sender_id);
  const externalId = person === undefined ? entry.sender : `@${person.local_id}:${person.server_name}`;
  const imported = entry.content?.['_imported_sender'];
  const name = importedName(imported) ?? person?.display_name ?? entry.sender;
  return { externalId, displayName: cutText(name, LIMITS.displayNameCharsMax), avatarUrl: person?.avatar_url ?? null };
}

function importedName(imported: unknown): string | undefined {
  const name: unknown = typeof imported === 'object' && imported !== null && 'display_name' in imported ? imported.display_name : undefined;
  return typeof name === 'string' && name !== '' && !/\p{Cc}/u.test(name) ? name : undefined;
}

function isOwn(bridge: BridgeRow, entry: EntryRow): boolean {
  return entry.sender === bridge.fqid;
}

async function refOf(ctx: TenantContext, repositories: Repositories, bridge: BridgeRow, event: EventId | null): Promise<MessageRef | null> {
  return event === null ? null : ((await knownRef(ctx, repositories, bridge, event)) ?? { speakerId: event, listenerId: null });
}

/** A message that the other side has; undefined if it was never told of it. */
async function knownRef(ctx: TenantContext, { bridgeMap }: Repositories, bridge: BridgeRow, event: EventId): Promise<MessageRef | undefined> {
  const externalId = await bridgeMap.externalIdOf(ctx, bridge.bridge_id, event);
  if (externalId === undefined) return undefined;
  return { speakerId: event, listenerId: externalId === event ? null : externalId };
}
