import type { Config } from '../config/config.js';
import type { Contract } from '../contract/contract.js';
import type { TendSidekicks } from '../flows/sidekicks/tend-sidekicks.js';
import { refusedSubmission } from '../flows/federation/refused-submission.js';
import { ReceiptCheck } from '../lanes/check-receipts.js';
import { Dispatcher } from '../lanes/dispatcher.js';
import { DutyLane, tenantDuties, type Duty } from '../lanes/duties.js';
import type { LaneHandler } from '../lanes/lane-handler.js';
import { LaneWorker } from '../lanes/lane-worker.js';
import type { MediaSweep } from '../lanes/media-sweep.js';
import { PeerLane } from '../lanes/peer-lane.js';
import { ParcelSender } from '../lanes/send-parcels.js';
import { StreamLane } from '../lanes/stream-lane.js';
import { UnreachedHome } from '../lanes/unreached-home.js';
import type { ConsumerKind } from '../store/repositories/consumers.repository.js';
import type { Ai } from './ai.js';
import type { Peering } from './peering.js';
import type { Services } from './services.js';
import type { Basics, Storage } from './storage.js';

export interface LaneParts extends Basics {
  readonly config: Config;
  readonly storage: Storage;
  readonly services: Services;
  readonly peering: Peering;
  readonly contract: Contract;
  readonly bridgeLane: LaneHandler;
  readonly ai: Pick<Ai, 'usage' | 'months'>;
  readonly mediaSweep: MediaSweep;
  readonly syncScaikey: Duty | undefined;
  readonly tendSidekicks: TendSidekicks;
}

/** The worker of this process, or none if it has no part in it. */
export function composeLanes(parts: LaneParts): LaneWorker | undefined {
  const { config, storage, services, peering, contract, clock, timers, randomness, log, meter } = parts;
  const { store } = storage;
  const { wake, streams } = services;
  const handlers = new Map<ConsumerKind, LaneHandler>();
  if (config.roles.includes('worker')) {
    const sender = new ParcelSender({ client: peering.client, contract, randomness });
    const receipts = new ReceiptCheck({ contract, directory: peering.directory, store, clock });
    handlers.set('peer', new PeerLane({ store, keys: peering.ownKeys, directory: peering.directory, sender, receipts, onRefused: refusedSubmission, unreachedHome: new UnreachedHome({ store, timers, log }), clock, randomness, log, meter }));
    handlers.set('stream', new StreamLane({ store, streams, randomness }));
    handlers.set('bridge', parts.bridgeLane);
  }
  if (config.roles.includes('scheduler')) {
    handlers.set('duty', new DutyLane(tenantDuties({ store, keys: peering.ownKeys, aiUsage: parts.ai.usage, aiMonths: parts.ai.months, mediaSweep: parts.mediaSweep, syncScaikey: parts.syncScaikey, sidekicks: parts.tendSidekicks, clock, log }), randomness));
  }
  if (handlers.size === 0) return undefined;
  return new LaneWorker({ store, dispatcher: new Dispatcher({ store, wake, log }), handlers, wake, clock, timers, randomness, log, meter });
}
