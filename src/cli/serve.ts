import { LIMITS } from '../kernel/limits.js';
import type { Config } from '../config/config.js';
import type { Application } from './application.js';
import { SIGNAL_EXIT, type StopSignal, type Terminal } from './terminal.js';


/** Runs the node until it is told to stop. A signal during the start is obeyed as soon as the start is over. */
export async function serve(app: Pick<Application, 'startNode'>, config: Config, terminal: Terminal): Promise<void> {
  const asked = firstSignal(terminal);
  const node = await app.startNode(config);
  // In one write: a program that waits for the first line has the others with it.
  terminal.out([`ScaiWave Gateway is ready at ${node.url}`, ...node.welcome].join('\n'));

  const signal = await asked;
  terminal.out(`${signal}: finishing what was begun; a second signal stops at once`);
  leaveWhenLate(terminal);
  await node.stop();
  terminal.out('Stopped.');
}

/** The first signal resolves; a later one that is no echo ends the process there and then. */
function firstSignal(terminal: Terminal): Promise<StopSignal> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    terminal.onSignal((signal) => {
      const nowMs = terminal.clock.monotonicMs();
      firstAtMs ??= nowMs;
      if (nowMs - firstAtMs > LIMITS.signalEchoMs) terminal.exit(SIGNAL_EXIT[signal]);
      resolve(signal);
    });
  });
}

/** Never called off: it ends a process that something still holds open after the stop, too. */
function leaveWhenLate(terminal: Terminal): void {
  terminal.timers.after(LIMITS.stopMs, () => {
    terminal.err(`Not stopped after ${LIMITS.stopMs / 1_000} s; leaving. Nothing accepted is lost.`);
    terminal.exit(1);
  });
}
