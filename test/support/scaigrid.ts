import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestKey {
  /** As ScaiKey names it; ScaiGrid's accounting groups by it. */
  readonly tenantId: string;
  /** `accounting:view_partner`: may see all tenants. */
  readonly isPartner?: boolean;
}

export interface TestModel {
  readonly slug: string;
  readonly display_name: string;
  readonly modality?: string;
  readonly context_window?: number;
  readonly status?: string;
}

export interface AskedOfScaigrid {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly key: string;
  readonly body: Record<string, unknown>;
}

/** Takes the place of the documented answer; it must end the response, or leave it hanging. */
export type Misbehaviour = (response: ServerResponse) => void;

const PAGE_MAX = 1_000;

/**
 * ScaiGrid on loopback, as its public pages describe it: keys of tenants, `/v1/models` in pages, the monthly summary of
 * usage, and messages published to a queue. Every answer is in its envelope.
 */
export class TestScaigrid {
  readonly keys = new Map<string, TestKey>();
  models: readonly TestModel[] = [];
  /** Tokens of this month by tenant, whenever it begins. */
  readonly tokens = new Map<string, number>();
  /** Tokens that were used at a moment: told to whoever asks since then or before. */
  readonly spent: { readonly tenant: string; readonly atMs: number; readonly tokens: number }[] = [];
  readonly published: Record<string, unknown>[] = [];
  readonly asked: AskedOfScaigrid[] = [];
  misbehave: Misbehaviour | undefined;
  /** Keeps what is published, and hangs up before it has said so. */
  losesAnswers = false;
  #port = 0;

  readonly #server = createServer((request, response) => {
    this.#take(request, response).catch(() => response.destroy());
  });

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
    const asked = { method: request.method ?? '', path: pathname, query: searchParams, key, body };
    this.asked.push(asked);
    if (this.misbehave !== undefined) return this.misbehave(response);
    const holder = this.keys.get(key);
    if (holder === undefined) return refuse(response, 401, 'AUTH_TOKEN_INVALID');
    this.#answer(asked, holder, response);
  }

  #answer(asked: AskedOfScaigrid, holder: TestKey, response: ServerResponse): void {
    const name = `${asked.method} ${asked.path}`;
    if (name === 'GET /v1/models') return this.#models(asked.query, response);
    if (name === 'GET /v1/accounting/usage/summary') return this.#usage(asked.query, holder, response);
    if (/^POST \/v1\/modules\/scaiqueue\/scopes\/[^/]+\/queues\/[^/]+\/messages$/.test(name)) return this.#publish(asked.body, response);
    refuse(response, 404, 'NOT_FOUND');
  }

  #models(query: URLSearchParams, response: ServerResponse): void {
    const limit = Math.min(Number(query.get('limit') ?? 100), PAGE_MAX);
    const from = Number(query.get('cursor') ?? 0);
    const items = this.models.slice(from, from + limit).map((model) => ({ modality: 'chat', status: 'active', health_status: 'healthy', active_backend_count: 1, ...model }));
    const more = from + limit < this.models.length;
    json(response, 200, { status: 'ok', data: { items }, pagination: { has_more: more, next_cursor: more ? String(from + limit) : null } });
  }

  #usage(query: URLSearchParams, holder: TestKey, response: ServerResponse): void {
    const named = query.get('tenant_id');
    if (named !== null && holder.isPartner !== true) return refuse(response, 403, 'AUTHZ_PERMISSION_DENIED');
    const seen = holder.isPartner === true ? (named ?? undefined) : holder.tenantId;
    const sums = new Map(this.tokens);
    const sinceMs = Date.parse(query.get('start') ?? '');
    for (const { tenant, atMs, tokens } of this.spent) if (atMs >= sinceMs) sums.set(tenant, (sums.get(tenant) ?? 0) + tokens);
    const rows = [...sums].filter(([tenant]) => seen === undefined || tenant === seen);
    const data = rows.map(([group_key, total_tokens]) => ({ group_key, request_count: 1, input_tokens: total_tokens, output_tokens: 0, total_tokens, total_cost: '0.01', backend_cost: '0.01' }));
    json(response, 200, { status: 'ok', data });
  }

  #publish(body: Record<string, unknown>, response: ServerResponse): void {
    const known = this.published.findIndex(({ idempotency_key: key }) => key === body['idempotency_key']);
    if (known < 0) this.published.push(body);
    if (this.losesAnswers) return void response.destroy();
    json(response, 200, { status: 'ok', data: { id: `msg-${known < 0 ? this.published.length - 1 : known}` } });
  }
}

export function json(response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  json(response, status, { status: 'error', error: { code, message: 'Refused.' }, meta: { request_id: 'req_1' } });
}

/** What an upstream can do wrong, and with which code it is answered here. */
export const MISBEHAVIOURS: Readonly<Record<string, { readonly misbehave: Misbehaviour; readonly code: string }>> = {
  'answers 500': { misbehave: (response) => refuse(response, 500, 'INTERNAL'), code: 'SW_AI_UNAVAILABLE' },
  'answers 503 with a page': { misbehave: (response) => void response.writeHead(503, { 'content-type': 'text/html' }).end('<html>'), code: 'SW_AI_UNAVAILABLE' },
  'is out of requests': { misbehave: (response) => json(response, 429, { status: 'error', error: { code: 'RATE_LIMITED', message: 'x', retry_after: 7 } }, { 'retry-after': '7' }), code: 'SW_AI_UNAVAILABLE' },
  'does not know the key': { misbehave: (response) => refuse(response, 401, 'AUTH_TOKEN_INVALID'), code: 'SW_AI_NO_TOKEN' },
  'gives the key no permission': { misbehave: (response) => refuse(response, 403, 'AUTHZ_PERMISSION_DENIED'), code: 'SW_AI_NO_TOKEN' },
  'answers no JSON': { misbehave: (response) => void response.writeHead(200).end('{"status":"ok","data":'), code: 'SW_AI_UNAVAILABLE' },
  'answers JSON of another shape': { misbehave: (response) => json(response, 200, { status: 'ok', data: 'none' }), code: 'SW_AI_UNAVAILABLE' },
  'answers a number that is none': { misbehave: (response) => json(response, 200, { data: [{ group_key: 'tnt_first', total_tokens: -1 }] }), code: 'SW_AI_UNAVAILABLE' },
  'answers without end': { misbehave: (response) => void response.writeHead(200).end(Buffer.alloc(2 * 1024 * 1024, ' ')), code: 'SW_AI_UNAVAILABLE' },
  'sends elsewhere': { misbehave: (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), code: 'SW_AI_UNAVAILABLE' },
  'hangs up': { misbehave: (response) => void response.destroy(), code: 'SW_AI_UNAVAILABLE' },
};
