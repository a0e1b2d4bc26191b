import { cpus } from 'node:os';
import { median, percentile, type Volley } from './load.js';

/** Whose CPU seconds are counted; undefined where nobody can tell. */
export interface Meters {
  readonly server: () => Promise<number | undefined>;
  readonly postgres: () => Promise<number | undefined>;
}

/** How many cores each of them kept busy. */
export interface Cores {
  readonly server: number;
  readonly postgres: number;
  readonly loadMaker: number;
  /** Of the whole machine, whoever used them. */
  readonly machine: number;
}

export interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of server and PostgreSQL for one of what is counted: hardly moved by whatever else the machine does. */
  readonly cpuUs: number;
  readonly cores: Cores | undefined;
}

/** One round: how many of what is counted went through, and who was busy meanwhile. */
export async function round(meters: Meters, items: number, run: () => Promise<Volley>): Promise<Round> {
  const before = await reading(meters);
  const { seconds, latenciesMs } = await run();
  const after = await reading(meters);
  const cores = before === undefined || after === undefined ? undefined : busy(before, after);
  return {
    perSecond: items / seconds,
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    cpuUs: cores === undefined ? Number.NaN : ((cores.server + cores.postgres) * seconds * 1e6) / items,
    cores,
  };
}

export function medianRound(rounds: readonly Round[]): Round {
  const cores = rounds.flatMap((one) => (one.cores === undefined ? [] : [one.cores]));
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  const coresOf = (pick: (one: Cores) => number): number => median(cores.map(pick));
  return {
    perSecond: of((one) => one.perSecond),
    p50Ms: of((one) => one.p50Ms),
    p99Ms: of((one) => one.p99Ms),
    cpuUs: of((one) => one.cpuUs),
    cores:
      cores.length === 0
        ? undefined
        : { server: coresOf((one) => one.server), postgres: coresOf((one) => one.postgres), loadMaker: coresOf((one) => one.loadMaker), machine: coresOf((one) => one.machine) },
  };
}

const NOT_TOLD = 'not told by this system';
const FULL_CORE = 0.85;
const FULL_MACHINE = 0.9;
/** Cores that somebody outside the bench may use before a figure says so. */
const QUIET = 0.3;

/** What stands in the way of more, as far as the cores tell. */
export function boundOf({ cores }: Round): string {
  if (cores === undefined) return NOT_TOLD;
  const { server, postgres, loadMaker, machine } = cores;
  const shares = `server ${server.toFixed(2)}, postgres ${postgres.toFixed(2)}, load maker ${loadMaker.toFixed(2)} cores`;
  if (server >= FULL_CORE) return `the server's own CPU (${shares})`;
  const others = machine - server - postgres - loadMaker;
  if (others > QUIET) return `cores shared with other work on this machine (${shares}, others ${others.toFixed(2)})`;
  if (machine >= FULL_MACHINE * cpus().length) return `all cores of the machine together (${shares})`;
  if (loadMaker >= FULL_CORE) return `the load maker (${shares})`;
  return `waiting: commits, round trips, turns (${shares})`;
}

/** The same for what is done one at a time; `cpuUs` are of everybody on the way, what they do after it included. */
export function boundOfOne(tookMs: number, cpuUs: number): string {
  if (Number.isNaN(cpuUs)) return NOT_TOLD;
  const shares = `${(cpuUs / 1_000).toFixed(1)} ms of CPU for each, what comes after included; ${tookMs.toFixed(1)} ms until it is there`;
  return cpuUs / 1_000 >= FULL_CORE * tookMs ? `the CPU of both nodes and PostgreSQL, one after another (${shares})` : `waiting: commits, round trips, turns (${shares})`;
}

interface Reading {
  readonly atMs: number;
  readonly server: number;
  readonly postgres: number;
  readonly loadMaker: number;
  readonly machine: number;
}

async function reading({ server, postgres }: Meters): Promise<Reading | undefined> {
  const [serverSeconds, postgresSeconds] = [await server(), await postgres()];
  if (serverSeconds === undefined || postgresSeconds === undefined) return undefined;
  const own = process.cpuUsage();
  const machineMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return { atMs: performance.now(), server: serverSeconds, postgres: postgresSeconds, loadMaker: (own.user + own.system) / 1e6, machine: machineMs / 1_000 };
}

function busy(before: Reading, after: Reading): Cores {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const of = (pick: (reading: Reading) => number): number => (pick(after) - pick(before)) / seconds;
  return { server: of((one) => one.server), postgres: of((one) => one.postgres), loadMaker: of((one) => one.loadMaker), machine: of((one) => one.machine) };
}
