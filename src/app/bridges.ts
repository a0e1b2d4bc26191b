import type { Config } from '../config/config.js';
import type { Contract } from '../contract/contract.js';
import { Egress } from '../egress/egress.js';
import type { BridgeInboundApi } from '../flows/api/bridge-inbound.js';
import type { BridgesAdminApi } from '../flows/api/bridges-admin.js';
import { BridgesAdmin } from '../flows/bridges/bridges-admin.js';
import { CloseBridge } from '../flows/bridges/close-bridge.js';
import { KnownShadows } from '../flows/bridges/known-shadows.js';
import { MapWriter } from '../flows/bridges/map-writer.js';
import { OpenBridge } from '../flows/bridges/open-bridge.js';
import { ReceiveBridgeMessage } from '../flows/bridges/receive-bridge-message.js';
import { TendBridge } from '../flows/bridges/tend-bridge.js';
import { BridgeLane } from '../lanes/bridge-lane.js';
import { BridgePost } from '../lanes/bridge-post.js';
import { DeliverEntry } from '../lanes/deliver-entry.js';
import type { LaneHandler } from '../lanes/lane-handler.js';
import { Transports } from '../protocol/transports/transports.js';
import { BridgeSafe } from '../store/bridge-safe.js';
import { VerifyBridgeCall } from '../verify/bridge-call.js';
import { BridgeDirectory } from '../verify/bridge-directory.js';
import { SecretUses } from '../verify/secret-uses.js';
import type { Core } from './flows.js';
import type { Services } from './services.js';
import type { Basics, Storage } from './storage.js';

export interface BridgeParts extends Basics {
  readonly config: Pick<Config, 'egressAllow'>;
  readonly storage: Pick<Storage, 'store' | 'vault'>;
  readonly services: Pick<Services, 'rates' | 'wake'>;
  readonly contract: Contract;
  readonly core: Pick<Core, 'tenants' | 'ownEvents' | 'placeEvent' | 'changeRoom'>;
  /** Where callers reach this node; known once it listens. */
  readonly publicUrl: () => string;
}

export interface Bridges {
  readonly inbound: BridgeInboundApi;
  readonly admin: BridgesAdminApi;
  readonly lane: LaneHandler;
  close(): Promise<void>;
}

export function composeBridges({ config, storage, services, contract, core, publicUrl, ...basics }: BridgeParts): Bridges {
  const { clock, timers, randomness, log, meter } = basics;
  const { store, vault } = storage;
  const egress = new Egress({ allow: config.egressAllow ?? [] }, timers, clock, meter);
  const safe = new BridgeSafe(vault);
  const directory = new BridgeDirectory(store, core.tenants, safe, clock);
  const uses = new SecretUses(store, clock, timers, log);
  const post = new BridgePost(egress, clock, meter);
  const parts = { ...core, store, safe, directory, uses, post, clock, log, meter, randomness, transports: new Transports(contract) };
  const closeBridge = new CloseBridge(parts);
  return {
    inbound: new ReceiveBridgeMessage({
      ...parts,
      verify: new VerifyBridgeCall({ directory, uses, rates: services.rates, clock, log, meter }),
      shadows: new KnownShadows(store, clock),
      map: new MapWriter(store),
    }),
    admin: new BridgesAdmin({ ...parts, openBridge: new OpenBridge(parts), closeBridge, wake: services.wake, publicUrl }),
    lane: new BridgeLane({
      ...parts,
      upkeep: new TendBridge({ ...parts, closeBridge }),
      deliver: new DeliverEntry(parts),
      changed: (bridge) => directory.forget(bridge),
    }),
    async close() {
      await uses.flush();
      await egress.close();
    },
  };
}
