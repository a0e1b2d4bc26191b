import { hash, type KeyObject } from 'node:crypto';
import { codeOf, GatewayError } from '../kernel/errors.js';
import { acceptsPeer, type FederationPolicy } from '../kernel/federation-policy.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Cache, Clock, Meter } from '../kernel/ports.js';
import type { Rates } from '../kernel/rates.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { PeerDirectory } from '../peering/peer-directory.js';
import type { ServedTenant, TenantDirectory } from '../store/tenant-directory.js';
import { checkDigest, readRequestSignature, verifyRequestSignature, type RequestSignature } from '../protocol/request-signature.js';
import { checkBodyClaims, checkBounds, claimedServer, rawHeadersOf, type PeerCallHead, type PeerCallWhole } from './peer-head.js';
import type { Rejections } from './rejections.js';
import { UnprovenRequests } from './unproven-requests.js';

declare const proof: unique symbol;

/** A request whose sender is known for certain. Only this file makes one; its body has not been looked into. */
export interface ProvenRequest {
  readonly [proof]: true;
  readonly ctx: TenantContext;
  readonly policy: FederationPolicy;
  /** Any server that the body names as its sender must be this one. */
  readonly origin: ServerName;
  readonly body: Buffer | undefined;
  readonly requestId: string;
}

export interface VerifyPeerRequestParts {
  readonly tenants: Pick<TenantDirectory, 'byServerName'>;
  readonly directory: Pick<PeerDirectory, 'find' | 'keyFor' | 'proved' | 'admitInBackground' | 'refreshInBackground'>;
  readonly cache: Pick<Cache, 'setIfAbsent' | 'delete'>;
  readonly rates: Rates;
  readonly rejections: Pick<Rejections, 'record'>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** What the head alone says, and our tenant that it is for. */
interface Claim extends ServedTenant {
  readonly origin: ServerName;
}

/** Who sent this? Checks go from cheap to dear; the first that fails is the answer, and nothing is left behind. */
export class VerifyPeerRequest {
  private readonly unproven: UnprovenRequests;

  constructor(private readonly parts: VerifyPeerRequestParts) {
    this.unproven = new UnprovenRequests(parts.clock);
  }

  /** Before a byte of the body is read. */
  async screen(call: PeerCallHead): Promise<void> {
    await this.counted(async () => {
      checkBounds(call);
      const claim = await this.claimOf(call);
      await this.requireKnown(claim, call.remoteAddress);
      this.unproven.requireFew({ ...claim, remoteAddress: call.remoteAddress });
      checkBodyClaims(call);
    });
  }

  async verify(call: PeerCallWhole): Promise<ProvenRequest> {
    return this.counted(async () => {
      const { ctx, policy, origin } = await this.claimOf(call);
      const signature = await this.unproven.whileProving({ ctx, origin, remoteAddress: call.remoteAddress }, () => this.requireProof(ctx, call));
      await this.acknowledge(ctx, origin);
      await this.spend(ctx, signature, call.counted);
      const proven = { ctx, policy, origin, body: call.body, requestId: call.requestId };
      return Object.freeze(proven) as ProvenRequest;
    });
  }

  private async requireProof(ctx: TenantContext, call: PeerCallWhole): Promise<RequestSignature> {
    const nowMs = this.parts.clock.nowMs();
    const signature = readRequestSignature({ method: call.method, target: call.target, rawHeaders: rawHeadersOf(call) }, nowMs);
    const key = await this.keyOf(ctx, signature, nowMs);
    checkDigest(signature, call.body ?? Buffer.alloc(0));
    await verifyRequestSignature(signature, key);
    await this.requireFresh(ctx, signature);
    return signature;
  }

  private async claimOf(call: PeerCallHead): Promise<Claim> {
    const destination = claimedServer(call, 'x-scaiwave-destination');
    const origin = claimedServer(call, 'x-scaiwave-origin');
    const tenant = await this.parts.tenants.byServerName(destination);
    if (tenant === undefined) throw new GatewayError('SW_FED_DESTINATION_UNKNOWN', destination);
    if (tenant.ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', tenant.ctx.tenantId);
    if (origin === destination) throw new GatewayError('SW_FED_PEER_DENIED', 'a server does not call itself');
    requireAccepted(tenant.policy, origin);
    return { ...tenant, origin };
  }

  private async requireKnown({ ctx, origin }: Claim, remoteAddress: string): Promise<void> {
    const peer = await this.parts.directory.find(ctx, origin);
    if (peer?.trust === 'frozen') throw new GatewayError('SW_FED_PEER_FROZEN', origin);
    if (peer !== undefined) return;
    this.parts.directory.admitInBackground(ctx, origin, remoteAddress);
    throw new GatewayError('SW_FED_PEER_UNKNOWN', origin, { retryAfterSeconds: LIMITS.descriptorWaitS });
  }

  private async keyOf(ctx: TenantContext, { origin, keyId }: RequestSignature, nowMs: number): Promise<KeyObject> {
    try {
      return await this.parts.directory.keyFor(ctx, origin, keyId, { kind: 'request', nowMs });
    } catch (error) {
      const rotated = error instanceof GatewayError && error.code === 'SW_FED_KEY_UNKNOWN';
      if (rotated) this.parts.directory.refreshInBackground(ctx, origin);
      throw error;
    }
  }

  /** Without the cache a repeat is not noticed. It is accepted all the same, since every effect is idempotent. */
  private async requireFresh(ctx: TenantContext, signature: RequestSignature): Promise<void> {
    const { origin } = signature;
    const answer = await this.parts.cache.setIfAbsent(ctx, 'nonce', nonceName(signature), LIMITS.nonceRememberedMs);
    if (answer === 'unknown') this.parts.meter.count('fed_nonce_unknown_total');
    if (answer !== 'present') return;
    await this.parts.rejections.record(ctx, origin, { code: 'SW_FED_REPLAY', item: 'request' });
    throw new GatewayError('SW_FED_REPLAY', `nonce of ${origin}`);
  }

  /** A request above the rate leaves nothing behind, or a peer could fill the memory of all nonces beyond its rate. */
  private async spend(ctx: TenantContext, signature: RequestSignature, counted: PeerCallWhole['counted']): Promise<void> {
    try {
      await this.parts.rates.spend(ctx, { scope: 'peer', id: signature.origin }, counted);
    } catch (error) {
      await this.parts.cache.delete(ctx, 'nonce', nonceName(signature));
      throw error;
    }
  }

  /** The sender is proved: its keys are pinned if they were not. */
  private async acknowledge(ctx: TenantContext, origin: ServerName): Promise<void> {
    const peer = await this.parts.directory.find(ctx, origin);
    if (peer !== undefined) await this.parts.directory.proved(ctx, peer);
  }

  private async counted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.parts.meter.count('fed_requests_refused_total', { code: codeOf(error) });
      throw error;
    }
  }
}

function nonceName({ origin, nonce }: RequestSignature): string {
  return hash('sha256', `${origin} ${nonce}`, 'base64url');
}

/** A denial is final. Not being invited may change, so the sender may ask again, much later. */
function requireAccepted(policy: FederationPolicy, origin: ServerName): void {
  if (acceptsPeer(policy, origin)) return;
  const invitable = policy.default_mode === 'invite_only' && !policy.denied_peers.includes(origin);
  if (!invitable) throw new GatewayError('SW_FED_PEER_DENIED', origin);
  throw new GatewayError('SW_FED_PEER_UNKNOWN', `${origin} is not an allowed peer`, { retryAfterSeconds: LIMITS.peerRefusedWaitS });
}
