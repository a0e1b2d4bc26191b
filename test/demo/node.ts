import { join } from 'node:path';
import { serveNode, type NodeProcess } from '../support/node-process.js';

export interface Spoken {
  readonly id: string;
  readonly event_type: string;
  readonly foreign_origin: string | null;
  readonly content: { readonly body?: string; readonly _imported_sender?: { readonly display_name?: string } };
}

/** One of the two nodes: a process, a port and a data folder of its own. Everything it is asked goes over HTTP. */
export class DemoNode {
  readonly url: string;
  #process: NodeProcess | undefined;

  constructor(
    readonly name: string,
    port: number,
    private readonly folder: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Where PostgreSQL keeps this node's rows. */
  get dataDir(): string {
    return join(this.folder, this.name);
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  get output(): string {
    return this.#process?.output ?? '';
  }

  async start(): Promise<void> {
    this.#process = serveNode({
      SCAIWAVE_SERVER_NAME: this.name,
      SCAIWAVE_PORT: new URL(this.url).port,
      SCAIWAVE_DATA_DIR: this.dataDir,
      SCAIWAVE_LOG_LEVEL: 'warn',
      ...this.settings,
    });
    await this.#process.ready();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  /** Answers with `data`; a refusal is an error that names its code. */
  async ask<T>(who: string, method: string, path: string, body?: unknown): Promise<T> {
    const role = who === 'admin' ? ':tenant_admin' : '';
    const headers = { authorization: `Bearer mock:first:${who}${role}`, 'content-type': 'application/json' };
    const reply = await fetch(this.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const answer = (await reply.json()) as { readonly data: T; readonly error?: { readonly code: string; readonly message: string } };
    if (answer.error !== undefined) throw new Error(`${this.name} answered ${method} ${path} with ${reply.status} ${answer.error.code}: ${answer.error.message}`);
    return answer.data;
  }

  say(who: string, roomId: string, body: string): Promise<Spoken> {
    return this.ask(who, 'POST', `/v1/rooms/${roomId}/send`, { content: { msgtype: 'swp.text', body } });
  }

  /** The messages of a room as this person sees them, oldest first. */
  async messages(who: string, roomId: string): Promise<readonly Spoken[]> {
    const events = await this.ask<readonly Spoken[]>(who, 'GET', `/v1/rooms/${roomId}/messages?direction=forward&limit=100`);
    return events.filter((event) => event.event_type === 'swp.room.message');
  }
}
