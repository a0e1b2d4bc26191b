import type { AiSettings } from '../../kernel/ai-settings.js';
import type { JsonObject } from '../../kernel/events.js';

/** What of the settings changed, for the audit; prompts are what people wrote, so only their number is told. */
export function toldChanges(before: AiSettings, after: AiSettings): JsonObject {
  const models = difference(before.enabledModels, after.enabledModels);
  const prompts = JSON.stringify(before.promptTemplates) !== JSON.stringify(after.promptTemplates);
  return {
    ...(before.defaultModel !== after.defaultModel && { default_model: { before: before.defaultModel, after: after.defaultModel } }),
    ...(before.authMode !== after.authMode && { scaigrid_auth_mode: { before: before.authMode, after: after.authMode } }),
    ...(models !== undefined && { enabled_models: models }),
    ...(prompts && { system_prompt_templates: { before: before.promptTemplates.length, after: after.promptTemplates.length } }),
  };
}

/** What a list gained and lost; undefined: nothing. */
export function difference(before: readonly string[], after: readonly string[]): JsonObject | undefined {
  const added = after.filter((one) => !before.includes(one));
  const removed = before.filter((one) => !after.includes(one));
  return added.length === 0 && removed.length === 0 ? undefined : { added, removed };
}
