/**
 * `npm run bench [-- <file for JSON>] [--only <words>] [--rounds <n>] [--scale <part>] [--profile <folder>]`: what a node
 * does in a second, beside what the machine it runs on could do at all. Only the ratios are worth comparing between
 * machines.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { arrival } from './figures/arrival.js';
import { bridgeInbound } from './figures/bridge-inbound.js';
import { drain } from './figures/drain.js';
import { inboundEvents } from './figures/inbound-events.js';
import { inboundRuns } from './figures/inbound-runs.js';
import { localSend } from './figures/local-send.js';
import { table, type Figure } from './report.js';
import type { Bench } from './rounds.js';
import { openStage } from './stage.js';

const BENCHES: Readonly<Record<string, Bench>> = { runs: inboundRuns, events: inboundEvents, bridges: bridgeInbound, send: localSend, arrival, drain };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, rounds: { type: 'string', default: '5' }, scale: { type: 'string', default: '1' }, profile: { type: 'string' } },
});
const wanted = values.only?.split(',') ?? Object.keys(BENCHES);
const rounds = { count: Number(values.rounds), scale: Number(values.scale) };

const stage = await openStage(values.profile);
const figures: Figure[] = [];
try {
  for (const name of wanted) {
    console.error(`${name} …`);
    figures.push(...((await BENCHES[name]?.(stage, rounds)) ?? []));
  }
} finally {
  await stage.close();
}

const machine = { cores: cpus().length, model: cpus()[0]?.model ?? '', node: process.version, storage: stage.place };
const file = positionals[0] ?? reportFile();
if (file !== undefined) writeFileSync(file, `${JSON.stringify({ machine, rounds, figures }, null, 2)}\n`);
console.log(`${machine.cores} cores, Node ${machine.node}, ${machine.storage}; medians of ${rounds.count} rounds\n`);
console.log(table(figures));

function reportFile(): string | undefined {
  const folder = process.env['SCAIWAVE_TEST_REPORT_DIR'];
  if (folder === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  return join(folder, 'bench.json');
}
