// Adds up what the runs counted. A step that failed without a failed test (types, lint, a crash) counts as one.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...failedSteps] = process.argv.slice(2);
const RUNS = { embedded: 'npm test', real: 'npm run --silent test:real', smoke: 'npm run --silent test:smoke' };

let passed = 0;
let failed = 0;
const explained = new Set();
for (const [run, step] of Object.entries(RUNS)) {
  const file = join(folder, run, 'tally.json');
  const tally = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 1, failures: [`${run} left no tally`] };
  passed += tally.passed;
  failed += tally.failed;
  if (tally.failed > 0) explained.add(step);
  for (const title of tally.failures) console.log(`FAILED ${run}: ${title}`);
}
for (const step of failedSteps) {
  const counted = [...explained].some((known) => step.startsWith(known));
  if (!counted) failed += 1;
  console.log(`FAILED step: ${step}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
