import { IN_FLIGHT, type Stage } from './stage.js';
import { dealt, type Gun, type Shot, type Volley } from './load.js';
import type { Figure } from './report.js';
import { medianRound, round, type Meters, type Round } from './measure.js';

export interface Rounds {
  readonly count: number;
  /** Part of a full round's size, for a quick look. */
  readonly scale: number;
}

/** A gateway's round and a floor's in turn, so that whatever else the machine does hits both alike. */
export async function inTurn(count: number, node: () => Promise<Round>, floor: () => Promise<Round>): Promise<{ readonly node: Round; readonly floor: Round }> {
  // The first pair warms up both.
  await node();
  await floor();
  const pairs: (readonly [Round, Round])[] = [];
  for (let turn = 0; turn < count; turn += 1) pairs.push([await node(), await floor()]);
  return { node: medianRound(pairs.map(([one]) => one)), floor: medianRound(pairs.map(([, other]) => other)) };
}

/** Single requests, 64 in flight. They are made before the clock runs. */
export async function singles(gun: Gun, meters: Meters, shots: readonly Shot[], check?: (answer: unknown) => void): Promise<Round> {
  return round(meters, shots.length, (): Promise<Volley> => gun.volley(dealt(shots, IN_FLIGHT), check));
}

export function many<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: Math.max(1, Math.round(count)) }, (_, index) => make(index));
}

export type Bench = (stage: Stage, rounds: Rounds) => Promise<readonly Figure[]>;
