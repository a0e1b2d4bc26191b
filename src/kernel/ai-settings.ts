import { GatewayError } from './errors.js';
import { LIMITS } from './limits.js';

declare const brand: unique symbol;
/** A model of ScaiGrid: `maker/name`. */
export type ModelSlug = string & { readonly [brand]: 'model-slug' };

const SLUG = /^[A-Za-z0-9][A-Za-z0-9._:@+-]*(?:\/[A-Za-z0-9][A-Za-z0-9._:@+-]*){0,7}$/;

export function isModelSlug(text: string): text is ModelSlug {
  return text.length <= LIMITS.modelSlugCharsMax && SLUG.test(text);
}

export function parseModelSlug(text: string): ModelSlug {
  if (isModelSlug(text)) return text;
  throw new GatewayError('SW_BAD_REQUEST', 'not a model slug');
}

/** As whom AI works at ScaiGrid: as each person, by a token exchanged for theirs, or as the tenant, by its key. */
export const SCAIGRID_AUTH_MODES = ['per_user_exchange', 'service_token'] as const;
export type ScaigridAuthMode = (typeof SCAIGRID_AUTH_MODES)[number];

export interface PromptTemplate {
  readonly name: string;
  readonly prompt: string;
}

/** What a tenant has decided about AI; its key for ScaiGrid is kept apart, sealed. */
export interface AiSettings {
  /** One of those enabled, or none. */
  readonly defaultModel: ModelSlug | null;
  readonly enabledModels: readonly ModelSlug[];
  readonly promptTemplates: readonly PromptTemplate[];
  readonly authMode: ScaigridAuthMode;
  /** Roles, and ids of participants, that may use the prompt studio. */
  readonly studioAllowlist: readonly string[];
}

const DEFAULTS: AiSettings = Object.freeze({
  defaultModel: null,
  enabledModels: [],
  promptTemplates: [],
  authMode: 'per_user_exchange',
  studioAllowlist: [],
});

export function aiSettingsOf(stored: Partial<AiSettings>): AiSettings {
  return { ...DEFAULTS, ...stored };
}

/** With which model a task is done: the one it names, which must be enabled, or the tenant's default, if it has one. */
export function modelFor({ defaultModel, enabledModels }: AiSettings, wished: string | null): ModelSlug | null {
  if (wished === null) return defaultModel;
  const enabled = enabledModels.find((slug) => slug === wished);
  if (enabled === undefined) throw new GatewayError('SW_AI_MODEL_DISABLED', 'the model of a task', { publicDetail: 'model_id must be one of enabled_models.' });
  return enabled;
}

/** What is not named stays. A default that is no longer enabled, and was not named anew, is none. */
export function changedAiSettings(before: AiSettings, change: Partial<AiSettings>): AiSettings {
  const after = { ...before, ...change };
  const isEnabled = after.defaultModel === null || after.enabledModels.includes(after.defaultModel);
  if (isEnabled) return after;
  if (change.defaultModel === undefined) return { ...after, defaultModel: null };
  throw new GatewayError('SW_AI_MODEL_DISABLED', 'the default model', { publicDetail: 'default_model must be one of enabled_models.' });
}
