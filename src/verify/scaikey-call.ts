import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { checkScaikeySignature, type ScaikeyEvent, type SignedScaikeyBody } from '../protocol/scaikey-event.js';

declare const proof: unique symbol;

/** An event that ScaiKey signed. Only this file makes one. */
export interface ProvenScaikeyEvent extends ScaikeyEvent {
  readonly [proof]: true;
}

export interface VerifyScaikeyCallParts {
  /** `SCAIWAVE_SCAIKEY_WEBHOOK_SECRET` */
  readonly secret: string | undefined;
  readonly read: (signed: SignedScaikeyBody, nowMs: number) => ScaikeyEvent;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Is this from ScaiKey? */
export class VerifyScaikeyCall {
  constructor(private readonly parts: VerifyScaikeyCallParts) {}

  /** Throws SW_UNAVAILABLE without a secret to check with, SW_SCAIKEY_SIGNATURE, SW_BAD_JSON, SW_BAD_SCHEMA. */
  verify(signed: SignedScaikeyBody): ProvenScaikeyEvent {
    const nowMs = this.parts.clock.nowMs();
    checkScaikeySignature(signed, this.secret(), nowMs);
    return Object.freeze(this.parts.read(signed, nowMs)) as ProvenScaikeyEvent;
  }

  /** Before the body is read: without a secret nothing that comes could be believed. */
  requireSecret(): void {
    this.secret();
  }

  private secret(): string {
    const { secret } = this.parts;
    if (secret !== undefined) return secret;
    throw new GatewayError('SW_UNAVAILABLE', 'SCAIWAVE_SCAIKEY_WEBHOOK_SECRET is not set', { retryAfterSeconds: LIMITS.scaikeyUnsetRetryS });
  }
}
