import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import { isMadeWith, readTimedSignature, timedHmac } from './timed-signature.js';

/** Lower-case, as Node reads it. */
export const BRIDGE_SIGNATURE_HEADER = 'x-scaiwave-bridge-signature';

export interface BridgeSecret {
  /** Exactly as issued; the whole text is the key, prefix included. */
  readonly secret: string;
  /** A secret that was rotated out ends here; undefined for the current one. */
  readonly expiresAtMs: number | undefined;
}

export interface SignedBridgeBody {
  /** Every value of the signature header; there must be one. */
  readonly headerValues: readonly string[];
  /** As received. */
  readonly body: Buffer;
}

/** A new secret of 32 random bytes, in the form that Standard Webhooks libraries read as well. */
export function bridgeSecretOf(randomBytes: Buffer): string {
  return `whsec_${randomBytes.toString('base64')}`;
}

/** Signs with each secret, so that a receiver in the middle of a rotation can check with either. */
export function signBridgeBody(secrets: readonly string[], nowMs: number, body: Buffer): string {
  const time = String(Math.floor(nowMs / 1000));
  return [`t=${time}`, ...secrets.map((secret) => `v1=${timedHmac(secret, time, body).toString('hex')}`)].join(',');
}

/** Returns which of the secrets made the signature. Every failure is the same to the caller of the API. */
export function verifyBridgeSignature(
  signed: SignedBridgeBody,
  secrets: readonly BridgeSecret[],
  nowMs: number,
): number {
  const signature = readTimedSignature(signed.headerValues, refuse);
  const ageMs = nowMs - Number(signature.time) * 1000;
  if (ageMs > LIMITS.bridgeTolerancePastMs || ageMs < -LIMITS.bridgeToleranceFutureMs) refuse(`${ageMs} ms old`);
  let matched = -1;
  for (const [index, { secret, expiresAtMs }] of secrets.entries()) {
    if (secret === '' || (expiresAtMs !== undefined && nowMs >= expiresAtMs)) continue;
    const holds = isMadeWith(secret, signature, signed.body);
    if (holds && matched < 0) matched = index;
  }
  return matched < 0 ? refuse('no secret made this') : matched;
}

function refuse(why: string): never {
  throw new GatewayError('SW_BRIDGE_SIGNATURE', why);
}
