import type { AiSettings, ModelSlug, PromptTemplate, ScaigridAuthMode } from '../../kernel/ai-settings.js';
import type { Caller } from '../../kernel/caller.js';
import type { LocalId } from '../../kernel/ids.js';
import type { Page, PageRequest } from './page.js';
import type { ParticipantView } from './participants.js';

/** The documented settings; of the key only whether there is one. */
export interface AiConfigView {
  readonly default_model: string | null;
  readonly enabled_models: readonly string[];
  readonly system_prompt_templates: readonly PromptTemplate[];
  readonly scaigrid_auth_mode: ScaigridAuthMode;
  readonly scaigrid_api_key_set: boolean;
}

export interface AiConfigChange extends Partial<Omit<AiSettings, 'studioAllowlist'>> {
  /** null removes it; absent leaves it. */
  readonly apiKey?: string | null;
}

export interface AiConfigApi {
  get(caller: Caller): Promise<AiConfigView>;
  change(caller: Caller, change: AiConfigChange): Promise<AiConfigView>;
}

export const RESPONSE_MODES = ['streaming', 'conversational'] as const;
export type ResponseMode = (typeof RESPONSE_MODES)[number];

export interface ModelView {
  readonly slug: string;
  readonly display_name: string;
  readonly modality: string | null;
  readonly context_window: number | null;
  readonly max_output_tokens: number | null;
  /** ScaiGrid's word, or `withdrawn`: enabled here, and no longer offered. */
  readonly status: string | null;
  readonly health_status: string | null;
  readonly enabled: boolean;
  readonly is_default: boolean;
  /** The participant configured for it. */
  readonly participant_id: string | null;
}

export interface ModelStateView {
  readonly slug: string;
  readonly enabled: boolean;
  readonly is_default: boolean;
}

export interface ModelParticipantView extends ParticipantView {
  readonly model_id: string;
  readonly system_prompt: string | null;
  readonly default_response_mode: ResponseMode;
  readonly enabled: boolean;
}

/** What is absent stays as it is, or begins with its default. */
export interface ModelParticipantChange {
  readonly localId?: LocalId;
  readonly displayName?: string;
  readonly systemPrompt?: string | null;
  readonly responseMode?: ResponseMode;
  readonly enabled?: boolean;
}

export interface NewModelParticipant extends ModelParticipantChange {
  readonly localId: LocalId;
  readonly displayName: string;
}

export interface AiModelsApi {
  catalog(caller: Caller, page: PageRequest): Promise<Page<ModelView>>;
  enable(caller: Caller, model: ModelSlug): Promise<ModelStateView>;
  disable(caller: Caller, model: ModelSlug): Promise<ModelStateView>;
  /** Configures the one participant of a model, and makes it if there is none. */
  configureParticipant(caller: Caller, model: ModelSlug, change: ModelParticipantChange): Promise<ModelParticipantView>;
  /** Makes a further one. */
  createParticipant(caller: Caller, model: ModelSlug, participant: NewModelParticipant): Promise<ModelParticipantView>;
}

export interface PromptStudioView {
  readonly enabled: boolean;
  readonly allowlist: readonly string[];
}

export interface PromptStudioChange {
  readonly enabled?: boolean;
  readonly allowlist?: readonly string[];
}

export interface StudioAccessView {
  readonly allowed: boolean;
  /** Why not. */
  readonly code: 'SW_STUDIO_DISABLED' | 'SW_STUDIO_FORBIDDEN' | null;
}

export interface PromptTemplatesView {
  readonly system_prompt_templates: readonly PromptTemplate[];
}

export interface PromptStudioApi {
  state(caller: Caller): Promise<PromptStudioView>;
  change(caller: Caller, change: PromptStudioChange): Promise<PromptStudioView>;
  access(caller: Caller): Promise<StudioAccessView>;
  templates(caller: Caller): Promise<PromptTemplatesView>;
  saveTemplates(caller: Caller, templates: readonly PromptTemplate[]): Promise<PromptTemplatesView>;
}
