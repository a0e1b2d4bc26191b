import { GatewayError } from '../kernel/errors.js';
import type { BridgeId } from '../kernel/ids.js';
import type { Clock, Log, Meter } from '../kernel/ports.js';
import type { Rates, RateStanding } from '../kernel/rates.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { BRIDGE_SIGNATURE_HEADER, verifyBridgeSignature, type BridgeSecret } from '../protocol/bridge-signature.js';
import type { BridgeRow } from '../store/repositories/bridges.repository.js';
import type { BridgeDirectory, KnownBridge } from './bridge-directory.js';
import type { SecretUses } from './secret-uses.js';

declare const proof: unique symbol;

/** Bytes whose sender has a bridge's secret. Only this file makes one; the body has not been looked into. */
export interface ProvenBridgeCall {
  readonly [proof]: true;
  readonly ctx: TenantContext;
  readonly bridge: BridgeRow;
  readonly body: Buffer;
}

/** A call as it came. */
export interface UnprovenBridgeCall {
  readonly bridgeId: BridgeId;
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly requestId: string;
  /** Hears how much is left of the bridge's rate. */
  readonly counted?: (standing: RateStanding) => void;
}

export interface VerifyBridgeCallParts {
  readonly directory: Pick<BridgeDirectory, 'find'>;
  readonly uses: Pick<SecretUses, 'note'>;
  readonly rates: Rates;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'info'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** Checked where there is no bridge, so that its absence takes as long to say as a wrong signature. It matches for nobody. */
const NOBODY: readonly BridgeSecret[] = [{ secret: 'no bridge has this', expiresAtMs: undefined }];

/** Who sent this? Until the signature holds, every answer is the same 401. */
export class VerifyBridgeCall {
  constructor(private readonly parts: VerifyBridgeCallParts) {}

  async verify(call: UnprovenBridgeCall): Promise<ProvenBridgeCall> {
    const known = await this.parts.directory.find(call.bridgeId);
    const proven = this.prove(call, known);
    await this.requireOpen(proven, call);
    const { ctx, bridge } = proven;
    return Object.freeze({ ctx, bridge, body: call.body }) as ProvenBridgeCall;
  }

  private prove({ bridgeId, headers, body, requestId }: UnprovenBridgeCall, known: KnownBridge | undefined): KnownBridge {
    const header = headers[BRIDGE_SIGNATURE_HEADER];
    const signed = { headerValues: header === undefined ? [] : [header], body };
    try {
      const matched = verifyBridgeSignature(signed, known?.secrets ?? NOBODY, this.parts.clock.nowMs());
      const secret = known?.secrets[matched];
      if (known === undefined || secret === undefined) throw new GatewayError('SW_BRIDGE_SIGNATURE', 'no such bridge');
      this.parts.uses.note(known.ctx, bridgeId, secret.ordinal);
      return known;
    } catch (error) {
      this.parts.meter.count('bridge_calls_total', { outcome: 'SW_BRIDGE_SIGNATURE' });
      if (known !== undefined) this.parts.log.info({ tenantId: known.ctx.tenantId, bridgeId, requestId, error }, 'a call of a bridge was not signed as it must be');
      throw error;
    }
  }

  private async requireOpen({ ctx, bridge }: KnownBridge, { counted }: UnprovenBridgeCall): Promise<void> {
    try {
      if (ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
      await this.parts.rates.spend(ctx, { scope: 'bridge', id: bridge.bridge_id }, counted);
    } catch (error) {
      if (error instanceof GatewayError) this.parts.meter.count('bridge_calls_total', { outcome: error.code });
      throw error;
    }
  }
}
