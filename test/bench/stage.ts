import { freePort } from '../support/processes.js';
import { Floor } from './floor.js';
import { Gun } from './load.js';
import type { Meters } from './measure.js';
import { NodeUnderLoad } from './node-under-load.js';
import { BenchPostgres } from './postgres.js';
import { ScriptedServer } from './scripted-server.js';

export const IN_FLIGHT = 64;
const SCRIPTED_SERVERS = 16;

/** Two nodes that know each other, a floor, and scripted servers with keys of their own. */
export interface Stage {
  readonly place: string;
  readonly a: NodeUnderLoad;
  readonly b: NodeUnderLoad;
  readonly scripted: readonly ScriptedServer[];
  readonly gunAtNode: Gun;
  readonly gunAtFloor: Gun;
  /** Of A. */
  readonly nodeMeters: Meters;
  /** Of A and B together. */
  readonly pairMeters: Meters;
  readonly floorMeters: Meters;
  close(): Promise<void>;
}

/** `profile` is a folder for V8's CPU profiles of the nodes. What was opened is closed again, also when the rest does not open. */
export async function openStage(profile: string | undefined): Promise<Stage> {
  const closing: (() => Promise<unknown> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let end = closing.pop(); end !== undefined; end = closing.pop()) await end();
  };
  try {
    return { ...(await raise(profile, closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function raise(profile: string | undefined, closing: (() => Promise<unknown> | void)[]): Promise<Omit<Stage, 'close'>> {
  const postgres = await BenchPostgres.open();
  closing.push(() => postgres.close());
  const scripted = await Promise.all(Array.from({ length: SCRIPTED_SERVERS }, async (_, index) => new ScriptedServer(`peer${index}.example`, await freePort())));
  for (const server of scripted) {
    await server.listen();
    closing.push(() => server.close());
  }
  const [portA, portB] = [await freePort(), await freePort()];
  const peers = [`a.example=http://127.0.0.1:${portA}`, `b.example=http://127.0.0.1:${portB}`, ...scripted.map(({ server, port }) => `${server}=http://127.0.0.1:${port}`)].join(',');
  const nodeOptions = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const a = new NodeUnderLoad({ name: 'a.example', port: portA, database: await postgres.database(), peers, nodeOptions });
  const b = new NodeUnderLoad({ name: 'b.example', port: portB, database: await postgres.database(), peers, nodeOptions });
  for (const node of [a, b]) {
    closing.push(() => node.stop());
    await node.start();
  }
  const floor = await Floor.start(await postgres.database(), scripted.map(({ server, fake }) => ({ server, key: fake.current.publicKey.toString('base64') })));
  closing.push(() => floor.stop());
  const [gunAtNode, gunAtFloor] = [new Gun(a.url, IN_FLIGHT), new Gun(floor.url, IN_FLIGHT)];
  closing.push(() => gunAtFloor.close(), () => gunAtNode.close());
  return {
    place: postgres.place,
    a,
    b,
    scripted,
    gunAtNode,
    gunAtFloor,
    nodeMeters: { server: () => a.cpuSeconds(), postgres: () => postgres.cpuSeconds() },
    pairMeters: { server: async () => sum(await a.cpuSeconds(), await b.cpuSeconds()), postgres: () => postgres.cpuSeconds() },
    floorMeters: { server: () => floor.cpuSeconds(), postgres: () => postgres.cpuSeconds() },
  };
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
