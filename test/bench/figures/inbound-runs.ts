import type { Shot } from '../load.js';
import { round } from '../measure.js';
import { throughput } from '../report.js';
import { inTurn, type Bench } from '../rounds.js';
import { ScriptedHome } from '../scripted-home.js';

const HOMES = 4;
const RUNS_PER_ROUND = 40;
const RUN_ENTRIES = 50;
const TEXT = 'A message of ordinary length, as people write them to each other all day long; and one more clause.';

/** Logs of four scripted homes, each pushed in runs of 50, one batch in flight per home. */
export const inboundRuns: Bench = async ({ a, scripted, gunAtNode, gunAtFloor, nodeMeters, floorMeters }, { count, scale }) => {
  const homes = scripted.slice(0, HOMES).map((server) => new ScriptedHome(server, a));
  for (const home of homes) await home.open(gunAtNode, 'bob');
  const runs = Math.max(1, Math.round(RUNS_PER_ROUND * scale));
  const entries = HOMES * runs * RUN_ENTRIES;
  // The floor takes the same requests a second time.
  let lanes: readonly (readonly Shot[])[] = [];
  const node = async (): ReturnType<typeof round> => {
    lanes = homes.map((home) => home.pushes(runs, RUN_ENTRIES, TEXT));
    return round(nodeMeters, entries, () => gunAtNode.volley(lanes, allStored));
  };
  const floor = (): ReturnType<typeof round> => round(floorMeters, entries, () => gunAtFloor.volley(lanes, allStored));
  const result = await inTurn(count, node, floor);
  const note = 'the same requests: digest, request signature, chain, signed head, one receipt signed; rows inserted in groups of up to 200, two at a time';
  return [throughput('inbound federation, runs of 50', 'entries/s', result.node, result.floor, note)];
};

function allStored(answer: unknown): void {
  const { results } = (answer as { readonly data: { readonly results: readonly { readonly status: string; readonly withheld?: readonly unknown[] }[] } }).data;
  const good = results.every(({ status, withheld }) => status === 'stored' && withheld?.length === 0);
  if (!good) throw new Error(`a run was not stored whole: ${JSON.stringify(results)}`);
}
