import type { PartnerId, ServerName, TenantId } from '../../kernel/ids.js';
import { tenantContext, type Features, type TenantContext, type TenantStatus } from '../../kernel/tenant-context.js';
import type { FederationPolicy } from '../../kernel/federation-policy.js';
import { TENANT_LIMIT_DEFAULTS, type TenantLimits } from '../../kernel/tenant-limits.js';
import type { TenantScope, Tx } from '../database.js';
import { q } from '../queries.js';

export type TenantNameKind = 'slug' | 'server_name' | 'scaikey' | 'bridge' | 'partner' | 'fleet_place';

export interface NewTenant {
  readonly tenantId: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly scaikeyTenantId: string;
  readonly serverName: ServerName;
  readonly partnerId: PartnerId | null;
  readonly limits?: Partial<TenantLimits>;
  readonly features?: Features;
  readonly createdAtMs: number;
}

interface TenantRow {
  readonly tenant_id: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly scaikey_tenant_id: string;
  readonly partner_id: PartnerId | null;
  readonly server_name: ServerName;
  readonly status: TenantStatus;
  readonly limits: Partial<TenantLimits>;
  readonly features: Features;
  readonly federation_policy: Partial<FederationPolicy>;
  readonly created_at: number;
  readonly epoch: number;
}

/** A tenant's own rows: itself, its names, its head. */
export class TenantsRepository {
  constructor(private readonly tx: Tx) {}

  async create(scope: TenantScope, tenant: NewTenant): Promise<void> {
    const tenantId = scope.tenantId;
    for (const [kind, value] of namesOf(tenant)) await this.addName(scope, kind, value);
    await this.tx.rows(
      q('tenants').insert({
        tenant_id: tenantId,
        slug: tenant.slug,
        name: tenant.name,
        scaikey_tenant_id: tenant.scaikeyTenantId,
        partner_id: tenant.partnerId,
        server_name: tenant.serverName,
        limits: JSON.stringify(tenant.limits ?? {}),
        features: JSON.stringify(tenant.features ?? {}),
        created_at: tenant.createdAtMs,
      }),
    );
    await this.tx.rows(q('tenant_heads').insert({ tenant_id: tenantId }));
    await this.tx.rows(q('tenant_usage').insert({ tenant_id: tenantId }));
  }

  /** Throws a DataError on `tenant_names_pkey` when another tenant of the node has the name. */
  async addName(scope: TenantScope, kind: TenantNameKind, value: string): Promise<void> {
    await this.tx.rows(q('tenant_names').insert({ kind, value, tenant_id: scope.tenantId }));
  }

  /** False when another tenant has the name. */
  async takeName(scope: TenantScope, kind: TenantNameKind, value: string): Promise<boolean> {
    const query = q('tenant_names').insert({ kind, value, tenant_id: scope.tenantId }).onConflict(['kind', 'value']).ignore().returning('kind');
    return (await this.tx.rows(query)).length > 0;
  }

  async removeName(scope: TenantScope, kind: TenantNameKind, value: string): Promise<void> {
    await this.tx.rows(q('tenant_names').where({ kind, value, tenant_id: scope.tenantId }).delete());
  }

  /** Its place in a fleet is this one alone from now on; `null` = in none. The place was taken before. */
  async leavePlaces(scope: TenantScope, kept: string | null): Promise<void> {
    const places = q('tenant_names').where({ kind: 'fleet_place', tenant_id: scope.tenantId });
    await this.tx.rows((kept === null ? places : places.whereNot({ value: kept })).delete());
  }

  /** The tenant as it is now: the only maker of contexts from rows. */
  async load(scope: TenantScope): Promise<LoadedTenant | undefined> {
    const [row] = await this.tx.prepared<TenantRow>(
      'tenant_load',
      'select t.*, h.epoch from tenants t join tenant_heads h on h.tenant_id = t.tenant_id where t.tenant_id = $1',
      [scope.tenantId],
    );
    return row === undefined ? undefined : loadedFrom(row);
  }

  /** The tenant as nobody can change it before this transaction ends. */
  async lock(scope: TenantScope): Promise<LoadedTenant | undefined> {
    await this.tx.prepared('tenant_lock', 'select 1 from tenants where tenant_id = $1 for no key update', [scope.tenantId]);
    return this.load(scope);
  }

  async setPolicy(ctx: TenantContext, policy: FederationPolicy): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ federation_policy: JSON.stringify(policy) }));
    await this.raiseEpoch(ctx);
  }

  async setStatus(ctx: TenantContext, status: TenantStatus): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ status }));
    await this.raiseEpoch(ctx);
  }

  async setLimits(ctx: TenantContext, limits: Partial<TenantLimits>): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ limits: JSON.stringify(limits) }));
    await this.raiseEpoch(ctx);
  }

  async setName(ctx: TenantContext, name: string): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ name }));
  }

  async setFeatures(ctx: TenantContext, features: Features): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ features: JSON.stringify(features) }));
  }

  async sealedCheck(ctx: TenantContext): Promise<Buffer | null> {
    return (await this.tx.rows<{ sealed_check: Buffer | null }>(q('tenants').select('sealed_check').where({ tenant_id: ctx.tenantId })))[0]?.sealed_check ?? null;
  }

  async setSealedCheck(ctx: TenantContext, sealed: Buffer): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update({ sealed_check: sealed }));
  }

  async descriptorSerial(ctx: TenantContext): Promise<number> {
    return (await this.tx.rows<{ descriptor_serial: number }>(q('tenants').select('descriptor_serial').where({ tenant_id: ctx.tenantId })))[0]?.descriptor_serial ?? 1;
  }

  async raiseDescriptorSerial(ctx: TenantContext): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).increment('descriptor_serial', 1));
  }

  async describe(ctx: TenantContext, change: { readonly name?: string; readonly partner_id?: PartnerId | null }): Promise<void> {
    await this.tx.rows(q('tenants').where({ tenant_id: ctx.tenantId }).update(change));
  }

  /** What was judged by the tenant as it was is judged again. Locks the head: last in a transaction. */
  async raiseEpoch(ctx: TenantContext): Promise<void> {
    await this.tx.rows(q('tenant_heads').where({ tenant_id: ctx.tenantId }).increment('epoch', 1));
  }
}

export interface LoadedTenant {
  readonly ctx: TenantContext;
  readonly policy: Partial<FederationPolicy>;
  /** What was set for this tenant; of all others the defaults hold. */
  readonly ownLimits: Partial<TenantLimits>;
  readonly createdAtMs: number;
}

function namesOf(tenant: NewTenant): readonly (readonly [TenantNameKind, string])[] {
  return [
    ['slug', tenant.slug],
    ['server_name', tenant.serverName],
    ['scaikey', tenant.scaikeyTenantId],
  ];
}

function loadedFrom(row: TenantRow): LoadedTenant {
  return { ctx: contextOf(row), policy: row.federation_policy, ownLimits: row.limits, createdAtMs: row.created_at };
}

function contextOf(row: TenantRow): TenantContext {
  return tenantContext({
    tenantId: row.tenant_id,
    slug: row.slug,
    name: row.name,
    scaikeyTenantId: row.scaikey_tenant_id,
    partnerId: row.partner_id,
    serverName: row.server_name,
    status: row.status,
    limits: { ...TENANT_LIMIT_DEFAULTS, ...row.limits },
    features: row.features,
    epoch: row.epoch,
  });
}
