/**
 * The floor: the least that any server has to do for the same requests, without a gateway around it. Bare node:http, the
 * same signatures checked by callback under keys that are at hand, the same rows, and no question asked about who may do
 * what. Forked by floor.ts, which tells it the keys and the database.
 */
import { createHmac, createPublicKey, generateKeyPairSync, hash, sign, timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chainNext } from '../../src/protocol/chain.js';
import { signatureBase } from '../../src/protocol/request-signature.js';
import type { WireBatch, WireItem } from '../../src/protocol/send.js';
import { parseLogName } from '../../src/kernel/ids.js';
import type { FloorOrder } from './floor.js';
import { GroupedInserts, type FloorRow } from './grouped-inserts.js';

type Run = Extract<WireItem, { kind: 'log' }>;

const OWN_KEY = generateKeyPairSync('ed25519').privateKey;
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

class FloorServer {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #inserts: GroupedInserts;

  constructor(order: FloorOrder) {
    this.#keys = new Map(order.keys.map(({ server, key }) => [server, createPublicKey({ key: Buffer.concat([ED25519_SPKI, Buffer.from(key, 'base64')]), format: 'der', type: 'spki' })]));
    this.#inserts = new GroupedInserts(order.databaseUrl);
  }

  async answer(request: IncomingMessage): Promise<object> {
    const body = await wholeOf(request);
    if (request.url === '/said') return this.#said(body);
    if (request.url === '/hook') return this.#hook(request.headers, body);
    return this.#fromPeer(request, body);
  }

  /** What a peer sends: a batch with one run, or one event. */
  async #fromPeer({ headers, method, url }: IncomingMessage, body: Buffer): Promise<object> {
    const text = (name: string): string => String(headers[name] ?? '');
    require(text('content-digest') === `sha-256=:${hash('sha256', body, 'base64')}:`);
    const base = signatureBase(method ?? '', url ?? '', headers as Readonly<Record<string, string>>, text('signature-input').slice('sw='.length));
    await this.#verify(text('x-scaiwave-origin'), base, Buffer.from(text('signature').slice('sw=:'.length, -1), 'base64'));
    const sent = JSON.parse(body.toString('utf8')) as WireBatch | { readonly event: string };
    if ('event' in sent) return this.#event(sent.event);
    const results = [];
    for (const item of sent.items) if (item.kind === 'log') results.push(await this.#run(item));
    return { batch_id: sent.batch_id, results };
  }

  /** The chain over all entries and one signed head: the events themselves are their home's and are not checked one by one. */
  async #run(run: Run): Promise<object> {
    const room = parseLogName(run.room);
    let chain: Buffer = Buffer.from(run.prev_hash, 'hex');
    const rows = run.entries.map((entry): FloorRow => {
      if (!('event' in entry)) throw new Error('a whole entry is due');
      const eventHash = hash('sha256', entry.event, 'buffer');
      chain = chainNext(room, entry.seq, entry.at, chain, eventHash);
      return { ...rowOf(entry.event, eventHash), seq: entry.seq, chainHash: chain };
    });
    const head = (await this.#verifiedJws(run.head)) as { readonly hash: string };
    require(head.hash === chain.toString('hex'));
    await Promise.all(rows.map((row) => this.#inserts.add(row)));
    const receipt = sign(null, Buffer.from(JSON.stringify(head)), OWN_KEY).toString('base64url');
    return { status: 'stored', receipt, withheld: [] };
  }

  async #event(jws: string): Promise<object> {
    await this.#verifiedJws(jws);
    await this.#inserts.add(rowOf(jws, hash('sha256', jws, 'buffer')));
    return { status: 'accepted' };
  }

  /** A person's message: signed as an event, written. */
  async #said(body: Buffer): Promise<object> {
    const { content } = JSON.parse(body.toString('utf8')) as { readonly content: object };
    return this.#own(content);
  }

  async #hook(headers: IncomingHttpHeaders, body: Buffer): Promise<object> {
    const [, time = '', hex = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-scaiwave-bridge-signature'])) ?? [];
    const due = createHmac('sha256', String(headers['x-secret'])).update(`${time}.`).update(body).digest();
    require(timingSafeEqual(due, Buffer.from(hex, 'hex')));
    const { content } = JSON.parse(body.toString('utf8')) as { readonly content: object };
    return this.#own(content);
  }

  async #own(content: object): Promise<object> {
    const payload = { room: 'room', origin: 'floor', sender: '@ann:floor', type: 'swp.room.message', content, origin_ts: Date.now() };
    const signed = `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
    const jws = `${signed}.${sign(null, Buffer.from(signed), OWN_KEY).toString('base64url')}`;
    await this.#inserts.add(rowOf(jws, hash('sha256', jws, 'buffer')));
    return { ...payload, jws };
  }

  async #verifiedJws(jws: string): Promise<unknown> {
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { readonly kid: string };
    await this.#verify(kid.slice(0, kid.indexOf('#')), Buffer.from(`${header}.${payload}`, 'latin1'), Buffer.from(signature, 'base64url'));
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  }

  #verify(server: string, bytes: Buffer, signature: Buffer): Promise<void> {
    const key = this.#keys.get(server);
    if (key === undefined) throw new Error(`no key of ${server}`);
    return new Promise((resolve, reject) => {
      verify(null, bytes, key, signature, (error, holds) => (error === null && holds ? resolve() : reject(error ?? new Error('signature'))));
    });
  }
}

function rowOf(jws: string, eventHash: Buffer): FloorRow {
  const event = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as Pick<FloorRow, 'room' | 'sender' | 'type' | 'origin' | 'content'> & { readonly origin_ts: number };
  return { ...event, originTs: event.origin_ts, seq: null, jws, eventHash, chainHash: null };
}

function wholeOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

function require(holds: boolean): void {
  if (!holds) throw new Error('a check failed');
}

process.once('message', (order: FloorOrder) => {
  const floor = new FloorServer(order);
  const server = createServer((request, response) => {
    floor.answer(request).then(
      (data) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data })),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
});
process.once('disconnect', () => process.exit(0));
