import { LIMITS } from '../kernel/limits.js';

interface Circuit {
  /** Of the last minutes, oldest first. */
  tries: { readonly atMs: number; readonly failed: boolean }[];
  openUntilMs: number;
  openMs: number;
}

/** Leaves a receiver alone that fails most of what it gets: half a minute at first, then longer. Each process has its own. */
export class Breaker {
  readonly #circuits = new Map<string, Circuit>();

  /** How long to leave it alone still; 0: it may be tried. */
  waitMs(name: string, nowMs: number): number {
    return Math.max((this.#circuits.get(name)?.openUntilMs ?? 0) - nowMs, 0);
  }

  record(name: string, failed: boolean, nowMs: number): void {
    const circuit = this.#circuits.get(name) ?? { tries: [], openUntilMs: 0, openMs: LIMITS.breakerOpenMs };
    const recent = circuit.tries.filter(({ atMs }) => nowMs - atMs < LIMITS.breakerWindowMs);
    circuit.tries = [...recent, { atMs: nowMs, failed }];
    if (circuit.tries.every((one) => !one.failed)) return void this.#circuits.delete(name);
    this.#circuits.set(name, circuit);
    if (failed && isBad(circuit)) open(circuit, nowMs);
  }
}

function isBad({ tries }: Circuit): boolean {
  const failures = tries.filter((one) => one.failed).length;
  return tries.length >= LIMITS.breakerTriesMin && failures * 100 >= tries.length * LIMITS.breakerFailedPercent;
}

function open(circuit: Circuit, nowMs: number): void {
  circuit.openUntilMs = nowMs + circuit.openMs;
  circuit.openMs = Math.min(circuit.openMs * 2, LIMITS.breakerOpenMaxMs);
}
