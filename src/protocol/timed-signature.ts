import { createHmac, timingSafeEqual } from 'node:crypto';
import { LIMITS } from '../kernel/limits.js';

const TIME = /^[0-9]{1,12}$/;
const HMAC_HEX = /^[0-9a-fA-F]{64}$/;
const ITEM = /^([a-z][a-z0-9]{0,15})=(.*)$/;

/** `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`: the form in which bridges and ScaiKey sign. */
export interface TimedSignature {
  /** As written: these characters are what was signed. */
  readonly time: string;
  readonly hmacs: readonly Buffer[];
}

/** Reads the form; unknown schemes beside `v1` are passed over. */
export function readTimedSignature(headerValues: readonly string[], refuse: (why: string) => never): TimedSignature {
  const [header, ...more] = headerValues;
  if (header === undefined || more.length > 0 || header.length > LIMITS.signatureHeaderCharsMax) return refuse('header');
  const items = header.split(',').map((item) => ITEM.exec(item.trim()) ?? refuse('item'));
  const valuesOf = (scheme: string): string[] => items.filter((item) => item[1] === scheme).map((item) => item[2] ?? '');
  const [time, ...moreTimes] = valuesOf('t');
  if (time === undefined || moreTimes.length > 0 || !TIME.test(time)) return refuse('time');
  const hmacs = valuesOf('v1');
  if (hmacs.length === 0 || hmacs.length > LIMITS.bridgeSignaturesMax) return refuse(`${hmacs.length} signatures`);
  return { time, hmacs: hmacs.map((hex) => (HMAC_HEX.test(hex) ? Buffer.from(hex, 'hex') : refuse('signature spelling'))) };
}

/** HMAC-SHA256 over `<time>.<body>`, the body as it goes over the wire. */
export function timedHmac(secret: string, time: string, body: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${time}.`).update(body).digest();
}

/** Takes as long whether one of them is right, or none. */
export function isMadeWith(secret: string, { time, hmacs }: TimedSignature, body: Buffer): boolean {
  const ours = timedHmac(secret, time, body);
  return hmacs.filter((hmac) => timingSafeEqual(hmac, ours)).length > 0;
}
