import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';
import type { Tally } from './tally.js';

const REASON_CHARS_MAX = 400;

/** One line a file while it goes well, whole failures at the end, and the numbers as JSON. */
export default class CountingReporter extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    let passedInSuite = 0;
    let beganMs = performance.now();
    runner.on('pass', () => (passedInSuite += 1));
    runner.on('suite end', (suite) => {
      if (suite.parent?.root !== true) return;
      const seconds = Math.round((performance.now() - beganMs) / 1000);
      console.log(`  ${String(passedInSuite).padStart(4)} passed  ${suite.title}${seconds > 4 ? `  (${seconds} s)` : ''}`);
      passedInSuite = 0;
      beganMs = performance.now();
    });
    runner.on('fail', (test, error: Error) => console.log(`     FAILED  ${inOneLine(test, error)}`));
    runner.once('end', () => {
      this.epilogue();
      this.writeTally();
    });
  }

  private writeTally(): void {
    const folder = process.env['SCAIWAVE_TEST_REPORT_DIR'];
    if (folder === undefined) return;
    const tally: Tally = {
      passed: this.stats.passes,
      failed: this.stats.failures,
      pending: this.stats.pending,
      failures: this.failures.map((test) => inOneLine(test, test.err)),
    };
    writeFileSync(join(folder, 'tally.json'), JSON.stringify(tally));
  }
}

/** What failed and why, for those who see no more than the end of a log. */
function inOneLine(test: Mocha.Runnable, error: Error | undefined): string {
  return `${test.fullTitle()}: ${(error?.message ?? 'no error').replace(/\s+/g, ' ').slice(0, REASON_CHARS_MAX)}`;
}
