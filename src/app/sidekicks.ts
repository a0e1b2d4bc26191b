import { AgentVoice } from '../flows/sidekicks/agent-voice.js';
import { EndSidekick } from '../flows/sidekicks/end-sidekick.js';
import { Farewell } from '../flows/sidekicks/farewell.js';
import { HandOver } from '../flows/sidekicks/hand-over.js';
import { ReportSidekick } from '../flows/sidekicks/report-sidekick.js';
import { Sidekicks } from '../flows/sidekicks/sidekicks.js';
import { SpawnSidekick } from '../flows/sidekicks/spawn-sidekick.js';
import { TendSidekicks } from '../flows/sidekicks/tend-sidekicks.js';
import { SidekickSafe } from '../store/sidekick-safe.js';
import type { Ai } from './ai.js';
import type { Core } from './flows.js';
import type { Scaigrid } from './scaigrid.js';
import type { Services } from './services.js';
import type { Basics, Storage } from './storage.js';

export interface SidekickParts extends Basics {
  readonly storage: Pick<Storage, 'store' | 'vault'>;
  readonly services: Services;
  readonly core: Core;
  readonly ai: Pick<Ai, 'usage'>;
  readonly scaigrid: Pick<Scaigrid, 'queue'>;
}

export interface SidekickFlows {
  readonly sidekicks: Sidekicks;
  readonly sidekickReports: ReportSidekick;
  readonly tendSidekicks: TendSidekicks;
}

/** Tasks go to the queue of ScaiGrid where the operator has named one, to the workers on the streams otherwise. */
export function composeSidekicks({ storage, services, core, ai, scaigrid, ...basics }: SidekickParts): SidekickFlows {
  const { store } = storage;
  const parts = { ...basics, ...core, ...services, store, safe: new SidekickSafe(storage.vault), queue: scaigrid.queue ?? services.tasks, budget: ai.usage };
  const endSidekick = new EndSidekick(parts);
  const agentVoice = new AgentVoice(parts);
  const spawnSidekick = new SpawnSidekick(parts);
  return {
    sidekicks: new Sidekicks({ store, endSidekick, spawnSidekick }),
    sidekickReports: new ReportSidekick({ ...parts, endSidekick, agentVoice }),
    tendSidekicks: new TendSidekicks({ ...parts, endSidekick, handOver: new HandOver(parts), farewell: new Farewell({ ...parts, agentVoice }) }),
  };
}
