import type { Contract } from '../../contract/contract.js';
import type { JsonObject } from '../../kernel/events.js';

export type BridgeMessageType =
  | 'message.created'
  | 'message.edited'
  | 'message.deleted'
  | 'reaction.added'
  | 'reaction.removed';

export interface BridgeSender {
  readonly externalId: string;
  readonly displayName: string;
  readonly avatarUrl: string | null;
}

/** Another message, under the name that either side knows. At least one is there. */
export interface MessageRef {
  /** As the side that speaks calls it. */
  readonly speakerId: string | null;
  /** As the side that listens calls it, where the speaker was told. */
  readonly listenerId: string | null;
}

/** What every platform's message becomes on its way in, and is made of on its way out. */
export interface BridgeMessage {
  /** Unique at the side that speaks; the same on every retry. */
  readonly eventId: string;
  readonly type: BridgeMessageType;
  /** The speaker's clock; undefined where it does not say. */
  readonly occurredAtMs: number | undefined;
  readonly sender: BridgeSender;
  /** Text and whatever else a message holds; `{ emoji }` of a reaction; null of a deletion. */
  readonly content: JsonObject | null;
  /** The root of the thread, as the speaker calls it. */
  readonly threadId: string | null;
  readonly replyTo: MessageRef | null;
  /** What is edited, deleted or reacted to; null of a new message. */
  readonly target: MessageRef | null;
  /** Bridges passed so far, newest last. */
  readonly via: readonly string[];
}

/** What a platform can carry; what it cannot is not sent to it. */
export interface Capabilities {
  readonly edits: boolean;
  readonly deletions: boolean;
  readonly reactions: boolean;
  readonly threads: boolean;
  readonly replies: boolean;
  readonly files: boolean;
  readonly textCharsMax: number;
  /** Does a successful post answer with the id it got there? */
  readonly returnsId: boolean;
}

/** One attempt to hand a message over. */
export interface Delivery {
  readonly bridgeId: string;
  readonly roomId: string;
  /** New for each attempt. */
  readonly deliveryId: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly nowMs: number;
  /** The secret in force first; during a rotation the one before as well. */
  readonly secrets: readonly string[];
}

export interface OutboundPost {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What an administrator said of the other side. */
export interface BridgeEndpoint {
  readonly bridgeId: string;
  readonly direction: 'in' | 'out' | 'both';
  readonly outboundWebhook: string | null;
  readonly settings: JsonObject;
}

/** Foreign bytes to and from a `BridgeMessage`. Pure: no clock, no network, no store. */
export interface Transport {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Names the channel at the other side: two bridges of one name would relay the same messages twice. */
  channelOf(endpoint: BridgeEndpoint): string;
  /** What is wrong with the settings, for their author; undefined if they will do. */
  settingsFault(endpoint: BridgeEndpoint): string | undefined;
  /** The body is proved to come from the bridge's other side before it is read. */
  readInbound(contract: Contract, body: Buffer): BridgeMessage;
  writeOutbound(message: BridgeMessage, delivery: Delivery): OutboundPost;
  /** The id that the other side gave the message, out of the answer to a post; null if it did not say. */
  readAnswer(contract: Contract, body: Buffer): string | null;
  /** True if a refusal says that this one message will never be taken, however often it comes. */
  refusesForGood(body: Buffer): boolean;
}
