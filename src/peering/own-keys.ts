import type { KeyObject } from 'node:crypto';
import { actOf, type UnnamedActor } from '../kernel/audit.js';
import { GatewayError } from '../kernel/errors.js';
import type { KeyId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { proveNextKey } from '../protocol/key-history.js';
import type { SigningKey } from '../protocol/keys.js';
import type { SigningKeyRow } from '../store/repositories/signing-keys.repository.js';
import type { Repositories, Store } from '../store/store.js';
import type { Vault } from '../store/vault.js';
import { AdmittedKeys } from './admitted-keys.js';
import { BriefMemory } from '../store/cache/brief-memory.js';
import { keyRing, KeySafe, type OwnKeyRing } from './own-key-ring.js';

/** What a tenant's keys need of an open transaction. */
export type KeyRepositories = Pick<Repositories, 'signingKeys' | 'tenants' | 'audit'>;

const RING_READS_MAX = 3;

/**
 * The signing keys of each tenant: one current, those before it, and the next one, of which only the hash is public.
 * Private keys are sealed at rest. What is remembered is loaded anew after half a minute, so a rotation by another
 * process is followed; until then the key before it is in its overlap.
 */
export class OwnKeys {
  private readonly rings: BriefMemory<OwnKeyRing>;
  private readonly admitted = new AdmittedKeys(LIMITS.tenantsCachedMax);
  private readonly safe: KeySafe;

  constructor(
    private readonly store: Pick<Store, 'read' | 'transact'>,
    vault: Pick<Vault, 'seal' | 'open'>,
    private readonly clock: Clock,
    private readonly randomness: Pick<Randomness, 'bytes'>,
  ) {
    this.rings = new BriefMemory(LIMITS.tenantsCachedMax, LIMITS.ownKeysCacheMs, clock);
    this.safe = new KeySafe(vault);
  }

  async current(ctx: TenantContext): Promise<SigningKey> {
    return (await this.ring(ctx)).signing;
  }

  /** For what this tenant itself signed and gets back in a log; undefined if the key did not speak at that time. */
  async keyAt(ctx: TenantContext, keyId: KeyId, atMs: number): Promise<KeyObject | undefined> {
    const listed = (await this.ring(ctx)).facts.keys.find(({ id }) => id === keyId);
    const speaks = listed !== undefined && listed.not_before <= atMs && atMs < Math.min(listed.not_after, listed.revoked_at ?? Infinity);
    return speaks ? this.admitted.get(listed.public_key) : undefined;
  }

  /** Key and history of one and the same rotation. */
  async ring(ctx: TenantContext): Promise<OwnKeyRing> {
    const ring = await this.rings.get(ctx.tenantId, () => this.load(ctx));
    if (ring === undefined) throw new GatewayError('SW_UNAVAILABLE', 'the tenant has no signing key; generate one');
    return ring;
  }

  /** Gives a new tenant its first key and the one after it, inside the transaction that makes the tenant. */
  async create(ctx: TenantContext, repositories: KeyRepositories, actor: UnnamedActor): Promise<void> {
    const held = await repositories.signingKeys.list(ctx);
    if (held.length > 0) throw new GatewayError('SW_BAD_REQUEST', 'the tenant has a key; rotate it instead');
    const first = this.fresh(ctx, 1);
    await repositories.signingKeys.add(ctx, { ...first, ...this.lifeFromNow() });
    await repositories.signingKeys.add(ctx, this.fresh(ctx, 2));
    await repositories.audit.append(ctx, actOf(actor, 'signing_key.generated', first.key_id));
  }

  /** The announced key becomes current, vouched for by the one before, which stays good for its overlap. */
  async rotate(ctx: TenantContext, actor: UnnamedActor): Promise<void> {
    await this.store.transact(ctx, (repositories) => this.rotateWithin(ctx, repositories, actor));
    this.rings.forget(ctx.tenantId);
  }

  /** Rotates when what is left of the current key's life is no more than the overlap; tells whether it did. */
  async rotateIfDue(ctx: TenantContext): Promise<boolean> {
    const endsAtMs = (await this.ring(ctx)).facts.keys.at(-1)?.not_after ?? 0;
    if (endsAtMs - this.clock.nowMs() > LIMITS.keyOverlapMs) return false;
    await this.rotate(ctx, 'system');
    return true;
  }

  private async rotateWithin(ctx: TenantContext, repositories: KeyRepositories, actor: UnnamedActor): Promise<void> {
    // First, because it locks the tenant's row: of two rotations at once the second sees the keys of the first.
    await repositories.tenants.raiseDescriptorSerial(ctx);
    const rows = await repositories.signingKeys.list(ctx);
    const { current, next } = keyRing(rows);
    if (next.ordinal >= LIMITS.keysPerServerMax) throw new GatewayError('SW_TENANT_CAPACITY', 'the key history is full');
    const life = this.lifeFromNow();
    const proof = proveNextKey(this.safe.open(ctx, current), next.public_key, life.not_before);
    const overlapEndMs = this.clock.nowMs() + LIMITS.keyOverlapMs;
    await repositories.signingKeys.change(ctx, current.key_id, { not_after: Math.min(current.not_after, overlapEndMs) });
    await repositories.signingKeys.change(ctx, next.key_id, { ...life, predecessor_signature: proof });
    await repositories.signingKeys.add(ctx, this.fresh(ctx, next.ordinal + 1));
    await repositories.audit.append(ctx, actOf(actor, 'signing_key.rotated', next.key_id));
  }

  /** A key that is not yet in force. */
  private fresh(ctx: TenantContext, ordinal: number): SigningKeyRow {
    return this.safe.make(ctx, ordinal, this.randomness.bytes(32));
  }

  /** Begins a little early: peers' clocks may be behind ours by as much as we allow. */
  private lifeFromNow(): Pick<SigningKeyRow, 'not_before' | 'not_after'> {
    const nowMs = this.clock.nowMs();
    return { not_before: nowMs - LIMITS.clockSkewMs, not_after: nowMs + LIMITS.keyLifetimeMs };
  }

  /** Keys and serial must be of one rotation: a peer freezes a server that shows new keys under an old serial. */
  private async load(ctx: TenantContext): Promise<OwnKeyRing | undefined> {
    for (let attempt = 0; attempt < RING_READS_MAX; attempt += 1) {
      const [before, rows, after] = await this.store.read(ctx, async ({ tenants, signingKeys }) => [
        await tenants.descriptorSerial(ctx),
        await signingKeys.list(ctx),
        await tenants.descriptorSerial(ctx),
      ]);
      if (rows.length === 0) return undefined;
      if (before === after) return this.safe.ring(ctx, after, rows);
    }
    throw new GatewayError('SW_UNAVAILABLE', 'the keys change faster than they can be read');
  }
}
