import type { Config } from '../config/config.js';
import type { Contract } from '../contract/contract.js';
import { Egress } from '../egress/egress.js';
import type { ServerName } from '../kernel/ids.js';
import type { PeerExchange } from '../kernel/ports.js';
import { CarriedKeys } from '../peering/carried-keys.js';
import { DescriptorFetches } from '../peering/descriptor-fetches.js';
import { httpDescriptorSource, httpExchange, type DescriptorSource } from '../peering/http-exchange.js';
import { OwnDescriptor } from '../peering/own-descriptor.js';
import { OwnKeys } from '../peering/own-keys.js';
import { PeerDirectory } from '../peering/peer-directory.js';
import { PeerMemory } from '../peering/peer-memory.js';
import { PeerUrls } from '../peering/peer-urls.js';
import { PeerClient } from '../peering/signed-call.js';
import { TenantDirectory } from '../store/tenant-directory.js';
import { EventKeys } from '../verify/event-keys.js';
import { VerifyPeerRequest } from '../verify/peer-request.js';
import { Rejections } from '../verify/rejections.js';
import type { Services } from './services.js';
import type { Basics, Storage } from './storage.js';

export interface Peering {
  readonly ownKeys: OwnKeys;
  readonly ownDescriptor: OwnDescriptor;
  readonly tenants: TenantDirectory;
  readonly directory: PeerDirectory;
  readonly carriedKeys: CarriedKeys;
  readonly eventKeys: EventKeys;
  readonly client: PeerClient;
  readonly rejections: Rejections;
  readonly verify: VerifyPeerRequest;
  close(): Promise<void>;
}

/** How a tenant of this node is reached without leaving the process. Set once the routes exist. */
export interface InProcess {
  exchange: PeerExchange | undefined;
}

export interface PeeringParts extends Basics {
  readonly config: Config;
  readonly storage: Storage;
  readonly services: Pick<Services, 'cache' | 'rates'>;
  readonly contract: Contract;
  readonly inProcess: InProcess;
}

export function composePeering(parts: PeeringParts): Peering {
  const { config, storage, contract, clock, timers, randomness, log, meter, inProcess } = parts;
  const { store, vault } = storage;
  const { cache, rates } = parts.services;
  const urls = config.peerUrls ?? {};
  // An operator who writes down where a peer answers has named that address; webhooks may still not go there.
  const egress = new Egress({ allow: [...(config.egressAllow ?? []), ...literalsOf(urls)] }, timers, clock, meter);
  const peerUrls = new PeerUrls(urls);
  const tenants = new TenantDirectory(store, clock);
  const ownKeys = new OwnKeys(store, vault, clock, randomness);
  const ownDescriptor = new OwnDescriptor(ownKeys, clock);
  const isOurs = async (server: ServerName): Promise<boolean> => (await tenants.byServerName(server)) !== undefined;
  const source: DescriptorSource = async (server) => {
    const tenant = await tenants.byServerName(server);
    if (tenant === undefined) return httpDescriptorSource(egress, peerUrls)(server);
    return Buffer.from(JSON.stringify(await ownDescriptor.of(tenant.ctx)));
  };
  const overHttp = httpExchange(egress, peerUrls);
  const exchange: PeerExchange = async (request) => {
    const local = inProcess.exchange;
    return local !== undefined && (await isOurs(request.destination)) ? local(request) : overHttp(request);
  };
  const memory = new PeerMemory({ store, clock, log, meter });
  const fetches = new DescriptorFetches({ contract, source, clock, meter });
  const directory = new PeerDirectory({ memory, fetches, clock, log });
  const carriedKeys = new CarriedKeys({ contract, directory, store, clock, log, meter });
  const rejections = new Rejections({ store, cache, clock, randomness, meter });
  return {
    ownKeys,
    ownDescriptor,
    tenants,
    directory,
    carriedKeys,
    eventKeys: new EventKeys({ own: ownKeys, directory, carried: carriedKeys }),
    client: new PeerClient({ keys: ownKeys, exchange, clock, randomness }),
    rejections,
    verify: new VerifyPeerRequest({ tenants, directory, cache, rates, rejections, clock, meter }),
    close: () => egress.close(),
  };
}

/** Addresses that are written out in the configured origins, with their ports. */
function literalsOf(urls: Readonly<Record<string, string>>): readonly string[] {
  return Object.values(urls).flatMap((url) => {
    const { hostname, port, protocol } = new URL(url);
    const isLiteral = /^\[.*\]$/.test(hostname) || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
    return isLiteral ? [`${hostname}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`] : [];
  });
}
