#!/usr/bin/env node
import * as app from './app.js';
import { scaiwave } from './cli/scaiwave.js';
import type { Terminal } from './cli/terminal.js';
import { systemClock, systemTimers } from './kernel/system-ports.js';

const terminal: Terminal = {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  onSignal(listener) {
    process.on('SIGINT', listener);
    process.on('SIGTERM', listener);
  },
  exit: (code) => process.exit(code),
  clock: systemClock,
  timers: systemTimers,
};

// Who reads what we print may go before us; a node goes on without them, and stops in order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await scaiwave(app, process.argv.slice(2), terminal);
