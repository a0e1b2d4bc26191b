import { hash } from 'node:crypto';
import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import type { JsonObject, WireEvent } from '../kernel/events.js';
import { serverOf, type Fqid } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { readJws, readPayload, signJws, type ReadJws } from './jws.js';
import type { SigningKey } from './keys.js';

/** An event of the right form. Who signed it is a claim until its JWS is verified. */
export interface UnverifiedEvent {
  readonly event: WireEvent;
  readonly jws: ReadJws;
  readonly eventHash: Buffer;
}

/** The caller has judged the event: whatever is signed here, every peer will take as our word. */
export function signEvent(key: SigningKey, event: WireEvent): string {
  return signJws(key, 'scaiwave-event+jws', event);
}

/** SHA-256 of the JWS as text: the event's name in the chain. */
export function eventHash(jws: string): Buffer {
  return hash('sha256', jws, 'buffer');
}

export function readEvent(contract: Contract, text: string): UnverifiedEvent {
  const jws = readJws(text, 'scaiwave-event+jws');
  if (jws.payloadBytes.length > LIMITS.eventPayloadBytesMax) {
    throw new GatewayError('SW_CONTENT_TOO_LARGE', `payload of ${jws.payloadBytes.length} bytes`);
  }
  const event = readPayload<WireEvent>(contract, jws, 'federation/event');
  checkOneServer(event, jws);
  checkContent(contract, event);
  return { event, jws, eventHash: eventHash(text) };
}

/** The author's clock may be 60 s ahead of ours, no more. */
export function checkOriginTime(event: Pick<WireEvent, 'origin_ts'>, nowMs: number): void {
  const aheadMs = event.origin_ts - nowMs;
  if (aheadMs > LIMITS.clockSkewMs) throw new GatewayError('SW_FED_EVENT_IN_FUTURE', `${aheadMs} ms ahead`);
}

/** The size that is limited: UTF-8 bytes of the content as `JSON.stringify` writes it. */
export function contentBytes(content: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(content), 'utf8');
}

/** A server signs for its own people only. */
function checkOneServer(event: WireEvent, jws: ReadJws): void {
  const author: Fqid = event.sender;
  if (event.origin !== jws.kid.server || serverOf(author) !== jws.kid.server) {
    throw new GatewayError('SW_FED_ORIGIN_MISMATCH', `signed by ${jws.kid.server}, origin ${event.origin}`);
  }
}

function checkContent(contract: Contract, event: WireEvent): void {
  if (contentBytes(event.content) > LIMITS.contentBytesMax) {
    throw new GatewayError('SW_CONTENT_TOO_LARGE', 'content');
  }
  const schemaId = `federation/content/${event.type}`;
  if (contract.has(schemaId)) contract.validate(schemaId, event.content, 'SW_FED_EVENT_INVALID');
}
