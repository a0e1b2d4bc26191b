import { ScriptedHome } from '../scripted-home.js';
import { medianRound, round, type Round } from '../measure.js';
import { throughput } from '../report.js';
import type { Bench } from '../rounds.js';
import { sharedRoom, until } from '../room-of-two.js';
import { dealt } from '../load.js';
import { many } from '../rounds.js';
import { IN_FLIGHT } from '../stage.js';
import { sendShot } from './local-send.js';

const ENTRIES = 20_000;
const BATCH = 100;
/** Ten runs: with fewer all of them could be there before the first is seen, and nothing be left to measure. */
const ENTRIES_MIN = 10 * BATCH;
const TEXT = 'A message of ordinary length, as people write them to each other all day long; and one more clause.';

/** B is away while A goes on; then B is back. The clock runs from the first entry that B takes to equal heads. */
export const drain: Bench = async ({ a, b, scripted, gunAtNode, gunAtFloor, pairMeters, floorMeters }, { count, scale }) => {
  const room = await sharedRoom(a, b);
  const entries = Math.max(ENTRIES_MIN, Math.round(ENTRIES * scale));
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

  const name = `drain after an outage, ${entries.toLocaleString('en')} entries`;
  const took = `One drain, of ${left.toLocaleString('en')} entries in ${(left / drained.perSecond).toFixed(1)} s, in order, heads equal; the floor is a median of rounds`;
  const note = `runs of ${BATCH} pushed one after another, ready made: digest, request signature, chain, signed head; inserted in groups of up to 200. ${took}`;
  const figure = throughput(name, 'entries/s', drained, await floorOf(), note);
  return [{ ...figure, p50Ms: null, p99Ms: null, bound: `${figure.bound}; server = both nodes` }];

  /** Runs of 100 of one scripted log, one in flight, as a lane has it. */
  async function floorOf(): Promise<Round> {
    const [server] = scripted;
    if (server === undefined) throw new Error('a scripted server');
    const home = new ScriptedHome(server, a);
    const rounds: Round[] = [];
    // The first one warms it up.
    for (let turn = 0; turn <= count; turn += 1) {
      const pushes = home.pushes(Math.max(5, entries / BATCH / 4), BATCH, TEXT);
      rounds.push(await round(floorMeters, pushes.length * BATCH, () => gunAtFloor.volley([pushes])));
    }
    return medianRound(rounds.slice(1));
  }
};
