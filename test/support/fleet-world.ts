import { gateways, type Gateway, type GatewayOptions } from './gateway.js';

/** Made-up tokens of administrators, all at home in the node's first tenant. */
export const ROOT = 'mock:first:root:super_admin';
export const ACME = 'mock:first:ann:partner_admin:prt_acme';
export const OTHER = 'mock:first:olga:partner_admin:prt_other';

export interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly server_name: string;
  readonly partner_id: string | null;
  readonly status: string;
  readonly limits: Readonly<Record<string, number | null>>;
  readonly own_limits: Readonly<Record<string, number | null>>;
  readonly features: Readonly<Record<string, unknown>>;
}

/** A node with two partners, and tenants in their fleets as they are asked for. */
export class FleetWorld {
  #made = 0;

  private constructor(readonly gateway: Gateway) {}

  static async open(options: GatewayOptions = {}): Promise<FleetWorld> {
    const [gateway] = await gateways(['a.example'], options);
    if (gateway === undefined) throw new Error('one gateway');
    for (const name of ['acme', 'other']) await gateway.ask(ROOT, 'POST', '/v1/admin/partners', { partner_id: `prt_${name}`, name });
    return new FleetWorld(gateway);
  }

  tenant(by: string = ACME, more: object = {}): Promise<Tenant> {
    this.#made += 1;
    const slug = `customer-${this.#made}`;
    return this.gateway.ask<Tenant>(by, 'POST', '/v1/admin/tenants', { slug, name: `Customer ${this.#made}`, scaikey_tenant_id: `tnt_${slug}`, ...more });
  }

  /** The code of a refusal, or the status of what is none. */
  async outcome(by: string, method: string, path: string, body?: unknown): Promise<string | number> {
    const { status, body: answer } = await this.gateway.call(by, method, path, body);
    return answer.error?.code ?? status;
  }

  end(): Promise<void> {
    return this.gateway.end();
  }
}
