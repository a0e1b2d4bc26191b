import type { Config } from '../config/config.js';
import { MakePerson } from '../flows/make-person.js';
import { RegisterWebhook, SCAIKEY_WEBHOOK_PATH } from '../flows/scaikey/register-webhook.js';
import { SyncStatus } from '../flows/scaikey/sync-status.js';
import { Fleet } from '../flows/tenancy/fleet.js';
import { FleetPlaces } from '../flows/tenancy/fleet-places.js';
import { Tenants } from '../flows/tenants.js';
import { localWake } from '../kernel/system-ports.js';
import { GatewayError } from '../kernel/errors.js';
import { OwnKeys } from '../peering/own-keys.js';
import { TenantDirectory } from '../store/tenant-directory.js';
import { composeBasics } from './node.js';
import { composeSync, openScaikeyAdmin } from './scaikey.js';
import { openStorage } from './storage.js';

export interface SyncChange {
  /** Stable, such as `tenant.created`. */
  readonly act: string;
  readonly tenant: string;
  /** Id of ScaiKey. */
  readonly resource: string;
}

/** How the last reconciliations of one part of a tenant ended. Times in milliseconds since 1970. */
export interface SyncState {
  readonly tenant: string;
  readonly part: string;
  readonly lastOkMs: number | null;
  readonly lastChanges: number;
  readonly isUnderWay: boolean;
  readonly failingSinceMs: number | null;
  readonly lastError: string | null;
}

export interface IdentitySync {
  /** Everything now; tells each change as it is made, and in the end whose could not be done. */
  run(tell: (change: SyncChange) => void): Promise<readonly { readonly tenant: string; readonly code: string }[]>;
  status(): Promise<readonly SyncState[]>;
  /** Asks ScaiKey for a webhook, unless there is one; `lacking`: the events that this one does not name. */
  register(): Promise<{ readonly url: string; readonly outcome: 'registered' | 'there'; readonly lacking: readonly string[] }>;
  close(): Promise<void>;
}

/** What an operator does about ScaiKey at the command line, on the same rows as the running node. */
export async function openSync(config: Config): Promise<IdentitySync> {
  const basics = composeBasics(config);
  const storage = await openStorage(config, basics);
  const { store, vault } = storage;
  const { clock, randomness } = basics;
  const tenants = new TenantDirectory(store, clock);
  const fleetPlaces = new FleetPlaces(store, new Fleet(store));
  const tenantMaker = new Tenants({ store, tenants, fleetPlaces, ownKeys: new OwnKeys(store, vault, clock, randomness), vault, clock, randomness, wake: localWake() });
  const core = { tenants, tenantMaker, makePerson: new MakePerson({ clock, randomness }) };
  return {
    async run(tell) {
      const asking = required(openScaikeyAdmin({ ...basics, config }, 'admin:read'));
      try {
        return await composeSync({ ...basics, config, storage, core }, asking.admin).all(new AbortController().signal, tell);
      } finally {
        await asking.close();
      }
    },
    status: () => new SyncStatus(store).list(),
    async register() {
      const { publicUrl, secrets } = config;
      const secret = secrets.scaikeyWebhookSecret?.reveal();
      if (publicUrl === undefined || secret === undefined) throw lacking('SCAIWAVE_PUBLIC_URL and SCAIWAVE_SCAIKEY_WEBHOOK_SECRET', `or make the webhook at ScaiKey by hand, for <public URL>${SCAIKEY_WEBHOOK_PATH}`);
      const asking = required(openScaikeyAdmin({ ...basics, config }, 'admin:read admin:write'));
      try {
        return await new RegisterWebhook(asking.admin, publicUrl, secret).run();
      } finally {
        await asking.close();
      }
    },
    close: () => storage.close(),
  };
}

function required<T>(asking: T | undefined): T {
  if (asking !== undefined) return asking;
  throw lacking('SCAIWAVE_SCAIKEY_URL, SCAIWAVE_SCAIKEY_CLIENT_ID and SCAIWAVE_SCAIKEY_CLIENT_SECRET', 'of an application of type SERVICE and scope GLOBAL, made in the admin pages of ScaiKey, with the scopes admin:read and, to register, admin:write');
}

function lacking(settings: string, how: string): GatewayError {
  return new GatewayError('SW_BAD_REQUEST', `set ${settings}: ${how}`);
}
