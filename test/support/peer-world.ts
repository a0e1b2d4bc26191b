import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Egress } from '../../src/egress/egress.js';
import { policyOf, type FederationPolicy } from '../../src/kernel/federation-policy.js';
import { parseServerName, type ServerName } from '../../src/kernel/ids.js';
import type { Cache, Log, Meter } from '../../src/kernel/ports.js';
import { systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import type { TenantContext } from '../../src/kernel/tenant-context.js';
import { CarriedKeys } from '../../src/peering/carried-keys.js';
import { DescriptorFetches } from '../../src/peering/descriptor-fetches.js';
import { httpDescriptorSource, type DescriptorSource } from '../../src/peering/http-exchange.js';
import { OwnDescriptor } from '../../src/peering/own-descriptor.js';
import { OwnKeys } from '../../src/peering/own-keys.js';
import { PeerDirectory } from '../../src/peering/peer-directory.js';
import { PeerMemory } from '../../src/peering/peer-memory.js';
import { PeerUrls } from '../../src/peering/peer-urls.js';
import { TenantDirectory } from '../../src/store/tenant-directory.js';
import { DESCRIPTOR_PATH } from '../../src/protocol/descriptor.js';
import { LocalCache } from '../../src/store/cache/local-cache.js';
import { Store } from '../../src/store/store.js';
import { Vault } from '../../src/store/vault.js';
import { VerifyPeerRequest } from '../../src/verify/peer-request.js';
import { Rejections } from '../../src/verify/rejections.js';
import { anyTenantId, type TestDatabase } from './database.js';
import { contract } from './fixtures.js';
import { processRates } from './process-rates.js';
import { silentLog } from './silent-ports.js';
import type { TestClock } from './test-clock.js';

/** Counts by name and labels. */
export class CountingMeter implements Meter {
  private readonly counts = new Map<string, number>();

  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    for (const key of [name, `${name} ${Object.values(labels).join(' ')}`]) this.counts.set(key, this.of(key) + by);
  }

  gauge(): void {}
  observe(): void {}

  of(key: string): number {
    return this.counts.get(key) ?? 0;
  }
}

/** One process of a node, as far as peers are concerned. */
export interface PeerProcess {
  readonly store: Store;
  readonly keys: OwnKeys;
  readonly descriptor: OwnDescriptor;
  readonly directory: PeerDirectory;
  readonly carried: CarriedKeys;
  readonly verifier: VerifyPeerRequest;
  readonly meter: CountingMeter;
  readonly alarms: string[];
}

export interface ProcessParts {
  readonly database: TestDatabase;
  readonly clock: TestClock;
  readonly source: DescriptorSource;
  /** Its own, unless given. */
  readonly cache?: Cache;
}

const TEST_ONLY_MASTER_KEY = Buffer.alloc(32, 7);

export function peerProcess({ database, clock, source, cache = new LocalCache(clock) }: ProcessParts): PeerProcess {
  const store = new Store(database.database);
  const meter = new CountingMeter();
  const alarms: string[] = [];
  const log: Log = { ...silentLog, error: (_fields, message) => alarms.push(message), warn: (_fields, message) => alarms.push(message) };
  const keys = new OwnKeys(store, new Vault([TEST_ONLY_MASTER_KEY], systemRandomness), clock, systemRandomness);
  const memory = new PeerMemory({ store, clock, log, meter });
  const fetches = new DescriptorFetches({ contract, source, clock, meter });
  const directory = new PeerDirectory({ memory, fetches, clock, log });
  const tenants = new TenantDirectory(store, clock);
  const rejections = new Rejections({ store, cache, clock, randomness: systemRandomness, meter });
  return {
    store,
    keys,
    descriptor: new OwnDescriptor(keys, clock),
    directory,
    carried: new CarriedKeys({ contract, directory, store, clock, log, meter }),
    verifier: new VerifyPeerRequest({ tenants, directory, cache, rates: processRates(clock), rejections, clock, meter }),
    meter,
    alarms,
  };
}

/** A tenant with its first keys. */
export async function newTenant(process: PeerProcess, serverName: string, policy: Partial<FederationPolicy> = { default_mode: 'open' }): Promise<TenantContext> {
  const scope = { tenantId: anyTenantId() };
  const serverNameParsed = parseServerName(serverName);
  return process.store.transact(scope, async (repositories) => {
    await repositories.tenants.create(scope, {
      tenantId: scope.tenantId,
      slug: `t-${scope.tenantId.slice(0, 8)}`,
      name: serverName,
      scaikeyTenantId: randomUUID(),
      serverName: serverNameParsed,
      partnerId: null,
      limits: {},
      features: {},
      createdAtMs: 1,
    });
    const loaded = await repositories.tenants.load(scope);
    if (loaded === undefined) throw new Error('the tenant is not there');
    await repositories.tenants.setPolicy(loaded.ctx, policyOf(policy));
    await process.keys.create(loaded.ctx, repositories, 'cli');
    return loaded.ctx;
  });
}

/** Answers descriptors over a real socket, and counts who asked. */
export interface DescriptorServer {
  readonly url: string;
  asked(): number;
  close(): Promise<void>;
}

export async function descriptorServer(answer: () => Promise<string | Buffer>): Promise<DescriptorServer> {
  let asked = 0;
  const server: Server = createServer((request, response) => {
    if (request.url !== DESCRIPTOR_PATH) return void response.writeHead(404).end();
    asked += 1;
    answer().then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked: () => asked,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    }),
  };
}

/** Descriptors over real sockets, through the guarded way out. */
export function socketSource(origins: Readonly<Record<string, string>>, clock: TestClock, meter: Meter): { source: DescriptorSource; egress: Egress } {
  const allow = Object.values(origins).map((url) => new URL(url).host);
  const egress = new Egress({ allow }, systemTimers, clock, meter);
  return { source: httpDescriptorSource(egress, new PeerUrls(origins)), egress };
}

export function named(text: string): ServerName {
  return parseServerName(text);
}
