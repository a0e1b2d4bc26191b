import type { JsonObject, JsonValue } from '../kernel/events.js';
import { LIMITS } from '../kernel/limits.js';
import type { PlatformToken } from './platform-token.js';
import { isObject, unexpected, type CallScaikey, type ScaikeyReply, type ScaikeyRequest } from './scaikey-http.js';

export type ScaikeyCollection = 'partners' | 'tenants' | 'users' | 'webhooks';

export interface ScaikeyPage {
  readonly records: readonly JsonObject[];
  /** False when there is nothing behind this page. */
  readonly more: boolean;
}

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** ScaiKey's admin API (specs/protocol/scaikey.md). Throws SW_SCAIKEY_UNREACHABLE for every answer that is not as documented. */
export class ScaikeyAdmin {
  constructor(
    private readonly call: CallScaikey,
    private readonly token: Pick<PlatformToken, 'get' | 'drop'>,
  ) {}

  /** Pages count from 1. undefined: the token may not see such a collection. */
  async page(collection: ScaikeyCollection, page: number, filter: Readonly<Record<string, string>> = {}): Promise<ScaikeyPage | undefined> {
    const query = new URLSearchParams({ page: String(page), per_page: String(LIMITS.scaikeyPageSize), ...filter });
    const target = `/api/v1/admin/${collection}/?${query.toString()}`;
    const { status, body } = await this.authorized({ method: 'GET', target });
    if (status === 403) return undefined;
    if (status !== 200) throw unexpected(target, `answered ${status}`);
    const records = recordsOf(collection, body) ?? refuseListing(target);
    const total = totalOf(body);
    // Where no total is told, only an empty page says that there is no other: a server may give fewer than asked.
    const more = records.length > 0 && (total === undefined || (page - 1) * LIMITS.scaikeyPageSize + records.length < total);
    return { records, more };
  }

  /** undefined: there is none, or none any more. */
  async one(collection: ScaikeyCollection, id: string): Promise<JsonObject | undefined> {
    const target = `/api/v1/admin/${collection}/${encodeURIComponent(id)}`;
    const { status, body } = await this.authorized({ method: 'GET', target });
    if (status === 404) return undefined;
    const record = isObject(body) && isObject(body['data']) ? body['data'] : body;
    if (status !== 200 || !isObject(record) || record['id'] !== id) throw unexpected(target, `answered ${status}`);
    return record;
  }

  async create(collection: ScaikeyCollection, record: JsonObject): Promise<void> {
    const target = `/api/v1/admin/${collection}/`;
    const { status } = await this.authorized({ method: 'POST', target, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(record)) });
    if (status !== 201 && status !== 200) throw unexpected(target, `answered ${status}`);
  }

  /** A token that is refused is asked for anew, once. */
  private async authorized(request: ScaikeyRequest): Promise<ScaikeyReply> {
    const first = await this.withToken(request);
    if (first.status !== 401) return first;
    this.token.drop();
    return this.withToken(request);
  }

  private async withToken(request: ScaikeyRequest): Promise<ScaikeyReply> {
    return this.call({ ...request, headers: { ...request.headers, authorization: `Bearer ${await this.token.get()}`, accept: 'application/json' } });
  }
}

/** Listings hold only what has an id, webhooks aside. */
export function idOf({ id }: JsonObject): string {
  return typeof id === 'string' ? id : '';
}

function refuseListing(target: string): never {
  throw unexpected(target, 'is no listing');
}

/** A bare list, or one under `items`, `data` or the name of the collection; of objects with an id of ScaiKey's grammar. */
function recordsOf(collection: string, body: JsonValue): readonly JsonObject[] | undefined {
  const list = isObject(body) ? (body['items'] ?? body['data'] ?? body[collection]) : body;
  if (!Array.isArray(list)) return undefined;
  const items: readonly JsonValue[] = list;
  const records = items.filter(isObject).filter((record) => collection === 'webhooks' || ID.test(idOf(record)));
  return records.length === items.length ? records : undefined;
}

function totalOf(body: JsonValue): number | undefined {
  const total = isObject(body) ? body['total'] : undefined;
  return typeof total === 'number' && Number.isSafeInteger(total) ? total : undefined;
}
