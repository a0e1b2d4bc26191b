import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { ScaigridCall } from './scaigrid-call.js';
import type { ScaigridKey } from './scaigrid-key.js';

/** A model that ScaiGrid offers to the owner of a key; the members are ScaiGrid's. */
export interface ScaigridModel {
  readonly slug: string;
  readonly display_name: string;
  readonly modality?: string | null;
  readonly context_window?: number | null;
  readonly max_output_tokens?: number | null;
  readonly status?: string | null;
  readonly health_status?: string | null;
}

interface ModelsPage {
  readonly data: { readonly items: readonly ScaigridModel[] };
  readonly pagination?: { readonly has_more?: boolean; readonly next_cursor?: string | null } | null;
}

/** `GET /v1/models`: what the owner of a key may use. */
export class ScaigridModels {
  constructor(private readonly call: Pick<ScaigridCall, 'send'>) {}

  /** The whole list, page by page. A list that does not end is no answer. */
  async list(key: ScaigridKey): Promise<readonly ScaigridModel[]> {
    const found: ScaigridModel[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < LIMITS.scaigridPagesMax; page += 1) {
      const { data, pagination } = await this.page(key, cursor);
      found.push(...data.items);
      cursor = (pagination?.has_more === true ? pagination.next_cursor : undefined) ?? undefined;
      if (cursor === undefined) return found;
    }
    throw new GatewayError('SW_AI_UNAVAILABLE', `the list of models has over ${LIMITS.scaigridPagesMax} pages`);
  }

  private page(key: ScaigridKey, cursor: string | undefined): Promise<ModelsPage> {
    const query = new URLSearchParams({ limit: String(LIMITS.scaigridPageItems), ...(cursor === undefined ? {} : { cursor }) });
    return this.call.send<ModelsPage>({ call: 'models', method: 'GET', target: `/v1/models?${query.toString()}`, key, answer: 'scaigrid/models' });
  }
}
