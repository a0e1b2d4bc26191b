import { AiCatalogue } from '../flows/ai/ai-catalogue.js';
import { AiConfig } from '../flows/ai/ai-config.js';
import { AiKeys } from '../flows/ai/ai-keys.js';
import { AiModels } from '../flows/ai/ai-models.js';
import { AiMonths } from '../flows/ai/ai-months.js';
import { AiUsage } from '../flows/ai/ai-usage.js';
import { ModelParticipants } from '../flows/ai/model-participants.js';
import { PromptStudio } from '../flows/ai/prompt-studio.js';
import { AiSafe } from '../store/ai-safe.js';
import type { Scaigrid } from './scaigrid.js';
import type { Basics, Storage } from './storage.js';

export interface AiParts extends Basics {
  readonly storage: Pick<Storage, 'store' | 'vault'>;
  readonly scaigrid: Pick<Scaigrid, 'nodeKey' | 'accounting' | 'models'>;
}

export interface Ai {
  readonly usage: AiUsage;
  readonly months: AiMonths;
  readonly config: AiConfig;
  readonly models: AiModels;
  readonly promptStudio: PromptStudio;
}

/** What tenants decide about AI, and what ScaiGrid says of them. */
export function composeAi({ storage: { store, vault }, scaigrid, clock, randomness, log }: AiParts): Ai {
  const safe = new AiSafe(vault);
  const keys = new AiKeys(store, safe, scaigrid.nodeKey);
  const catalogue = new AiCatalogue(keys, scaigrid.models, clock);
  return {
    usage: new AiUsage({ store, keys, accounting: scaigrid.accounting, clock, log }),
    months: new AiMonths({ store, keys, accounting: scaigrid.accounting, clock, log }),
    config: new AiConfig({ store, safe, keys, catalogue }),
    models: new AiModels({ store, catalogue, participants: new ModelParticipants({ store, clock, randomness }) }),
    promptStudio: new PromptStudio(store),
  };
}
