import { randomUUID } from 'node:crypto';
import { relay, type MadeBridge } from './bridged-call.js';
import type { Answer } from './http-caller.js';
import { NoAnswer } from './http-caller.js';

const WAIT_MS = 15_000;
const PAUSE_MS = 25;
const MESSAGE_SHARE = 0.7;

/** A node that is talked to. */
export interface Spoken {
  call(who: string, method: string, path: string, body?: unknown, waitMs?: number): Promise<Answer>;
}

/** A 2xx and the mark by which its event is found again in every store. */
export interface Acknowledged {
  readonly mark: string;
}

/** What was answered otherwise than with 2xx, and how long it took. */
export interface Trouble {
  readonly what: string;
  readonly afterMs: number;
  /** Of what was tried this once; what is repeated until it is answered has none. */
  readonly mark: string | undefined;
}

/** Every event of a load carries one mark, `w<writer> #<n>`, with n rising in the order in which a writer spoke. */
export function readMark(mark: string): { readonly writer: string; readonly n: number } | undefined {
  const [, writer, n] = /^w(\w+) #(\d+)$/.exec(mark) ?? [];
  return writer === undefined ? undefined : { writer, n: Number(n) };
}

/** One person who speaks without a pause: messages, and now and then an edit or a reaction to what they said. */
export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  readonly troubles: Trouble[] = [];
  /** Messages are repeated until they are answered, so all of these must arrive. */
  readonly messages = new Set<string>();
  #n = 0;
  #lastMessage: string | undefined;
  #stopped = false;

  constructor(
    private readonly part: { readonly who: string; readonly crowd: string; readonly room: string },
    private readonly node: Spoken,
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  /** Until {@link stop}; ends with the last message answered. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const about = this.#lastMessage;
      if (about === undefined || Math.random() < MESSAGE_SHARE) await this.#say();
      else await this.#sayOf(about);
    }
  }

  /** Exactly `count` messages. */
  async say(count: number): Promise<void> {
    for (let said = 0; said < count; said += 1) await this.#say();
  }

  async #say(): Promise<void> {
    const mark = this.#nextMark();
    const body = { event_uuid: randomUUID(), content: { msgtype: 'swp.text', body: mark } };
    this.messages.add(mark);
    let answer: Answer | undefined;
    while (answer === undefined) answer = await this.#try(mark, `/v1/rooms/${this.part.room}/send`, body, 'repeated');
    this.#lastMessage = (answer.body.data as { id: string }).id;
  }

  async #sayOf(event: string): Promise<void> {
    const mark = this.#nextMark();
    const path = `/v1/rooms/${this.part.room}/events/${event}`;
    if (Math.random() < 0.5) await this.#try(mark, `${path}/edit`, { content: { msgtype: 'swp.text', body: mark } });
    else await this.#try(mark, `${path}/reactions`, { emoji: mark });
  }

  #nextMark(): string {
    this.#n += 1;
    return `w${this.part.who}${this.part.crowd} #${this.#n}`;
  }

  async #try(mark: string, path: string, body: unknown, repeated?: 'repeated'): Promise<Answer | undefined> {
    const once = repeated === undefined ? mark : undefined;
    const answer = await attempt(() => this.node.call(this.part.who, 'POST', path, body, WAIT_MS), this.troubles, once);
    if (answer === undefined) return undefined;
    this.acknowledged.push({ mark });
    return answer;
  }
}

/** Another system that relays without a pause: each message under one id, again and again until it is taken. */
export class Relayer {
  readonly acknowledged: Acknowledged[] = [];
  readonly troubles: Trouble[] = [];
  readonly messages = new Set<string>();
  #stopped = false;

  constructor(
    private readonly crowd: string,
    private readonly bridge: MadeBridge,
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  /** Until {@link stop}; ends with the last message taken. */
  async run(): Promise<void> {
    for (let n = 1; !this.#stopped; n += 1) {
      const mark = `wrelay${this.crowd} #${n}`;
      this.messages.add(mark);
      let answer: Answer | undefined;
      while (answer === undefined) answer = await attempt(() => relay(this.bridge, mark, mark, WAIT_MS), this.troubles);
      this.acknowledged.push({ mark });
    }
  }
}

/** A member who goes and is brought back, over and over: the other way to write. */
export class Wanderer {
  readonly acknowledged: Acknowledged[] = [];
  readonly troubles: Trouble[] = [];
  #n = 0;
  #stopped = false;

  constructor(
    private readonly part: { readonly fqid: string; readonly host: string; readonly crowd: string; readonly room: string },
    private readonly node: Spoken,
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#try(this.part.host, 'invitations', { fqid: this.part.fqid }, true);
      await this.#try(this.#local, 'join', undefined, false);
      await this.#try(this.#local, 'leave', {}, true);
    }
  }

  get #local(): string {
    return this.part.fqid.slice(1, this.part.fqid.indexOf(':'));
  }

  /** A step whose answer was lost may have been taken; then the next one finds it so, and is refused or not. */
  async #try(who: string, act: string, body: object | undefined, marked: boolean): Promise<void> {
    this.#n += 1;
    const mark = `w${this.#local}${this.part.crowd} #${this.#n}`;
    const given = marked ? { ...body, reason: mark } : body;
    const answer = await attempt(() => this.node.call(who, 'POST', `/v1/rooms/${this.part.room}/${act}`, given, WAIT_MS), this.troubles, marked ? mark : undefined);
    if (answer !== undefined && marked) this.acknowledged.push({ mark });
  }
}

/** A 2xx, or undefined; what else came is noted, and followed by a pause. */
async function attempt(ask: () => Promise<Answer>, troubles: Trouble[], mark?: string): Promise<Answer | undefined> {
  const begunMs = Date.now();
  const noted = (what: string): void => void troubles.push({ what, afterMs: Date.now() - begunMs, mark });
  try {
    const answer = await ask();
    if (answer.status < 300) return answer;
    noted(`${answer.status} ${answer.body.error?.code}`);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    noted(error.neverAccepted ? 'never accepted' : `cut: ${error.code}`);
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return undefined;
}
