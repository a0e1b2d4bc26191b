import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MEGABYTE } from '../../src/kernel/limits.js';
import type { TestDatabase } from './database.js';
import type { Gateway } from './gateway.js';
import { tokenOf } from './http-caller.js';

export { MEGABYTE };

export interface MediaSeen {
  readonly media_id: string;
  readonly sha256: string;
  readonly size: number;
  readonly mime_type: string;
  readonly name: string;
  readonly tenant_scope: boolean;
  readonly uploaded_by: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** Of a refusal. */
  readonly code: string | undefined;
}

type Place = Pick<Gateway, 'url'>;

/** Any request, with whatever body; `who` as in `callNode`, `null` for nobody. */
export async function request({ url }: Place, who: string | null, method: string, path: string, options: { readonly body?: Uint8Array<ArrayBuffer> | FormData; readonly headers?: Readonly<Record<string, string>> } = {}): Promise<Reply> {
  const authorization: Record<string, string> = who === null ? {} : { authorization: `Bearer ${tokenOf(who)}` };
  const response = await fetch(path.startsWith('http') ? path : url + path, { ...options, method, headers: { ...authorization, ...options.headers } });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  const code = response.status >= 400 && isJson ? (JSON.parse(bytes.toString()) as { error: { code: string } }).error.code : undefined;
  return { status: response.status, headers: response.headers, bytes, code };
}

/** The file as the body itself. */
export function putRaw(place: Place, who: string, bytes: Buffer, query = '', headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return request(place, who, 'POST', `/v1/media/upload${query}`, { body: new Uint8Array(bytes), headers });
}

/** The file as the part of a form, as browsers and `curl -F` send it. */
export function putForm(place: Place, who: string, bytes: Buffer, name: string, fields: Readonly<Record<string, string>> = {}): Promise<Reply> {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  form.append('file', new Blob([new Uint8Array(bytes)]), name);
  return request(place, who, 'POST', '/v1/media/upload', { body: form });
}

export function seen(reply: Reply): MediaSeen {
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.bytes.toString()}`);
  return (JSON.parse(reply.bytes.toString()) as { data: MediaSeen }).data;
}

/** Names of all files of a node, on the disk. */
export async function filesOf({ dataDir }: Pick<Gateway, 'dataDir'>): Promise<readonly string[]> {
  const entries = await readdir(join(dataDir, 'media'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => `med-${name}`).sort();
}

export async function storageBytes(database: Pick<TestDatabase, 'asOwner'>): Promise<number> {
  return Number((await database.asOwner<{ n: string }>('select storage_bytes as n from tenant_usage'))[0]?.n);
}

/** The counter, and what it is when it is made anew from the rows. */
export async function counted(database: Pick<TestDatabase, 'asOwner'>): Promise<readonly [counter: number, rows: number]> {
  const [row] = await database.asOwner<{ counter: string; rows: string }>('select storage_bytes as counter, (select coalesce(sum(bytes), 0) from media m where m.tenant_id = u.tenant_id) as rows from tenant_usage u');
  return [Number(row?.counter), Number(row?.rows)];
}

export async function limitStorage(database: Pick<TestDatabase, 'asOwner'>, megabytes: number): Promise<void> {
  await database.asOwner("update tenants set limits = jsonb_set(limits, '{max_storage_mb}', to_jsonb($1::int))", [megabytes]);
}

/** Where a part follows the closing boundary, its parser takes the form for whole while the file is still open. */
export const FORM_BEHIND_ITS_END = ['--XX--', '--XX', 'Content-Disposition: form-data; name="x"', '', '1', '--XX', 'Content-Disposition: form-data; name="file"; filename="a"', '', 'AAAA'].join('\r\n');
