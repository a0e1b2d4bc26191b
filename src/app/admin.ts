import type { Config } from '../config/config.js';
import { checkAudit, type AuditVerdict } from '../flows/audit/check-audit.js';
import { Fleet } from '../flows/tenancy/fleet.js';
import { FleetPlaces } from '../flows/tenancy/fleet-places.js';
import { Tenants } from '../flows/tenants.js';
import { GatewayError } from '../kernel/errors.js';
import { parsePartnerId } from '../kernel/ids.js';
import { localWake } from '../kernel/system-ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { OwnKeys } from '../peering/own-keys.js';
import { publicKeyText } from '../protocol/keys.js';
import { TenantDirectory, type ServedTenant } from '../store/tenant-directory.js';
import { composeAi } from './ai.js';
import { composeBasics } from './node.js';
import { openStorage } from './storage.js';
import { tenantActs, type TenantActs } from './tenant-acts.js';

export interface FederationKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly validUntilMs: number;
}

export interface NewTenant {
  readonly slug: string;
  readonly name: string;
  readonly scaikeyTenantId: string;
  /** Otherwise `<slug>.<SCAIWAVE_SERVER_NAME>`. */
  readonly serverName: string | undefined;
  readonly partnerId: string | undefined;
}

/** What came of following a tenant's audit. */
export type CheckedAudit = AuditVerdict & { readonly slug: string };

export interface Admin extends TenantActs {
  createTenant(tenant: NewTenant): Promise<{ readonly tenantId: string; readonly key: FederationKey }>;
  /** Makes the tenant's first key; refuses if there is one. No slug means the only tenant there is. */
  generateFederationKey(slug: string | undefined): Promise<FederationKey>;
  /** Makes a new key; the old one stays valid for the overlap. */
  rotateFederationKey(slug: string | undefined): Promise<FederationKey>;
  /** Of one tenant, or of all. */
  checkAudits(slug: string | undefined): Promise<readonly CheckedAudit[]>;
  close(): Promise<void>;
}

/** What an operator does at the command line, on the same rows as the running node. */
export async function openAdmin(config: Config): Promise<Admin> {
  const basics = composeBasics(config);
  const storage = await openStorage(config, basics);
  const { store, vault } = storage;
  const ownKeys = new OwnKeys(store, vault, basics.clock, basics.randomness);
  const directory = new TenantDirectory(store, basics.clock);
  const fleet = new Fleet(store);
  const fleetPlaces = new FleetPlaces(store, fleet);
  const tenants = new Tenants({ store, tenants: directory, fleetPlaces, ownKeys, vault, clock: basics.clock, randomness: basics.randomness, wake: localWake() });

  const { usage: aiUsage } = composeAi({ ...basics, storage, scaigrid: { nodeKey: undefined, accounting: undefined, models: undefined } });

  const named = async (slug: string | undefined): Promise<TenantContext> => {
    if (slug !== undefined) return existing(await directory.find('slug', slug), slug);
    const all = await tenants.list();
    const [only] = all;
    if (only === undefined || all.length > 1) throw new GatewayError('SW_TENANT_NOT_FOUND', `there are ${all.length} tenants; say which with --tenant`);
    return (await directory.byId({ tenantId: only.tenant_id })).ctx;
  };
  const keyOf = async (ctx: TenantContext): Promise<FederationKey> => {
    const { signing, facts } = await ownKeys.ring(ctx);
    return { keyId: signing.keyId, publicKey: publicKeyText(signing.publicKey), validUntilMs: facts.keys.at(-1)?.not_after ?? 0 };
  };
  return {
    async createTenant(tenant) {
      const serverName = tenant.serverName ?? `${tenant.slug}.${config.serverName}`;
      const partnerId = tenant.partnerId === undefined ? null : parsePartnerId(tenant.partnerId);
      if (partnerId !== null && (await fleet.find(partnerId)) === undefined) throw new GatewayError('SW_PARTNER_NOT_FOUND', `${partnerId}; make it first with create-partner`);
      const ctx = await tenants.create({ ...tenant, serverName, partnerId }, 'cli');
      return { tenantId: ctx.tenantId, key: await keyOf(ctx) };
    },
    ...tenantActs({ store, tenants, aiUsage, clock: basics.clock, named }),
    async generateFederationKey(slug) {
      const ctx = await named(slug);
      await store.transact(ctx, (repositories) => ownKeys.create(ctx, repositories, 'cli'));
      return keyOf(ctx);
    },
    async rotateFederationKey(slug) {
      const ctx = await named(slug);
      await ownKeys.rotate(ctx, 'cli');
      return keyOf(ctx);
    },
    async checkAudits(slug) {
      const contexts = slug === undefined
        ? await Promise.all((await tenants.list()).map(async ({ tenant_id }) => (await directory.byId({ tenantId: tenant_id })).ctx))
        : [await named(slug)];
      const checked: CheckedAudit[] = [];
      for (const ctx of contexts) checked.push({ slug: ctx.slug, ...(await checkAudit(store, ctx)) });
      return checked;
    },
    close: () => storage.close(),
  };
}

function existing(served: ServedTenant | undefined, slug: string): TenantContext {
  if (served === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', slug);
  return served.ctx;
}
