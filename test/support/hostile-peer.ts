import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EVENT_TYPES, type JsonObject, type WireEvent } from '../../src/kernel/events.js';
import { parseFqid, parseLogName, parseServerName, parseWireEventId, type LogName, type ServerName } from '../../src/kernel/ids.js';
import { DESCRIPTOR_PATH, ENDPOINTS } from '../../src/protocol/descriptor.js';
import { signEvent } from '../../src/protocol/event.js';
import type { ItemResult } from '../../src/protocol/send-answer.js';
import type { WireBatch, WireItem } from '../../src/protocol/send.js';
import type { CallOptions, FakePeer } from './fake-peer.js';
import type { Gateway } from './gateway.js';
import { ScriptedPeer } from './scripted-peer.js';

/** `Data` is what the caller expects, the answers to /send unless told otherwise. */
export interface PeerAnswer<Data = { readonly status?: string; readonly batch_id?: string; readonly results?: readonly ItemResult[] }> {
  readonly status: number;
  readonly retryAfter: string | null;
  /** What is left of the peer's rate. */
  readonly rate: string | null;
  readonly body: {
    readonly data?: Data;
    readonly error?: { readonly code: string; readonly message: string };
  };
}

/** What an event says, where it differs from a plain message of the peer's own person. */
export type Claims = Partial<Record<keyof WireEvent, unknown>>;

/**
 * A server made by hand on a loopback socket, with real keys: it describes itself, takes what is sent to it, and sends
 * whatever a test wants it to, right or wrong.
 */
export class HostilePeer {
  /** Everything that gateways sent here, oldest first. */
  readonly received: WireItem[] = [];
  readonly url: string;

  private constructor(
    /** What it makes of what is sent to it. */
    readonly scripted: ScriptedPeer,
    private readonly http: Server,
    /** What `/.well-known/scaiwave/server` answers; a test may put something else in its place. */
    public document: () => Buffer,
  ) {
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  }

  static async listen(name: string): Promise<HostilePeer> {
    const scripted = new ScriptedPeer(name, () => Date.now());
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const peer = new HostilePeer(scripted, http, () => scripted.fake.document());
    http.on('request', (request, response) => {
      peer.answer(request).then(
        ({ status, body }) => response.writeHead(status, { 'content-type': 'application/json' }).end(body),
        () => response.writeHead(500).end(),
      );
    });
    return peer;
  }

  get fake(): FakePeer {
    return this.scripted.fake;
  }

  get server(): ServerName {
    return this.fake.server;
  }

  close(): Promise<void> {
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(() => resolve()));
  }

  /** A signed event of the room; `mallory` says something unless told otherwise. */
  event(room: string, claims: Claims = {}, key = this.fake.current): string {
    const plain: WireEvent = {
      id: parseWireEventId(randomUUID()),
      room: parseLogName(room),
      origin: this.server,
      sender: parseFqid(`@mallory:${this.server}`),
      type: EVENT_TYPES.message,
      content: { msgtype: 'swp.text', body: 'from afar' },
      origin_ts: Date.now(),
      seen: { seq: 0, hash: '0'.repeat(64) },
    };
    return signEvent(key, { ...plain, ...claims } as WireEvent);
  }

  /** A `.member` event about `target`, by default mallory about themself. */
  membership(room: string, membership: string, claims: { readonly sender?: string; readonly target?: string } = {}): string {
    const sender = claims.sender ?? `@mallory:${this.server}`;
    const content: JsonObject = { target: claims.target ?? sender, membership };
    return this.event(room, { type: EVENT_TYPES.member, sender, content });
  }

  /** One signed call, sent as it is. `headers` go over those that were signed; undefined takes one away. */
  async call<Data = NonNullable<PeerAnswer['body']['data']>>(to: Gateway, options: CallOptions & { readonly headers?: Readonly<Record<string, string | undefined>>; readonly sentBody?: string; readonly sentTarget?: string } = {}): Promise<PeerAnswer<Data>> {
    const { method, target, headers, body } = this.fake.call(parseServerName(to.name), options);
    const sent = Object.entries({ ...headers, ...options.headers }).filter((header): header is [string, string] => header[1] !== undefined);
    const payload = options.sentBody ?? body?.toString('utf8');
    const reply = await fetch(to.url + (options.sentTarget ?? target), { method, headers: sent, ...(payload === undefined ? {} : { body: payload }) });
    return { status: reply.status, retryAfter: reply.headers.get('retry-after'), rate: reply.headers.get('ratelimit'), body: (await reply.json()) as PeerAnswer<Data>['body'] };
  }

  single(to: Gateway, event: string): Promise<PeerAnswer> {
    return this.call(to, { body: JSON.stringify({ event }) });
  }

  batch(to: Gateway, items: readonly object[], keys?: readonly string[]): Promise<PeerAnswer> {
    const batch = { batch_id: randomUUID(), items, ...(keys === undefined ? {} : { keys }) };
    return this.call(to, { body: JSON.stringify(batch) });
  }

  /** The results of a batch that is taken as a whole. */
  async results(to: Gateway, items: readonly object[], keys?: readonly string[]): Promise<readonly ItemResult[]> {
    const { status, body } = await this.batch(to, items, keys);
    if (status !== 200 || body.data?.results === undefined) throw new Error(`the batch was answered ${status} ${JSON.stringify(body.error)}`);
    return body.data.results;
  }

  async get<Data extends object>(to: Gateway, target: string): Promise<PeerAnswer<Data>> {
    return this.call<Data>(to, { method: 'GET', target });
  }

  /** The items of one kind that came for a room. */
  items<K extends WireItem['kind']>(kind: K, room: LogName | string): readonly Extract<WireItem, { kind: K }>[] {
    return this.received.filter((item): item is Extract<WireItem, { kind: K }> => item.kind === kind && roomOf(item) === room);
  }

  private async answer(request: IncomingMessage): Promise<{ readonly status: number; readonly body: Buffer }> {
    if (request.url === DESCRIPTOR_PATH) return { status: 200, body: this.document() };
    if (request.url !== ENDPOINTS.send) return { status: 404, body: Buffer.from('{}') };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const reply = await this.scripted.exchange({ destination: this.server, method: 'POST', target: ENDPOINTS.send, headers: {}, body });
    this.received.push(...(JSON.parse(body.toString('utf8')) as WireBatch).items);
    return { status: reply.status, body: Buffer.from(reply.body) };
  }
}

function roomOf(item: WireItem): string {
  const payload = (jws: string): { readonly room: string } => JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as { room: string };
  switch (item.kind) {
    case 'log':
    case 'member':
      return item.room;
    case 'start':
      return payload(item.start).room;
    case 'event':
      return payload(item.event).room;
  }
}
