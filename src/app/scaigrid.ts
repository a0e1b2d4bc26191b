import type { Config } from '../config/config.js';
import type { Contract } from '../contract/contract.js';
import { Egress } from '../egress/egress.js';
import { ScaigridAccounting } from '../scaigrid/scaigrid-accounting.js';
import { ScaigridCall } from '../scaigrid/scaigrid-call.js';
import { ScaigridKey } from '../scaigrid/scaigrid-key.js';
import { ScaigridModels } from '../scaigrid/scaigrid-models.js';
import { ScaigridQueue } from '../scaigrid/scaigrid-queue.js';
import type { Basics } from './storage.js';

export interface Scaigrid {
  /** The operator's. */
  readonly nodeKey: ScaigridKey | undefined;
  /** Absent without `SCAIWAVE_SCAIGRID_URL`. */
  readonly models: ScaigridModels | undefined;
  readonly accounting: ScaigridAccounting | undefined;
  /** Absent without `SCAIWAVE_SCAIGRID_QUEUE`. */
  readonly queue: ScaigridQueue | undefined;
  close(): Promise<void>;
}

/** What the node can ask of ScaiGrid, by what the operator has named of it. */
export function openScaigrid(config: Config, contract: Contract, { clock, timers, meter }: Basics): Scaigrid {
  const { scaigridUrl, scaigridQueue, secrets } = config;
  const nodeKey = secrets.scaigridApiKey === undefined ? undefined : new ScaigridKey(secrets.scaigridApiKey.reveal(), 'node');
  if (scaigridUrl === undefined) return { nodeKey, models: undefined, accounting: undefined, queue: undefined, close: async () => {} };
  const egress = new Egress({ allow: config.egressAllow ?? [] }, timers, clock, meter);
  const call = new ScaigridCall({ url: scaigridUrl, egress, contract, meter });
  return {
    nodeKey,
    models: new ScaigridModels(call),
    accounting: new ScaigridAccounting(call),
    queue: nodeKey === undefined || scaigridQueue === undefined ? undefined : new ScaigridQueue(call, nodeKey, scaigridQueue),
    close: () => egress.close(),
  };
}
