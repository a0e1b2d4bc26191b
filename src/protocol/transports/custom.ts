import { hash } from 'node:crypto';
import type { Contract } from '../../contract/contract.js';
import { GatewayError, isErrorCode, type ErrorCode } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';
import { BRIDGE_SIGNATURE_HEADER, signBridgeBody } from '../bridge-signature.js';
import { signStandardWebhook } from '../standard-webhooks.js';
import { parseStrictJson } from '../strict-json.js';
import type { BridgeEndpoint, BridgeMessage, BridgeMessageType, Delivery, MessageRef, OutboundPost, Transport } from './transport.js';

interface WireSender {
  readonly external_id: string;
  readonly display_name: string;
  readonly avatar_url?: string | null;
}

interface WireRef {
  readonly event_id: string | null;
  readonly external_id: string | null;
}

/** The native body, inbound and outbound alike: what one gateway sends, another takes as it is. */
interface WireMessage {
  readonly event_id: string;
  readonly type?: BridgeMessageType;
  readonly occurred_at?: number;
  readonly sender: WireSender;
  readonly content?: JsonObject | null;
  readonly thread_id?: string | null;
  /** The documented way to name what is replied to: by the sender's own id. */
  readonly reply_to_external_id?: string | null;
  readonly reply_to?: WireRef | null;
  readonly relates_to?: WireRef | null;
  readonly via?: readonly string[];
}

/** Signed webhooks in ScaiWave's own form: for another ScaiWave, or for anything that can compute an HMAC. */
export const customTransport: Transport = Object.freeze({
  name: 'custom',
  capabilities: Object.freeze({
    edits: true,
    deletions: true,
    reactions: true,
    threads: true,
    replies: true,
    files: false,
    textCharsMax: LIMITS.bridgeTextCharsMax,
    returnsId: true,
  }),
  channelOf,
  settingsFault,
  readInbound,
  writeOutbound,
  readAnswer,
  refusesForGood,
});

const SETTINGS: ReadonlySet<string> = new Set(['allow_mass_mentions']);

/** An address is one channel however it is spelled; a bridge that calls nobody is a channel of its own. */
function channelOf({ bridgeId, direction, outboundWebhook }: BridgeEndpoint): string {
  const there = direction === 'in' || outboundWebhook === null ? bridgeId : new URL(outboundWebhook).href;
  return hash('sha256', `custom\n${there}`, 'hex');
}

function settingsFault({ direction, outboundWebhook, settings }: BridgeEndpoint): string | undefined {
  if (direction !== 'in' && outboundWebhook === null) return 'outbound_webhook is needed for this direction.';
  if (outboundWebhook !== null && !URL.canParse(outboundWebhook)) return 'outbound_webhook is not a URL.';
  if (Object.keys(settings).some((name) => !SETTINGS.has(name))) return 'This transport does not have all of these settings.';
  const { allow_mass_mentions: allowed = false } = settings;
  return typeof allowed === 'boolean' ? undefined : 'allow_mass_mentions must be true or false.';
}

function readInbound(contract: Contract, body: Buffer): BridgeMessage {
  const wire = contract.validate<WireMessage>('bridge/message', parseStrictJson(body));
  const type = wire.type ?? 'message.created';
  return {
    eventId: wire.event_id,
    type,
    occurredAtMs: wire.occurred_at,
    sender: {
      externalId: wire.sender.external_id,
      displayName: wire.sender.display_name,
      avatarUrl: wire.sender.avatar_url ?? null,
    },
    content: wire.content ?? null,
    threadId: wire.thread_id ?? null,
    replyTo: readRef(wire.reply_to) ?? spokenRef(wire.reply_to_external_id),
    target: readRef(wire.relates_to),
    via: wire.via ?? [],
  };
}

function writeOutbound(message: BridgeMessage, delivery: Delivery): OutboundPost {
  const body = Buffer.from(
    JSON.stringify({
      event_id: message.eventId,
      type: message.type,
      occurred_at: message.occurredAtMs,
      bridge_id: delivery.bridgeId,
      room_id: delivery.roomId,
      sender: {
        external_id: message.sender.externalId,
        display_name: message.sender.displayName,
        avatar_url: message.sender.avatarUrl,
      },
      content: message.content,
      thread_id: message.threadId,
      reply_to_external_id: message.replyTo?.speakerId ?? null,
      reply_to: writeRef(message.replyTo),
      relates_to: writeRef(message.target),
      via: message.via,
    }),
  );
  const headers = {
    'content-type': 'application/json',
    'x-scaiwave-bridge-id': delivery.bridgeId,
    'x-scaiwave-event-id': message.eventId,
    'x-scaiwave-delivery-id': delivery.deliveryId,
    'x-scaiwave-attempt': String(delivery.attempt),
    [BRIDGE_SIGNATURE_HEADER]: signBridgeBody(delivery.secrets, delivery.nowMs, body),
    ...signStandardWebhook(delivery.secrets, { id: message.eventId, nowMs: delivery.nowMs, body }),
  };
  return { headers, body };
}

/** A 2xx with no body, or with something else in it, has taken the message without saying what it is called there. */
function readAnswer(contract: Contract, body: Buffer): string | null {
  try {
    const answer = contract.validate<{ external_id: string }>('bridge/answer', unwrap(parseStrictJson(body)));
    return answer.external_id;
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

/** What another gateway says of one message, and not of the bridge. */
const ABOUT_THE_MESSAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SW_BAD_JSON', 'SW_BAD_SCHEMA', 'SW_BODY_TOO_LARGE', 'SW_CONTENT_TOO_LARGE', 'SW_EVENT_CONFLICT', 'SW_EVENT_NOT_FOUND',
  'SW_EVENT_TOO_OLD_TO_EDIT', 'SW_EDIT_FORBIDDEN', 'SW_REDACT_FORBIDDEN', 'SW_BRIDGE_FOREIGN_AUTHOR',
]);

function refusesForGood(body: Buffer): boolean {
  try {
    const answer = parseStrictJson(body);
    const error: unknown = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
    const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return isErrorCode(code) && ABOUT_THE_MESSAGE.has(code);
  } catch (error) {
    if (error instanceof GatewayError) return false;
    throw error;
  }
}

/** Another gateway answers in its envelope. */
function unwrap(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null && 'data' in answer ? answer.data : answer;
}

function readRef(wire: WireRef | null | undefined): MessageRef | null {
  return wire ? { speakerId: wire.event_id, listenerId: wire.external_id } : null;
}

function writeRef(ref: MessageRef | null): WireRef | null {
  return ref === null ? null : { event_id: ref.speakerId, external_id: ref.listenerId };
}

function spokenRef(speakerId: string | null | undefined): MessageRef | null {
  return speakerId ? { speakerId, listenerId: null } : null;
}
