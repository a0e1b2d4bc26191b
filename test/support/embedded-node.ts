/**
 * A process that holds an embedded PostgreSQL, for tests that kill it: `tsx embedded-node.ts <data folder>`. It says what
 * it runs on in one line of JSON, or why it does not, and ends the server on SIGTERM.
 */
import { systemClock, systemTimers } from '../../src/kernel/system-ports.js';
import { startEmbedded } from '../../src/store/embedded/embedded.js';
import { silentLog } from './silent-ports.js';

async function run(dataDir: string): Promise<void> {
  const embedded = await startEmbedded({ dataDir, log: silentLog, clock: systemClock, timers: systemTimers });
  const alive = setInterval(() => undefined, 60_000);
  process.once('SIGTERM', () => {
    clearInterval(alive);
    embedded.stop().catch(() => {
      process.exitCode = 1;
    });
  });
  console.log(JSON.stringify({ url: embedded.ownerUrl, dataPath: embedded.dataPath }));
}

try {
  await run(process.argv[2] ?? '');
} catch (error) {
  console.log(JSON.stringify({ refusal: error instanceof Error ? error.message : String(error) }));
  process.exitCode = 1;
}
