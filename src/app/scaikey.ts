import type { Config } from '../config/config.js';
import type { Contract } from '../contract/contract.js';
import { Egress } from '../egress/egress.js';
import type { ScaikeyEventsApi } from '../flows/api/scaikey.js';
import type { MakePerson } from '../flows/make-person.js';
import { KeepingTenant } from '../flows/scaikey/keeping-tenant.js';
import { KeepPartner } from '../flows/scaikey/keep-partner.js';
import { KeepPerson } from '../flows/scaikey/keep-person.js';
import { KeepTenant } from '../flows/scaikey/keep-tenant.js';
import { ReceiveScaikeyEvent } from '../flows/scaikey/receive-event.js';
import { ReconcileDirectory } from '../flows/scaikey/reconcile-directory.js';
import { ReconcilePartners } from '../flows/scaikey/reconcile-partners.js';
import { ReconcilePeople } from '../flows/scaikey/reconcile-people.js';
import { RunBook } from '../flows/scaikey/run-book.js';
import { SyncAtStandstill } from '../flows/scaikey/sync-at-standstill.js';
import { SyncScaikey } from '../flows/scaikey/sync-scaikey.js';
import { Fleet } from '../flows/tenancy/fleet.js';
import { FleetPlaces } from '../flows/tenancy/fleet-places.js';
import type { Tenants } from '../flows/tenants.js';
import type { Duty } from '../lanes/duties.js';
import { readScaikeyEvent } from '../protocol/scaikey-event.js';
import { PlatformToken, type ClientCredentials } from '../scaikey/platform-token.js';
import { ScaikeyAdmin } from '../scaikey/scaikey-admin.js';
import { scaikeyOver } from '../scaikey/scaikey-http.js';
import type { TenantDirectory } from '../store/tenant-directory.js';
import { VerifyScaikeyCall } from '../verify/scaikey-call.js';
import type { Basics, Storage } from './storage.js';

export interface IdentityParts extends Basics {
  readonly config: Config;
  readonly storage: Pick<Storage, 'store'>;
  readonly core: { readonly tenants: TenantDirectory; readonly tenantMaker: Pick<Tenants, 'create' | 'wakeAll'>; readonly makePerson: MakePerson };
}

export interface Identities {
  readonly events: ScaikeyEventsApi;
  /** undefined without an application of our own at ScaiKey. */
  readonly duty: Duty | undefined;
  /** undefined likewise. */
  readonly admin: ScaikeyAdmin | undefined;
  /** Begins to look after the node while no tenant is active, if that is a part of this process. */
  start(): void;
  close(): Promise<void>;
}

/** Both mouths of ScaiKey, over one way of keeping what it says. */
export function composeScaikey(parts: IdentityParts & { readonly contract: Contract }): Identities {
  const { config, contract, core, clock, meter } = parts;
  const keepers = keepersOf(parts);
  const verify = new VerifyScaikeyCall({ secret: config.secrets.scaikeyWebhookSecret?.reveal(), read: (signed, nowMs) => readScaikeyEvent(contract, signed, nowMs), clock });
  const events = new ReceiveScaikeyEvent({ ...keepers, verify, directory: core.tenants, clock, meter });
  const asking = openScaikeyAdmin(parts, 'admin:read');
  const sync = asking && composeSync(parts, asking.admin);
  const { timers, log } = parts;
  const standstill = sync && config.roles.includes('scheduler') ? new SyncAtStandstill({ look: (signal) => sync.atStandstill(signal), pauseMs: () => sync.pauseMs(), timers, log }) : undefined;
  return {
    events,
    admin: asking?.admin,
    duty: sync && ((ctx, signal) => sync.turn(ctx, signal)),
    start: () => standstill?.start(),
    async close() {
      await standstill?.stop();
      await asking?.close();
    },
  };
}

export function composeSync(parts: IdentityParts, admin: ScaikeyAdmin): SyncScaikey {
  const { storage, core } = parts;
  const { store } = storage;
  const shared = { ...parts, ...keepersOf(parts), store, admin, tenants: core.tenants, runs: new RunBook(store, parts.clock) };
  return new SyncScaikey({ ...shared, directory: new ReconcileDirectory(shared), partners: new ReconcilePartners(shared), people: new ReconcilePeople(shared) });
}

/** undefined where the node has no application of its own at ScaiKey. */
export function openScaikeyAdmin(
  { config, timers, clock, meter }: Pick<IdentityParts, 'config' | 'timers' | 'clock' | 'meter'>,
  scope: ConstructorParameters<typeof PlatformToken>[2],
): { readonly admin: ScaikeyAdmin; close(): Promise<void> } | undefined {
  const credentials = credentialsOf(config);
  if (credentials === undefined || config.scaikeyUrl === undefined) return undefined;
  const egress = new Egress({ allow: config.egressAllow ?? [] }, timers, clock, meter);
  const call = scaikeyOver(egress, config.scaikeyUrl);
  return { admin: new ScaikeyAdmin(call, new PlatformToken(call, credentials, scope, clock)), close: () => egress.close() };
}

function credentialsOf({ scaikeyClientId, secrets }: Config): ClientCredentials | undefined {
  const clientSecret = secrets.scaikeyClientSecret?.reveal();
  return scaikeyClientId === undefined || clientSecret === undefined ? undefined : { clientId: scaikeyClientId, clientSecret };
}

interface Keepers {
  readonly fleet: Fleet;
  readonly keepPartner: KeepPartner;
  readonly keepTenant: KeepTenant;
  readonly keepPerson: KeepPerson;
}

function keepersOf({ config, storage, core, clock }: IdentityParts): Keepers {
  const { store } = storage;
  const { serverName } = config;
  const fleet = new Fleet(store);
  const keepingTenant = new KeepingTenant(store, core.tenants, serverName);
  return {
    fleet,
    keepPartner: new KeepPartner({ store, fleet, keepingTenant, clock }),
    keepTenant: new KeepTenant({ store, keepingTenant, directory: core.tenants, tenants: core.tenantMaker, fleetPlaces: new FleetPlaces(store, fleet), serverName }),
    keepPerson: new KeepPerson({ store, makePerson: core.makePerson }),
  };
}
