import { createHmac, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';

/** Standard Webhooks 1.0, symmetric scheme `v1`. */
const PREFIX = 'whsec_';
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;
const TIME = /^[0-9]{1,12}$/;
const ID = /^[!-~]{1,255}$/;

export interface WebhookHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** `id` stays the same over retries of one message. */
export function signStandardWebhook(
  secrets: readonly string[],
  message: { readonly id: string; readonly nowMs: number; readonly body: Buffer },
): WebhookHeaders {
  const time = String(Math.floor(message.nowMs / 1000));
  const signatures = secrets.map((secret) => `v1,${hmacOf(keyOf(secret), message.id, time, message.body).toString('base64')}`);
  return { 'webhook-id': message.id, 'webhook-timestamp': time, 'webhook-signature': signatures.join(' ') };
}

/** Returns which of the secrets made the signature. */
export function verifyStandardWebhook(
  secrets: readonly string[],
  message: { readonly headers: WebhookHeaders; readonly body: Buffer },
  nowMs: number,
): number {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': list } = message.headers;
  if (!ID.test(id) || id.includes('.') || !TIME.test(time)) refuse('headers');
  const ageMs = nowMs - Number(time) * 1000;
  if (ageMs > LIMITS.bridgeTolerancePastMs || ageMs < -LIMITS.bridgeToleranceFutureMs) refuse(`${ageMs} ms old`);
  const given = list.split(' ').filter((item) => item.startsWith('v1,'));
  if (given.length === 0 || given.length > LIMITS.bridgeSignaturesMax) refuse(`${given.length} signatures`);
  const matched = secrets.findIndex((secret) => {
    const ours = Buffer.from(`v1,${hmacOf(keyOf(secret), id, time, message.body).toString('base64')}`);
    return given.some((item) => isSame(Buffer.from(item), ours));
  });
  return matched < 0 ? refuse('no secret made this') : matched;
}

function hmacOf(key: Buffer, id: string, time: string, body: Buffer): Buffer {
  return createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
}

function keyOf(secret: string): Buffer {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  const key = Buffer.from(text, 'base64');
  const holds = key.toString('base64') === text && key.length >= KEY_BYTES_MIN && key.length <= KEY_BYTES_MAX;
  return holds ? key : refuse('secret is not base64 of 24 to 64 bytes');
}

function isSame(given: Buffer, ours: Buffer): boolean {
  return given.length === ours.length && timingSafeEqual(given, ours);
}

function refuse(why: string): never {
  throw new GatewayError('SW_BRIDGE_SIGNATURE', why);
}
