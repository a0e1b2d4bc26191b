import { GatewayError } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';
import type { ScaikeyAdmin } from '../../scaikey/scaikey-admin.js';

/** The events that are acted upon here. */
export const SCAIKEY_EVENTS = [
  'partner.created', 'partner.updated', 'partner.deleted',
  'tenant.created', 'tenant.updated', 'tenant.deleted',
  'user.created', 'user.updated', 'user.deleted', 'user.suspended', 'user.activated',
] as const;

export const SCAIKEY_WEBHOOK_PATH = '/v1/webhooks/scaikey';

export interface WebhookRegistration {
  readonly url: string;
  /** `there`: it was registered before; its secret is as it was. */
  readonly outcome: 'registered' | 'there';
  /** Events that the registration from before does not name. */
  readonly lacking: readonly string[];
}

/** Asks ScaiKey to tell this node what changes. */
export class RegisterWebhook {
  constructor(
    private readonly admin: Pick<ScaikeyAdmin, 'page' | 'create'>,
    private readonly publicUrl: string,
    private readonly secret: string,
  ) {}

  async run(): Promise<WebhookRegistration> {
    const url = this.publicUrl + SCAIKEY_WEBHOOK_PATH;
    const there = await this.#find(url);
    if (there !== undefined) return { url, outcome: 'there', lacking: eventsLacking(there) };
    await this.admin.create('webhooks', { name: 'ScaiWave Gateway', url, events: [...SCAIKEY_EVENTS], secret: this.secret });
    return { url, outcome: 'registered', lacking: [] };
  }

  async #find(url: string): Promise<JsonObject | undefined> {
    for (let page = 1; page <= LIMITS.scaikeyPagesMax; page += 1) {
      const listing = await this.admin.page('webhooks', page);
      if (listing === undefined) throw new GatewayError('SW_SCAIKEY_UNREACHABLE', 'the token may not see webhooks: it needs admin:write');
      const found = listing.records.find((record) => record['url'] === url);
      if (found !== undefined || !listing.more) return found;
    }
    return undefined;
  }
}

/** A registration that does not say its events lacks none that we could name. */
function eventsLacking({ events }: JsonObject): readonly string[] {
  return Array.isArray(events) ? SCAIKEY_EVENTS.filter((event) => !events.includes(event)) : [];
}
