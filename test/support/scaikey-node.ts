import { gateways, twinOf, type Gateway } from './gateway.js';
import { scaikeyEvent, tell, TestScaikeyAdmin } from './scaikey-admin.js';

export interface Signed {
  readonly status: number;
  readonly data: Record<string, unknown> | undefined;
  readonly code: string | undefined;
}

/** A node that believes ScaiKey alone, and that ScaiKey. */
export class ScaikeyWorld {
  private constructor(
    readonly scaikey: TestScaikeyAdmin,
    readonly node: Gateway,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Without the role `scheduler` a node asks nothing of the admin API by itself. */
  static async open(own: Readonly<Record<string, string>> = { SCAIWAVE_ROLES: 'api,worker' }, mayAsk = true): Promise<ScaikeyWorld> {
    const scaikey = await TestScaikeyAdmin.start();
    const env = { ...scaikey.env(mayAsk), ...own };
    const [node] = await gateways(['node.example'], { env });
    if (node === undefined) throw new Error('one gateway');
    return new ScaikeyWorld(scaikey, node, env);
  }

  /** Tells the node of an event; see {@link scaikeyEvent}. */
  tell(...event: Parameters<typeof scaikeyEvent>): ReturnType<typeof tell> {
    return tell(this.node.url, this.scaikey.webhookSecret, scaikeyEvent(...event));
  }

  send(event: Parameters<typeof tell>[2], call?: Parameters<typeof tell>[3], secret = this.scaikey.webhookSecret): ReturnType<typeof tell> {
    return tell(this.node.url, secret, event, call);
  }

  token(subject: string, tenantId: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return this.scaikey.identity.token({ tenantId, subject, claims });
  }

  async as(token: string, method: string, path: string, body?: unknown, url = this.node.url): Promise<Signed> {
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const answer = (await response.json()) as { data?: Record<string, unknown>; error?: { code: string } };
    return { status: response.status, data: answer.data, code: answer.error?.code };
  }

  /** People of a tenant of ScaiKey: subject, local id, display name, status. */
  people(tenantId: string): Promise<{ subject: string; local_id: string; display_name: string; avatar_url: string | null; status: string; participant_id: string }[]> {
    return this.node.database.asOwner(
      `select p.scaikey_subject as subject, p.local_id, p.display_name, p.avatar_url, p.status, p.participant_id from participants p
       join tenants t on t.tenant_id = p.tenant_id where t.scaikey_tenant_id = $1 and p.scaikey_subject is not null order by 1`,
      [tenantId],
    );
  }

  tenants(): Promise<{ scaikey_tenant_id: string; slug: string; name: string; server_name: string; status: string; partner_id: string | null }[]> {
    return this.node.database.asOwner('select scaikey_tenant_id, slug, name, server_name, status, partner_id from tenants order by created_at, slug');
  }

  partners(): Promise<{ id: string; name: string; status: string }[]> {
    return this.node.database.asOwner('select partner_id as id, name, status from partners order by 1');
  }

  /** Of which partner a tenant is, and which places it holds in fleets. */
  async fleetOf(tenantId: string): Promise<{ partner: string | null; places: string[] } | undefined> {
    const [found] = await this.node.database.asOwner<{ partner: string | null; places: string[] }>(
      `select partner_id as partner, array(select value from tenant_names n where n.tenant_id = t.tenant_id and kind = 'fleet_place' order by 1) as places
       from tenants t where scaikey_tenant_id = $1`,
      [tenantId],
    );
    return found;
  }

  /** Another process of the same node. */
  twin(): Promise<Gateway> {
    return twinOf(this.node, [], { env: this.env });
  }

  async close(): Promise<void> {
    await this.node.end();
    await this.scaikey.close();
  }
}
