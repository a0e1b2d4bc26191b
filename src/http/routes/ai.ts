import { parseModelSlug, type PromptTemplate, type ScaigridAuthMode } from '../../kernel/ai-settings.js';
import { parseLocalId } from '../../kernel/ids.js';
import type {
  AiConfigApi,
  AiConfigChange,
  AiConfigView,
  AiModelsApi,
  ModelParticipantChange,
  ModelParticipantView,
  ModelStateView,
  ModelView,
  PromptStudioApi,
  PromptStudioView,
  PromptTemplatesView,
  ResponseMode,
  StudioAccessView,
} from '../../flows/api/ai.js';
import { userRoute } from '../define-route.js';
import { body, optionalBody } from '../json-body.js';
import { one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

interface AiConfigBody {
  readonly default_model?: string | null;
  readonly enabled_models?: readonly string[];
  readonly system_prompt_templates?: readonly PromptTemplate[];
  readonly scaigrid_auth_mode?: ScaigridAuthMode;
  readonly scaigrid_api_key?: string | null;
}

interface ParticipantBody {
  readonly local_id?: string;
  readonly display_name?: string;
  readonly system_prompt?: string | null;
  readonly default_response_mode?: ResponseMode;
  readonly enabled?: boolean;
}

interface NewParticipantBody extends ParticipantBody {
  readonly model_id: string;
  readonly local_id: string;
  readonly display_name: string;
}

export function aiConfigRoutes(api: AiConfigApi): readonly Route[] {
  const reply = one<AiConfigView>('api/ai-config');
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/ai-config',
      who: 'tenant_admin',
      summary: "The tenant's AI defaults; of its key for ScaiGrid only whether there is one, and how it ends.",
      reply,
      handle: ({ caller }) => api.get(caller),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/admin/ai-config',
      who: 'tenant_admin',
      summary: 'Change the AI defaults; what is not named stays, and a key that is null is removed.',
      body: body<AiConfigBody>('api/ai-config-change'),
      reply,
      handle: ({ caller, body: given }) => api.change(caller, configChangeOf(given)),
    }),
  ];
}

export function aiModelRoutes(api: AiModelsApi): readonly Route[] {
  const model = { params: { slug: parseModelSlug }, wide: ['slug'] as const };
  const state = one<ModelStateView>('api/model-state');
  const participant = one<ModelParticipantView>('api/model-participant');
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/models/catalog',
      who: 'tenant_admin',
      summary: 'All models of ScaiGrid, and which of them are enabled here.',
      query: PAGE_QUERY,
      reply: page<ModelView>('api/model'),
      handle: ({ caller, query }) => api.catalog(caller, query),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/models/{slug}/enable',
      who: 'tenant_admin',
      summary: 'Enable a model for the tenant.',
      ...model,
      body: optionalBody('api/nothing'),
      reply: state,
      handle: ({ caller, params: { slug } }) => api.enable(caller, slug),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/models/{slug}/disable',
      who: 'tenant_admin',
      summary: 'Disable a model; the default, when it was this one, is none then.',
      ...model,
      body: optionalBody('api/nothing'),
      reply: state,
      handle: ({ caller, params: { slug } }) => api.disable(caller, slug),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/admin/models/{slug}/participant',
      who: 'tenant_admin',
      summary: 'Configure the participant of a model, or make it; what is not named stays.',
      ...model,
      body: body<ParticipantBody>('api/model-participant-change'),
      reply: participant,
      handle: ({ caller, params: { slug }, body: given }) => api.configureParticipant(caller, slug, participantChangeOf(given)),
    }),
    userRoute({
      method: 'POST',
      path: '/v1/admin/participants/model',
      who: 'tenant_admin',
      summary: 'Make a participant for a model.',
      body: body<NewParticipantBody>('api/new-model-participant'),
      reply: participant,
      handle: ({ caller, body: given }) =>
        api.createParticipant(caller, parseModelSlug(given.model_id), {
          ...participantChangeOf(given),
          localId: parseLocalId(given.local_id),
          displayName: given.display_name,
        }),
    }),
  ];
}

export function promptStudioRoutes(api: PromptStudioApi): readonly Route[] {
  const state = one<PromptStudioView>('api/prompt-studio');
  const templates = one<PromptTemplatesView>('api/prompt-templates');
  return [
    userRoute({
      method: 'GET',
      path: '/v1/admin/prompt-studio',
      who: 'tenant_admin',
      summary: 'Whether the prompt studio is on, and for whom.',
      reply: state,
      handle: ({ caller }) => api.state(caller),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/admin/prompt-studio',
      who: 'tenant_admin',
      summary: 'Switch the prompt studio on or off, and say for whom; what is not named stays.',
      body: body<{ readonly enabled?: boolean; readonly allowlist?: readonly string[] }>('api/prompt-studio-change'),
      reply: state,
      handle: ({ caller, body: given }) => api.change(caller, given),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/prompt-studio/access',
      who: 'member',
      summary: 'Whether the caller may use the prompt studio.',
      reply: one<StudioAccessView>('api/studio-access'),
      handle: ({ caller }) => api.access(caller),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/prompt-studio/templates',
      who: 'member',
      summary: 'The templates of system prompts, for those who may edit them.',
      reply: templates,
      handle: ({ caller }) => api.templates(caller),
    }),
    userRoute({
      method: 'PUT',
      path: '/v1/prompt-studio/templates',
      who: 'member',
      summary: 'Put these templates of system prompts in place of those there are.',
      body: body<PromptTemplatesView>('api/prompt-templates'),
      reply: templates,
      handle: ({ caller, body: { system_prompt_templates } }) => api.saveTemplates(caller, system_prompt_templates),
    }),
  ];
}

function configChangeOf(given: AiConfigBody): AiConfigChange {
  const { default_model: defaultModel, enabled_models: enabledModels } = given;
  return {
    ...(defaultModel !== undefined && { defaultModel: defaultModel === null ? null : parseModelSlug(defaultModel) }),
    ...(enabledModels !== undefined && { enabledModels: enabledModels.map(parseModelSlug) }),
    ...(given.system_prompt_templates !== undefined && { promptTemplates: given.system_prompt_templates }),
    ...(given.scaigrid_auth_mode !== undefined && { authMode: given.scaigrid_auth_mode }),
    ...(given.scaigrid_api_key !== undefined && { apiKey: given.scaigrid_api_key }),
  };
}

function participantChangeOf(given: ParticipantBody): ModelParticipantChange {
  return {
    ...(given.local_id !== undefined && { localId: parseLocalId(given.local_id) }),
    ...(given.display_name !== undefined && { displayName: given.display_name }),
    ...(given.system_prompt !== undefined && { systemPrompt: given.system_prompt }),
    ...(given.default_response_mode !== undefined && { responseMode: given.default_response_mode }),
    ...(given.enabled !== undefined && { enabled: given.enabled }),
  };
}
