import type { ModelSlug } from '../../kernel/ai-settings.js';
import type { ParticipantId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** What makes a participant a model's; name and picture are in its row of `participants`. */
export interface ModelParticipantRow {
  readonly participant_id: ParticipantId;
  readonly model: ModelSlug;
  /** The one by which the catalogue knows the model; at most one for each. */
  readonly is_main: boolean;
  readonly system_prompt: string | null;
  readonly default_response_mode: 'streaming' | 'conversational';
  readonly enabled: boolean;
}

export class ModelParticipantsRepository {
  constructor(private readonly tx: Tx) {}

  async mains(ctx: TenantContext): Promise<readonly ModelParticipantRow[]> {
    return this.tx.rows<ModelParticipantRow>(q('model_participants').where({ tenant_id: ctx.tenantId, is_main: true }).orderBy('model'));
  }

  async main(ctx: TenantContext, model: ModelSlug): Promise<ModelParticipantRow | undefined> {
    return (await this.tx.rows<ModelParticipantRow>(q('model_participants').where({ tenant_id: ctx.tenantId, model, is_main: true })))[0];
  }

  async count(ctx: TenantContext): Promise<number> {
    const rows = await this.tx.rows<{ n: number }>(q('model_participants').where({ tenant_id: ctx.tenantId }).count({ n: '*' }));
    return rows[0]?.n ?? 0;
  }

  async add(ctx: TenantContext, row: ModelParticipantRow): Promise<void> {
    await this.tx.rows(q('model_participants').insert({ tenant_id: ctx.tenantId, ...row }));
  }

  async change(ctx: TenantContext, { participant_id, system_prompt, default_response_mode, enabled }: ModelParticipantRow): Promise<void> {
    await this.tx.rows(q('model_participants').where({ tenant_id: ctx.tenantId, participant_id }).update({ system_prompt, default_response_mode, enabled }));
  }
}
