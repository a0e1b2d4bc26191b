import { createHmac, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { testScaikey, type TestScaikey } from './scaikey.js';

type Fields = Record<string, unknown>;
type Collection = 'partners' | 'tenants' | 'users' | 'webhooks';

export interface ScaikeyUser extends Fields {
  readonly id: string;
  readonly tenant_id: string;
  status: string;
}

const CLIENT = { id: 'app_gateway', secret: 'a secret: with/odd characters' } as const;
const PER_PAGE_MAX = 100;

/**
 * ScaiKey's admin API beside its OpenID provider, as its pages document it: client credentials by Basic, listings with
 * `page` and `per_page`, a slash behind a collection and none behind an id, soft deletion.
 */
export class TestScaikeyAdmin {
  readonly records: Record<Collection, Fields[]> = { partners: [], tenants: [], users: [], webhooks: [] };
  /** Method and target of every call of the admin API. */
  readonly asked: string[] = [];
  /** Answers these statuses to the next calls of the admin API, one each. */
  readonly troubles: number[] = [];
  /** Fewer than asked for are given on a page. */
  perPageMax = PER_PAGE_MAX;
  /** Whether listings tell how many there are in all. */
  tellsTotal = true;
  /** Whether the token may see partners, which ScaiKey shows to its own administrators. */
  showsPartners = true;
  /** Whether listings give everybody, whatever was asked for. */
  ignoresFilters = false;
  /** Called before each answer of the admin API. */
  meanwhile: (target: string) => void = () => {};
  readonly #tokens = new Map<string, string>();

  private constructor(readonly identity: TestScaikey, readonly webhookSecret: string) {}

  static async start(): Promise<TestScaikeyAdmin> {
    const held: { admin?: TestScaikeyAdmin } = {};
    const identity = await testScaikey((request, response) => held.admin?.take(request, response) ?? false);
    held.admin = new TestScaikeyAdmin(identity, `webhook-${randomUUID()}`);
    return held.admin;
  }

  /** What a node is started with to know this one, and to ask it. */
  env(mayAsk = true): Record<string, string> {
    return {
      SCAIWAVE_AUTH_MODE: 'scaikey',
      SCAIWAVE_SCAIKEY_URL: this.identity.url,
      SCAIWAVE_SCAIKEY_AUDIENCE: this.identity.clientId,
      ...(mayAsk ? { SCAIWAVE_SCAIKEY_CLIENT_ID: CLIENT.id, SCAIWAVE_SCAIKEY_CLIENT_SECRET: CLIENT.secret } : {}),
      SCAIWAVE_SCAIKEY_WEBHOOK_SECRET: this.webhookSecret,
      SCAIWAVE_EGRESS_ALLOW: this.identity.url.slice('http://'.length),
    };
  }

  partner(id: string, fields: Fields = {}): Fields {
    const record = { id, name: id, status: 'ACTIVE', ...fields };
    this.records.partners.push(record);
    return record;
  }

  tenant(id: string, fields: Fields = {}): Fields {
    const record = { id, name: id, slug: id.replace('tnt_', ''), status: 'ACTIVE', partner_id: null, ...fields };
    this.records.tenants.push(record);
    return record;
  }

  user(id: string, tenantId: string, fields: Fields = {}): Fields {
    const record = { id, tenant_id: tenantId, email: `${id.replace('usr_', '')}@acme.test`, first_name: id.replace('usr_', ''), last_name: 'Test', status: 'ACTIVE', ...fields };
    this.records.users.push(record);
    return record;
  }

  close(): Promise<void> {
    return this.identity.close();
  }

  private take(request: IncomingMessage, response: ServerResponse): boolean {
    const target = request.url ?? '';
    const isToken = target === '/api/v1/platform/oauth/token' && request.headers.authorization?.startsWith('Basic ') === true;
    if (!isToken && !target.startsWith('/api/v1/admin/')) return false;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { status, value } = isToken ? this.issue(request, body) : this.answer(request, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    });
    return true;
  }

  private issue(request: IncomingMessage, body: string): { status: number; value: unknown } {
    const given = Buffer.from((request.headers.authorization ?? '').slice('Basic '.length), 'base64').toString().split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
    const form = new URLSearchParams(body);
    if (given.join(':') !== `${CLIENT.id}:${CLIENT.secret}` || form.get('grant_type') !== 'client_credentials') return { status: 401, value: { error: 'invalid_client' } };
    const token = randomUUID();
    this.#tokens.set(token, form.get('scope') ?? '');
    return { status: 200, value: { access_token: token, token_type: 'Bearer', expires_in: 3600, scope: form.get('scope') } };
  }

  private answer(request: IncomingMessage, body: string): { status: number; value: unknown } {
    const url = new URL(request.url ?? '', 'http://scaikey.test');
    this.asked.push(`${request.method} ${url.pathname}`);
    this.meanwhile(url.pathname);
    const trouble = this.troubles.shift();
    if (trouble !== undefined) return { status: trouble, value: { detail: 'trouble' } };
    const scope = this.#tokens.get((request.headers.authorization ?? '').slice('Bearer '.length));
    if (scope === undefined) return { status: 401, value: { detail: 'token' } };
    const [, , , , collection = '', id = ''] = url.pathname.split('/');
    const records = this.records[collection as Collection];
    if (records === undefined || (!url.pathname.endsWith('/') && id === '')) return { status: 404, value: { detail: 'Not Found' } };
    if (collection === 'partners' && !this.showsPartners) return { status: 403, value: { detail: 'super_admin only' } };
    if (request.method === 'POST') {
      if (!scope.includes('admin:write')) return { status: 403, value: { detail: 'Platform token requires admin:write scope' } };
      records.push({ id: records.length + 1, ...(JSON.parse(body) as Fields) });
      return { status: 201, value: records.at(-1) };
    }
    if (id !== '') {
      const one = records.find((record) => record['id'] === id);
      return one === undefined ? { status: 404, value: { detail: 'Not Found' } } : { status: 200, value: one };
    }
    return { status: 200, value: this.page(records, url.searchParams) };
  }

  private page(records: readonly Fields[], query: URLSearchParams): unknown {
    const tenantId = query.get('tenant_id');
    const found = tenantId === null || this.ignoresFilters ? records : records.filter((record) => record['tenant_id'] === tenantId);
    const [page, perPage] = [Number(query.get('page') ?? 1), Math.min(Number(query.get('per_page') ?? 20), this.perPageMax)];
    const items = found.slice((page - 1) * perPage, page * perPage);
    return this.tellsTotal ? { items, total: found.length, page, per_page: perPage } : { items, page, per_page: perPage };
  }
}

export interface WebhookCall {
  /** Over or beside what the page documents. */
  readonly event?: Fields;
  readonly headers?: Readonly<Record<string, string>>;
  readonly atMs?: number;
  readonly secret?: string;
}

let serial = 0;

/** An event as ScaiKey serialises it. `event` may change any member; times rise with each call. */
export function scaikeyEvent(type: string, id: string, tenantId: string | null, data: Fields = {}, event: Fields = {}): Fields {
  serial += 1;
  const base = Date.now() * 1_000 + serial;
  const timestamp = `${new Date(Math.floor(base / 1_000)).toISOString().slice(0, -1)}${String(base % 1_000).padStart(3, '0')}Z`;
  return {
    event_id: `evt_${randomUUID()}`, event_type: type, timestamp, resource: { type: type.split('.')[0], id }, actor: { id: 'usr_root', type: 'admin' },
    data: { id, ...data }, tenant_id: tenantId, partner_id: null, ...event,
  };
}

/** Signs and posts it as ScaiKey does. */
export async function tell(nodeUrl: string, secret: string, event: Fields, { headers = {}, atMs = Date.now() }: WebhookCall = {}): Promise<{ status: number; outcome: string | undefined; code: string | undefined }> {
  const body = JSON.stringify(event);
  const time = Math.floor(atMs / 1000);
  const signature = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  const response = await fetch(`${nodeUrl}/v1/webhooks/scaikey`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'ScaiKey-Webhook/1.0', 'x-scaikey-timestamp': String(time), 'x-scaikey-signature': `t=${time},v1=${signature}`, ...headers },
    body,
  });
  const answer = (await response.json()) as { data?: { status: string }; error?: { code: string } };
  return { status: response.status, outcome: answer.data?.status, code: answer.error?.code };
}
