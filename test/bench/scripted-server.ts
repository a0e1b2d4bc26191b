import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { EVENT_TYPES, type JsonObject, type SeenHead, type WireEvent } from '../../src/kernel/events.js';
import { parseFqid, parseLogName, parseServerName, parseWireEventId, type Fqid, type LogName, type ServerName } from '../../src/kernel/ids.js';
import { DESCRIPTOR_PATH, ENDPOINTS } from '../../src/protocol/descriptor.js';
import { signEvent } from '../../src/protocol/event.js';
import type { WireBatch, WireItem } from '../../src/protocol/send.js';
import { FakePeer } from '../support/fake-peer.js';
import type { Shot } from './load.js';

/** A server made by hand with real keys: it describes itself, takes every item that is not a run, and signs what it sends. */
export class ScriptedServer {
  readonly fake: FakePeer;
  readonly #http: Server;
  #received: WireItem[] = [];
  #seen: SeenHead = { seq: 0, hash: '0'.repeat(64) };

  constructor(name: string, readonly port: number) {
    this.fake = new FakePeer(name, () => Date.now());
    this.#http = createServer((request, response) => {
      this.#answer(request).then(
        (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body),
        () => response.writeHead(500).end(),
      );
    });
  }

  get server(): ServerName {
    return this.fake.server;
  }

  get person(): Fqid {
    return parseFqid(`@ann:${this.server}`);
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#http.listen(this.port, '127.0.0.1', () => resolve()));
  }

  /** From now on this server is away for whoever calls it. */
  close(): Promise<void> {
    this.#http.closeAllConnections();
    return new Promise((resolve) => this.#http.close(() => resolve()));
  }

  /** The first item of a kind that came, waited for. */
  async awaits<K extends WireItem['kind']>(kind: K): Promise<Extract<WireItem, { kind: K }>> {
    for (const until = Date.now() + 20_000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const found = this.#received.find((item): item is Extract<WireItem, { kind: K }> => item.kind === kind);
      if (found !== undefined) return found;
    }
    throw new Error(`${this.server} was sent no ${kind}`);
  }

  /** From now on its events say that they were written after this signed head. */
  sees(head: string): void {
    const { seq, hash } = JSON.parse(Buffer.from(head.split('.')[1] ?? '', 'base64url').toString('utf8')) as SeenHead;
    this.#seen = { seq, hash };
  }

  /** An event of its own person, signed. */
  event(room: LogName, type: string, content: JsonObject): string {
    const event: WireEvent = {
      id: parseWireEventId(randomUUID()),
      room,
      origin: this.server,
      sender: this.person,
      type,
      content,
      origin_ts: Date.now(),
      seen: this.#seen,
    };
    return signEvent(this.fake.current, event);
  }

  message(room: LogName, text: string): string {
    return this.event(room, EVENT_TYPES.message, { msgtype: 'swp.text', body: text });
  }

  /** A signed call to `/send`. It is valid for two minutes. */
  shot(to: string, body: object): Shot {
    const { target, headers, body: bytes } = this.fake.call(parseServerName(to), { target: ENDPOINTS.send, body: JSON.stringify(body) });
    return { method: 'POST', path: target, headers: { ...headers }, body: bytes ?? Buffer.alloc(0) };
  }

  batch(to: string, items: readonly WireItem[]): Shot {
    const batch: WireBatch = { batch_id: randomUUID(), items };
    return this.shot(to, batch);
  }

  async #answer(request: IncomingMessage): Promise<Buffer> {
    if (request.url === DESCRIPTOR_PATH) return this.fake.document();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { batch_id, items } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as WireBatch;
    this.#received = [...this.#received, ...items];
    // A run is not receipted: whoever sends one will back off, and leave the bench alone.
    const results = items.map(({ kind }) => (kind === 'log' ? { status: 'deferred' } : { status: 'accepted' }));
    return Buffer.from(JSON.stringify({ data: { batch_id, results } }));
  }
}

export function logNameOf(room: string, server: string): LogName {
  return parseLogName(`!${room}:${server}`);
}
