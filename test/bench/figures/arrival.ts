import { once } from 'node:events';
import { WebSocket } from 'ws';
import { tokenOf } from '../../support/http-caller.js';
import type { NodeUnderLoad } from '../node-under-load.js';
import { median, percentile, type Gun, type Shot } from '../load.js';
import { boundOfOne, round, type Meters } from '../measure.js';
import type { Figure } from '../report.js';
import { many, type Bench } from '../rounds.js';
import { sharedRoom } from '../room-of-two.js';
import type { ScriptedServer } from '../scripted-server.js';
import { sendShot } from './local-send.js';
import { logNameOf } from '../scripted-server.js';

const SENDS_PER_ROUND = 40;
const PAUSE_MS = 20;

/** From the moment a message is sent on one node to the moment it comes out of the other's WebSocket, one at a time. */
export const arrival: Bench = async ({ a, b, gunAtFloor, scripted, pairMeters, floorMeters }, { count, scale }) => {
  const room = await sharedRoom(a, b);
  const [there, back] = [await Ear.open(b, 'bob'), await Ear.open(a, 'admin')];
  const say = (node: NodeUnderLoad, who: string, at: string, text: string): Promise<unknown> => node.ask(who, 'POST', `/v1/rooms/${at}/send`, { content: { msgtype: 'swp.text', body: text } });
  const forth = way(pairMeters, (text) => there.after(text, () => say(a, 'admin', room.home, text)));
  const home = way(pairMeters, (text) => back.after(text, () => say(b, 'bob', room.away, text)));
  const least = way(floorMeters, () => floorPath(gunAtFloor, scripted[0]));
  for (let turn = 0; turn < count; turn += 1) {
    const texts = many(SENDS_PER_ROUND * scale, (index) => `arrival ${turn} ${index}`);
    await goOver(forth, texts);
    await goOver(home, texts.map((text) => `${text} back`));
    await goOver(least, texts);
  }
  there.close();
  back.close();
  return [figure('A to B, sent to seen', forth, least), figure('B to A, sent to seen (placed by A)', home, least)];
};

/** What it took to go over it, in all rounds. */
interface Way {
  readonly meters: Meters;
  readonly once: (text: string) => Promise<number>;
  readonly latenciesMs: number[];
  readonly cpuUs: number[];
}

function way(meters: Meters, once: Way['once']): Way {
  return { meters, once, latenciesMs: [], cpuUs: [] };
}

async function goOver({ meters, once, latenciesMs, cpuUs }: Way, texts: readonly string[]): Promise<void> {
  const gone = await round(meters, texts.length, async () => {
    const began = performance.now();
    for (const text of texts) {
      latenciesMs.push(await once(text));
      await pause();
    }
    return { seconds: (performance.now() - began) / 1_000, latenciesMs };
  });
  cpuUs.push(gone.cpuUs);
}

function figure(name: string, gone: Way, least: Way): Figure {
  const [p50, p99, floor] = [percentile(gone.latenciesMs, 50), percentile(gone.latenciesMs, 99), percentile(least.latenciesMs, 50)];
  const [cpuUs, floorCpuUs] = [median(gone.cpuUs), median(least.cpuUs)];
  const note = 'one said message and then one signed event brought in, one after the other: two requests, two signatures, two commits';
  return { name, unit: 'ms (p50)', value: p50, p50Ms: p50, p99Ms: p99, floor, ofFloor: floor / p50, cpuUs, floorCpuUs, bound: boundOfOne(p50, cpuUs), note };
}

async function floorPath(gun: Gun, server: ScriptedServer | undefined): Promise<number> {
  if (server === undefined) throw new Error('a scripted server');
  const incoming: Shot = server.shot('a.example', { event: server.message(logNameOf('room-00000000-0000-4000-8000-000000000000', 'a.example'), 'floor') });
  const outgoing = sendShot('/said', 'floor');
  const began = performance.now();
  await gun.fire(outgoing);
  await gun.fire(incoming);
  return performance.now() - began;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/** One open stream that waits for a text. */
class Ear {
  #waiting: { readonly text: string; readonly heard: () => void } | undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      const { content } = JSON.parse(data.toString()) as { readonly content?: { readonly body?: string } };
      if (this.#waiting !== undefined && content?.body === this.#waiting.text) this.#waiting.heard();
    });
  }

  static async open(node: NodeUnderLoad, who: string): Promise<Ear> {
    const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/stream?token=${encodeURIComponent(tokenOf(who))}`);
    const ear = new Ear(socket);
    await once(socket, 'message');
    // `hello` is sent before the stream follows the log.
    await new Promise((resolve) => setTimeout(resolve, 200));
    return ear;
  }

  /** Milliseconds until `text` was heard, after `send` began. */
  async after(text: string, send: () => Promise<unknown>): Promise<number> {
    const began = performance.now();
    const heard = new Promise<number>((resolve) => {
      this.#waiting = { text, heard: () => resolve(performance.now() - began) };
    });
    await send();
    return heard;
  }

  close(): void {
    this.socket.terminate();
  }
}
