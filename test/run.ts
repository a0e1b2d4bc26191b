/**
 * Runs suites the way CI, a developer and the README name them: `tsx test/run.ts <plan> …`. Suites run in processes of their
 * own, so that one that crashes or hangs is a counted failure and not a missing line; those that wait a lot run side by
 * side.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PLANS, specsOf, type Plan } from './support/plans.js';
import { environmentOf } from './support/run-environment.js';
import { addUp, floorOf, judge, type Tally } from './support/tally.js';
import { WatchedRun } from './support/watched-run.js';

async function run(name: string, plan: Plan): Promise<number> {
  const folder = reportFolder(name);
  const redis = await watchedRedis(plan);
  const tallies = await Promise.all(plan.groups.map((group, index) => runGroup(name, plan, group, join(folder, String(index)))));
  const watched = await redis?.end();
  const all = watched === undefined ? tallies : [...tallies, watched.tally];
  const tally = addUp(all, floorOf(readFileSync(join(import.meta.dirname, 'floor'), 'utf8'), name));
  writeFileSync(join(folder, 'tally.json'), JSON.stringify(tally));
  announce(name, plan, tally, folder, watched?.line);
  return tally.failed === 0 ? 0 : 1;
}

/** The Redis lent to a run on real services, with every command of its nodes heard. */
async function watchedRedis(plan: Plan): Promise<WatchedRun | undefined> {
  const lent = process.env['SCAIWAVE_TEST_REDIS_URL'];
  return plan.env['SCAIWAVE_TEST_STACK'] === 'real' && lent !== undefined ? WatchedRun.of(lent) : undefined;
}

async function runGroup(name: string, plan: Plan, group: readonly string[], folder: string): Promise<Tally> {
  mkdirSync(folder, { recursive: true });
  const beganMs = performance.now();
  const status = await mocha(group.filter(isThere), plan, { ...environmentOf(name, plan.env, process.env), SCAIWAVE_TEST_REPORT_DIR: folder });
  console.log(`     over after ${Math.round((performance.now() - beganMs) / 1_000)} s: ${group.join(', ')}`);
  const counted = join(folder, 'tally.json');
  return judge(existsSync(counted) ? readFileSync(counted, 'utf8') : undefined, status);
}

function isThere(folder: string): boolean {
  return existsSync(join(import.meta.dirname, folder));
}

/** A new folder for the notes of this run; CI names where, to add the tallies up. */
function reportFolder(name: string): string {
  const parent = process.env['SCAIWAVE_TEST_REPORT_DIR'] ?? mkdtempSync(join(tmpdir(), 'scaiwave-report-'));
  const folder = join(parent, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function mocha(folders: readonly string[], { without = [], minutesMax }: Plan, env: NodeJS.ProcessEnv): Promise<string> {
  const specs = [...specsOf(folders), ...without.flatMap((pattern) => ['--ignore', `test/${pattern}`])];
  const strict = process.env['CI'] === undefined ? [] : ['--forbid-only', '--forbid-pending'];
  const args = ['--import=tsx', 'node_modules/mocha/bin/mocha.js', '--config', 'config/mocha.json', ...strict, ...specs];
  // A group of its own, so that what a hanging test started ends with it.
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const endGroup = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  return new Promise((resolve) => {
    const late = setTimeout(() => {
      endGroup();
      resolve(`not over after ${minutesMax} minutes`);
    }, minutesMax * 60_000);
    process.once('SIGINT', endGroup);
    process.once('SIGTERM', endGroup);
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      process.off('SIGINT', endGroup).off('SIGTERM', endGroup);
      resolve(signal ?? String(code));
    });
  });
}

function announce(name: string, plan: Plan, tally: Tally, folder: string, watched?: string): void {
  const lines = (file: string): readonly string[] => {
    const texts = plan.groups.map((_, index) => join(folder, String(index), file)).filter((path) => existsSync(path));
    return [...new Set(texts.flatMap((path) => readFileSync(path, 'utf8').trim().split('\n')))].sort();
  };
  const folders = plan.groups.flat();
  const bar = '='.repeat(100);
  console.log(`${bar}\n${name.toUpperCase()}: ${folders.filter(isThere).join(', ')}\n  on ${plan.about}`);
  for (const missing of folders.filter((part) => !isThere(part))) console.log(`  NOT RUN      test/${missing} is not there`);
  for (const line of lines('ran-against.txt')) console.log(`  ran against  ${line}`);
  if (watched !== undefined) console.log(`  ${watched}`);
  for (const line of lines('not-run.txt')) console.log(`  NOT RUN      ${line}`);
  for (const line of tally.failures) console.log(`  FAILED       ${line}`);
  console.log(`  ${tally.passed} passed, ${tally.failed} failed, ${tally.pending} skipped\n${bar}`);
}

/** Several plans run one after the other, each to its end. */
for (const name of process.argv.slice(2)) {
  const plan = PLANS[name];
  if (plan === undefined) throw new Error(`usage: tsx test/run.ts ${Object.keys(PLANS).join('|')} …`);
  process.exitCode = Math.max(Number(process.exitCode ?? 0), await run(name, plan));
}
