import type { KeyObject } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { WireEvent } from '../kernel/events.js';
import type { KeyId, ServerName } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { eventHash, signEvent, type UnverifiedEvent } from '../protocol/event.js';
import { verifyJws } from '../protocol/jws.js';
import type { SigningKey } from '../protocol/keys.js';

declare const proof: unique symbol;

/** An event whose author's server is known for certain. Only this file makes one. */
export interface ProvenEvent {
  readonly [proof]: true;
  readonly event: WireEvent;
  readonly jws: string;
  /** SHA-256 of `jws`. */
  readonly eventHash: Buffer;
  /** Its author's server signed it, or a caller of this node spoke and this node signed. */
  readonly provenBy: 'signature' | 'caller';
}

/** The key of an event's server that speaks for it: how it is found, and at what time it must hold, the occasion says. */
export type EventKey = (ctx: TenantContext, server: ServerName, keyId: KeyId) => Promise<KeyObject>;

/** Throws SW_FED_EVENT_SIGNATURE, or the refusal of the key. */
export async function verifyEvent(ctx: TenantContext, read: UnverifiedEvent, keyOf: EventKey): Promise<ProvenEvent> {
  const { server, keyId } = read.jws.kid;
  const key = await keyOf(ctx, server, keyId);
  if (!(await verifyJws(read.jws, key))) throw new GatewayError('SW_FED_EVENT_SIGNATURE', `event of ${server}`);
  return proven(read.event, read.jws.text, read.eventHash, 'signature');
}

/** What this node writes for a person it has authenticated, or in a room's voice. Every peer will take it as our word. */
export function ownEvent(key: SigningKey, event: WireEvent): ProvenEvent {
  if (event.origin !== key.server) throw new Error('an event of another server cannot be our own');
  const jws = signEvent(key, event);
  return proven(event, jws, eventHash(jws), 'caller');
}

function proven(event: WireEvent, jws: string, hash: Buffer, provenBy: ProvenEvent['provenBy']): ProvenEvent {
  return Object.freeze({ event, jws, eventHash: hash, provenBy }) as ProvenEvent;
}
