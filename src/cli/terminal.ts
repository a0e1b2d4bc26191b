import type { Clock, Timers } from '../kernel/ports.js';

/** What the command needs of its process. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  /** Calls back at every SIGINT and SIGTERM until the process ends. */
  onSignal(listener: (signal: StopSignal) => void): void;
  exit(code: number): void;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Pick<Timers, 'after'>;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** The shell's numbers for a process that a signal ended. */
export const SIGNAL_EXIT: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };
