import { isModelSlug, type ModelSlug } from '../../kernel/ai-settings.js';
import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { ScaigridKey } from '../../scaigrid/scaigrid-key.js';
import type { ScaigridModel, ScaigridModels } from '../../scaigrid/scaigrid-models.js';
import { BriefMemory } from '../../store/cache/brief-memory.js';
import type { AiKeys } from './ai-keys.js';

export interface CatalogueModel extends ScaigridModel {
  readonly slug: ModelSlug;
}

/** The models that ScaiGrid offers to a tenant, remembered for a minute in each process. */
export class AiCatalogue {
  readonly #known: BriefMemory<readonly CatalogueModel[]>;

  constructor(
    private readonly keys: Pick<AiKeys, 'find'>,
    /** Absent without ScaiGrid. */
    private readonly models: Pick<ScaigridModels, 'list'> | undefined,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.#known = new BriefMemory(LIMITS.tenantsCachedMax, LIMITS.aiCatalogueMs, clock);
  }

  /** Throws SW_AI_NO_TOKEN or SW_AI_UNAVAILABLE. */
  async list(ctx: TenantContext): Promise<readonly CatalogueModel[]> {
    const found = await this.#known.get(ctx.tenantId, async () => this.#read(await this.keys.find(ctx)));
    return found ?? [];
  }

  /**
   * Throws SW_AI_MODEL_NOT_FOUND for what is not offered. While the catalogue cannot be read nothing is refused for it.
   * `key` is for a tenant that is about to change its own: null, none at all.
   */
  async require(ctx: TenantContext, slugs: readonly ModelSlug[], key?: ScaigridKey | null): Promise<void> {
    if (slugs.length === 0) return;
    const offered = await outcomeOf(key === undefined ? this.list(ctx) : this.#read(key ?? undefined));
    if (offered instanceof GatewayError) return;
    const missing = slugs.find((slug) => !offered.some((model) => model.slug === slug));
    if (missing !== undefined) throw new GatewayError('SW_AI_MODEL_NOT_FOUND', missing, { publicDetail: `ScaiGrid does not offer ${missing}.` });
  }

  /** For whoever has changed the key. */
  forget(ctx: TenantContext): void {
    this.#known.forget(ctx.tenantId);
  }

  /** What cannot be named in a path of ours is left out. */
  async #read(key: ScaigridKey | undefined): Promise<readonly CatalogueModel[]> {
    if (key === undefined || this.models === undefined) throw new GatewayError('SW_AI_NO_TOKEN', 'there is no ScaiGrid, or no key for it');
    const offered = await this.models.list(key);
    return offered.flatMap((model) => (isModelSlug(model.slug) ? [{ ...model, slug: model.slug }] : []));
  }
}
