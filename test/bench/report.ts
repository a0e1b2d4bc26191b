import { boundOf, type Round } from './measure.js';

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The same of the floor, measured in the same run. */
  readonly floor: number;
  /** How much of the floor is reached: 1 = the gateway costs nothing. */
  readonly ofFloor: number;
  /** CPU of server and PostgreSQL for one, and of the floor's for one; NaN where this system does not tell. */
  readonly cpuUs: number;
  readonly floorCpuUs: number;
  readonly bound: string;
  /** What the floor did, and what the figure leaves out. */
  readonly note: string;
}

/** A throughput against its floor, both as medians of interleaved rounds. */
export function throughput(name: string, unit: string, node: Round, floor: Round, note: string): Figure {
  const ofFloor = node.perSecond / floor.perSecond;
  return { name, unit, value: node.perSecond, p50Ms: node.p50Ms, p99Ms: node.p99Ms, floor: floor.perSecond, ofFloor, cpuUs: node.cpuUs, floorCpuUs: floor.cpuUs, bound: boundOf(node), note };
}

export function table(figures: readonly Figure[]): string {
  const cells = figures.map((figure) => [
    figure.name,
    `${number(figure.value)} ${figure.unit}`,
    figure.p50Ms === null ? '' : `${number(figure.p50Ms)} ms`,
    figure.p99Ms === null ? '' : `${number(figure.p99Ms)} ms`,
    `${number(figure.floor)} ${figure.unit}`,
    `${Math.round(figure.ofFloor * 100)} %`,
    Number.isNaN(figure.cpuUs) ? '' : `${number(figure.cpuUs)} us`,
    Number.isNaN(figure.floorCpuUs) ? '' : `${number(figure.floorCpuUs)} us`,
  ]);
  const rows = [['figure', 'gateway', 'p50', 'p99', 'floor', 'of floor', 'CPU each', 'floor CPU'], ...cells];
  const widths = rows[0]?.map((_head, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  const lines = rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '));
  const notes = figures.map(({ name, bound, note }) => `${name}\n  bounded by  ${bound}\n  floor       ${note}`);
  return [...lines, '', ...notes].join('\n');
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}
