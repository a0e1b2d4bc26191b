import { ScriptedHome } from '../scripted-home.js';
import { boundOf, round } from '../measure.js';
import type { Bench } from '../rounds.js';
import { sharedRoom, until } from '../room-of-two.js';
import { dealt } from '../load.js';
import { many } from '../rounds.js';
import { IN_FLIGHT } from '../stage.js';
import { sendShot } from './local-send.js';

const ENTRIES = 20_000;
const BATCH = 100;
const TEXT = 'A message of ordinary length, as people write them to each other all day long; and one more clause.';

/** B is away while A goes on; then B is back. The clock runs from the first entry that B takes to equal heads. */
export const drain: Bench = async ({ a, b, scripted, gunAtNode, gunAtFloor, pairMeters }, { scale }) => {
  const room = await sharedRoom(a, b);
  const entries = Math.round(ENTRIES * scale);
  await b.stop();
  await gunAtNode.volley(dealt(many(entries, () => sendShot(`/v1/rooms/${room.home}/send`, TEXT)), IN_FLIGHT));
  const head = await a.head(room.logName);
  const before = (await b.head(room.logName)).seq;
  await b.start();
  // The lane to B may still rest after its last failure; that is patience, not speed.
  await until(async () => ((await b.head(room.logName)).seq > before ? true : undefined), 20, 180_000);
  const begun = (await b.head(room.logName)).seq;
  const left = head.seq - begun;
  const drained = await round(pairMeters, left, async () => {
    const began = performance.now();
    await until(async () => ((await b.head(room.logName)).seq >= head.seq ? true : undefined), 50, 300_000);
    return { seconds: (performance.now() - began) / 1_000, latenciesMs: [] };
  });
  const equal = (await b.head(room.logName)).hash === head.hash;
  if (!equal) throw new Error('the heads differ after the drain');

  const least = await floorOf();
  return [
    {
      name: `drain after an outage, ${entries.toLocaleString('en')} entries`,
      unit: 'entries/s',
      value: drained.perSecond,
      p50Ms: null,
      p99Ms: null,
      floor: least,
      ofFloor: drained.perSecond / least,
      cpuUs: drained.cpuUs,
      floorCpuUs: null,
      bound: `${boundOf(drained)}; server = both nodes`,
      note: `runs of ${BATCH} pushed one after another, ready made: digest, request signature, chain, signed head; inserted in groups of up to 200. ${(left / drained.perSecond).toFixed(1)} s for ${left.toLocaleString('en')} entries, in order, heads equal`,
    },
  ];

  /** Runs of 100 of one scripted log, one in flight, as a lane has it. */
  async function floorOf(): Promise<number> {
    const [server] = scripted;
    if (server === undefined) throw new Error('a scripted server');
    const pushes = new ScriptedHome(server, a).pushes(Math.max(5, entries / BATCH / 4), BATCH, TEXT);
    const { seconds } = await gunAtFloor.volley([pushes]);
    return (pushes.length * BATCH) / seconds;
  }
};
