import { aiSettingsOf, changedAiSettings, type AiSettings } from '../../kernel/ai-settings.js';
import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { ScaigridKey } from '../../scaigrid/scaigrid-key.js';
import type { AiSafe } from '../../store/ai-safe.js';
import type { Repositories, Store } from '../../store/store.js';
import type { AiConfigApi, AiConfigChange, AiConfigView } from '../api/ai.js';
import type { AiCatalogue } from './ai-catalogue.js';
import type { AiKeys } from './ai-keys.js';
import { toldChanges } from './told-changes.js';

export interface AiConfigDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly safe: Pick<AiSafe, 'seal'>;
  readonly keys: Pick<AiKeys, 'nodeKey'>;
  readonly catalogue: Pick<AiCatalogue, 'require' | 'forget'>;
}

/** A tenant's AI defaults, and its key for ScaiGrid, which goes in and never comes out. */
export class AiConfig implements AiConfigApi {
  constructor(private readonly deps: AiConfigDeps) {}

  get({ ctx }: Caller): Promise<AiConfigView> {
    return this.deps.store.read(ctx, ({ ai }) => this.#view(ctx, ai));
  }

  async change(caller: Caller, { apiKey, ...change }: AiConfigChange): Promise<AiConfigView> {
    const { ctx } = caller;
    await this.#requireOffered(ctx, change, apiKey);
    const view = await this.deps.store.transact(ctx, async (repositories) => {
      const { ai, audit } = repositories;
      const before = aiSettingsOf(await ai.lockSettings(ctx));
      const after = changedAiSettings(before, change);
      await ai.saveSettings(ctx, after);
      const told = toldChanges(before, after);
      if (Object.keys(told).length > 0) await audit.append(ctx, actBy(caller, 'ai.config_changed', null, told));
      if (apiKey !== undefined) await this.#keepKey(caller, repositories, apiKey);
      if (after.authMode === 'service_token' && !(await this.#hasKey(ctx, repositories))) throw keyless();
      return this.#view(ctx, ai);
    });
    if (apiKey !== undefined) this.deps.catalogue.forget(ctx);
    return view;
  }

  /** Outside the transaction. What was enabled before may stay, offered or not. */
  async #requireOffered(ctx: TenantContext, change: Partial<AiSettings>, apiKey: string | null | undefined): Promise<void> {
    const before = aiSettingsOf(await this.deps.store.read(ctx, ({ ai }) => ai.settings(ctx)));
    const added = (change.enabledModels ?? []).filter((slug) => !before.enabledModels.includes(slug));
    await this.deps.catalogue.require(ctx, added, this.#keyAfter(apiKey));
  }

  /** With which key ScaiGrid will be asked after the change; undefined: the one that is there. */
  #keyAfter(apiKey: string | null | undefined): ScaigridKey | null | undefined {
    if (apiKey === undefined) return undefined;
    return apiKey === null ? (this.deps.keys.nodeKey ?? null) : new ScaigridKey(apiKey, 'tenant');
  }

  async #keepKey(caller: Caller, { ai, audit }: Pick<Repositories, 'ai' | 'audit'>, apiKey: string | null): Promise<void> {
    const { ctx } = caller;
    if (apiKey === null && (await ai.sealedKey(ctx)) === null) return;
    await ai.setSealedKey(ctx, apiKey === null ? null : this.deps.safe.seal(ctx, apiKey));
    // What failed with the old key is tried at once with the new one.
    await ai.hastenUsage(ctx);
    await audit.append(ctx, actBy(caller, apiKey === null ? 'ai.key_removed' : 'ai.key_set', null));
  }

  async #hasKey(ctx: TenantContext, { ai }: Pick<Repositories, 'ai'>): Promise<boolean> {
    return this.deps.keys.nodeKey !== undefined || (await ai.sealedKey(ctx)) !== null;
  }

  async #view(ctx: TenantContext, ai: Repositories['ai']): Promise<AiConfigView> {
    const settings = aiSettingsOf(await ai.settings(ctx));
    return {
      default_model: settings.defaultModel,
      enabled_models: settings.enabledModels,
      system_prompt_templates: settings.promptTemplates,
      scaigrid_auth_mode: settings.authMode,
      scaigrid_api_key_set: (await ai.sealedKey(ctx)) !== null,
    };
  }
}

function keyless(): GatewayError {
  return new GatewayError('SW_BAD_REQUEST', 'service_token without a key', { publicDetail: 'service_token needs a scaigrid_api_key.' });
}
