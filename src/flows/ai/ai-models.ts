import { aiSettingsOf, changedAiSettings, type AiSettings, type ModelSlug } from '../../kernel/ai-settings.js';
import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Store } from '../../store/store.js';
import type { AiModelsApi, ModelParticipantChange, ModelParticipantView, ModelStateView, ModelView, NewModelParticipant } from '../api/ai.js';
import type { Page, PageRequest } from '../api/page.js';
import type { AiCatalogue, CatalogueModel } from './ai-catalogue.js';
import type { ModelParticipants } from './model-participants.js';

export interface AiModelsDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly catalogue: Pick<AiCatalogue, 'list' | 'require'>;
  readonly participants: ModelParticipants;
}

/** Which of ScaiGrid's models a tenant uses, and as whom they take part. */
export class AiModels implements AiModelsApi {
  constructor(private readonly deps: AiModelsDeps) {}

  /** What ScaiGrid offers, in its order, then what is enabled here and no longer offered. */
  async catalog({ ctx }: Caller, { limit, offset }: PageRequest): Promise<Page<ModelView>> {
    const offered = await this.deps.catalogue.list(ctx);
    const { settings, participants } = await this.deps.store.read(ctx, async ({ ai, modelParticipants }) => ({
      settings: aiSettingsOf(await ai.settings(ctx)),
      participants: new Map((await modelParticipants.mains(ctx)).map(({ model, participant_id }) => [model, participant_id])),
    }));
    const withdrawn = settings.enabledModels.filter((slug) => !offered.some((model) => model.slug === slug));
    const all = [...offered, ...withdrawn.map(gone)];
    const items = all.slice(offset, offset + limit).map((model) => modelView(model, settings, participants.get(model.slug) ?? null));
    return { items, total: all.length };
  }

  async enable(caller: Caller, model: ModelSlug): Promise<ModelStateView> {
    await this.deps.catalogue.require(caller.ctx, [model]);
    return this.#change(caller, model, ({ enabledModels }) => {
      const others = enabledModels.filter((slug) => slug !== model);
      if (others.length >= LIMITS.aiModelsMax) throw new GatewayError('SW_TENANT_CAPACITY', 'enabled models', { publicDetail: `At most ${LIMITS.aiModelsMax} models are enabled.` });
      return enabledModels.includes(model) ? enabledModels : [...enabledModels, model];
    });
  }

  /** Needs no ScaiGrid: a model can be taken out of use while it is away. The default, when it was this one, is none then. */
  disable(caller: Caller, model: ModelSlug): Promise<ModelStateView> {
    return this.#change(caller, model, ({ enabledModels }) => enabledModels.filter((slug) => slug !== model));
  }

  async configureParticipant(caller: Caller, model: ModelSlug, change: ModelParticipantChange): Promise<ModelParticipantView> {
    await this.deps.catalogue.require(caller.ctx, [model]);
    return this.deps.participants.configure(caller, model, change);
  }

  async createParticipant(caller: Caller, model: ModelSlug, participant: NewModelParticipant): Promise<ModelParticipantView> {
    await this.deps.catalogue.require(caller.ctx, [model]);
    return this.deps.participants.create(caller, model, participant);
  }

  #change(caller: Caller, model: ModelSlug, enabled: (before: AiSettings) => readonly ModelSlug[]): Promise<ModelStateView> {
    const { ctx } = caller;
    return this.deps.store.transact(ctx, async ({ ai, audit }) => {
      const before = aiSettingsOf(await ai.lockSettings(ctx));
      const after = changedAiSettings(before, { enabledModels: enabled(before) });
      await ai.saveSettings(ctx, after);
      if (after.enabledModels.length > before.enabledModels.length) await audit.append(ctx, actBy(caller, 'ai.model_enabled', model));
      if (after.enabledModels.length < before.enabledModels.length) {
        await audit.append(ctx, actBy(caller, 'ai.model_disabled', model, { was_default: before.defaultModel === model }));
      }
      return { slug: model, enabled: after.enabledModels.includes(model), is_default: after.defaultModel === model };
    });
  }
}

function gone(slug: ModelSlug): CatalogueModel {
  return { slug, display_name: slug, status: 'withdrawn' };
}

function modelView(model: CatalogueModel, { enabledModels, defaultModel }: AiSettings, participantId: string | null): ModelView {
  return {
    slug: model.slug,
    display_name: model.display_name,
    modality: model.modality ?? null,
    context_window: model.context_window ?? null,
    max_output_tokens: model.max_output_tokens ?? null,
    status: model.status ?? null,
    health_status: model.health_status ?? null,
    enabled: enabledModels.includes(model.slug),
    is_default: model.slug === defaultModel,
    participant_id: participantId,
  };
}
