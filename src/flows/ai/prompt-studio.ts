import { isDeepStrictEqual } from 'node:util';
import { aiSettingsOf, changedAiSettings, type PromptTemplate } from '../../kernel/ai-settings.js';
import { actBy } from '../../kernel/audit.js';
import { roleReaches, type Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { isJsonObject, mergePatch } from '../../kernel/merge-patch.js';
import type { Features } from '../../kernel/tenant-context.js';
import type { Repositories, Store } from '../../store/store.js';
import type { PromptStudioApi, PromptStudioChange, PromptStudioView, PromptTemplatesView, StudioAccessView } from '../api/ai.js';
import { currentTenant } from '../current-tenant.js';
import { boundedFeatures } from '../tenancy/bounded-features.js';
import { difference } from './told-changes.js';

/**
 * Lets people who are no administrators edit the prompts that a tenant offers: while `features.prompt_studio.enabled` is
 * true, and for those on the allowlist.
 */
export class PromptStudio implements PromptStudioApi {
  constructor(private readonly store: Pick<Store, 'read' | 'transact'>) {}

  state({ ctx }: Caller): Promise<PromptStudioView> {
    return this.store.read(ctx, async (repositories) => {
      const { features } = await currentTenant(ctx, repositories);
      return { enabled: isOn(features), allowlist: aiSettingsOf(await repositories.ai.settings(ctx)).studioAllowlist };
    });
  }

  async change(caller: Caller, { enabled, allowlist }: PromptStudioChange): Promise<PromptStudioView> {
    const { ctx } = caller;
    await this.store.transact(ctx, async (repositories) => {
      const { ai, audit, tenants } = repositories;
      const before = aiSettingsOf(await ai.lockSettings(ctx));
      const { features } = await currentTenant(ctx, repositories);
      const wasOn = isOn(features);
      if (allowlist !== undefined) await ai.saveSettings(ctx, { ...before, studioAllowlist: allowlist });
      if (enabled !== undefined) await tenants.setFeatures(ctx, boundedFeatures(mergePatch(features, { prompt_studio: { enabled } })));
      const listed = allowlist && difference(before.studioAllowlist, allowlist);
      const told = { ...(enabled !== undefined && enabled !== wasOn && { enabled }), ...(listed && { allowlist: listed }) };
      if (Object.keys(told).length > 0) await audit.append(ctx, actBy(caller, 'prompt_studio.changed', null, told));
    });
    return this.state(caller);
  }

  access(caller: Caller): Promise<StudioAccessView> {
    return this.store.read(caller.ctx, async (repositories) => {
      const code = await refusal(caller, repositories);
      return { allowed: code === null, code };
    });
  }

  templates(caller: Caller): Promise<PromptTemplatesView> {
    return this.store.read(caller.ctx, async (repositories) => {
      await requireAccess(caller, repositories);
      return { system_prompt_templates: aiSettingsOf(await repositories.ai.settings(caller.ctx)).promptTemplates };
    });
  }

  saveTemplates(caller: Caller, templates: readonly PromptTemplate[]): Promise<PromptTemplatesView> {
    const { ctx } = caller;
    return this.store.transact(ctx, async (repositories) => {
      const before = aiSettingsOf(await repositories.ai.lockSettings(ctx));
      await requireAccess(caller, repositories);
      if (isDeepStrictEqual(templates, before.promptTemplates)) return { system_prompt_templates: templates };
      await repositories.ai.saveSettings(ctx, changedAiSettings(before, { promptTemplates: templates }));
      const told = { before: before.promptTemplates.length, after: templates.length };
      await repositories.audit.append(ctx, actBy(caller, 'prompt_studio.templates_changed', null, told));
      return { system_prompt_templates: templates };
    });
  }
}

async function requireAccess(caller: Caller, repositories: Repositories): Promise<void> {
  const code = await refusal(caller, repositories);
  if (code !== null) throw new GatewayError(code, caller.fqid);
}

/** The switch comes first: while the studio is off, nobody is told who is on the list. Administrators always are. */
async function refusal({ ctx, role, participantId }: Caller, repositories: Repositories): Promise<StudioAccessView['code']> {
  const { features } = await currentTenant(ctx, repositories);
  if (!isOn(features)) return 'SW_STUDIO_DISABLED';
  const { studioAllowlist } = aiSettingsOf(await repositories.ai.settings(ctx));
  const isListed = studioAllowlist.includes(participantId) || studioAllowlist.includes(role);
  return roleReaches(role, 'tenant_admin') || isListed ? null : 'SW_STUDIO_FORBIDDEN';
}

function isOn({ prompt_studio: flag }: Features): boolean {
  return isJsonObject(flag) && flag['enabled'] === true;
}
