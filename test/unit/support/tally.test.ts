import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { environmentOf } from '../../support/run-environment.js';
import { ROOT } from '../../support/sources.js';
import { addUp, floorOf, judge, type Tally } from '../../support/tally.js';

function counted(passed: number, failures: readonly string[] = [], pending = 0): string {
  const tally: Tally = { passed, failed: failures.length, pending, failures };
  return JSON.stringify(tally);
}

describe('the judgement of a test run', () => {
  it('passes when mocha does and the floor is kept', () => {
    expect(addUp([judge(counted(6), '0'), judge(counted(4), '0')], 10)).to.include({ passed: 10, failed: 0 });
  });

  it('fails with every failure of mocha, counted once', () => {
    expect(addUp([judge(counted(10, ['a', 'b']), '2')], 1)).to.include({ passed: 10, failed: 2 });
  });

  for (const [title, tally, status, floor] of [
    ['mocha crashed before it could count', undefined, '1', 0],
    ['mocha was killed for being late', counted(10), 'SIGKILL', 1],
    ['mocha refused a skipped test', counted(10), '1', 1],
    ['fewer tests ran than the floor', counted(9), '0', 30],
    ['a test was left out', counted(10, [], 1), '0', 1],
    ['nothing ran in one of the groups', counted(0), '0', 21],
  ] as const) {
    it(`fails when ${title}`, () => {
      expect(addUp([judge(counted(20), '0'), judge(tally, status)], floor).failed).to.be.greaterThan(0);
    });
  }

  it('reads the floor of a run, and asks for one test where there is none', () => {
    expect(floorOf('# why\nunit 100\nreal 7\n', 'real')).to.equal(7);
    expect(floorOf('unit 100\n', 'other')).to.equal(1);
  });
});

describe('the script of CI', () => {
  const LINES = [
    'set -euo pipefail', 'export CI=true', 'npm ci --no-audit --no-fund', '  npm run --silent typecheck & local types=$!', '  npm run --silent lint & local lint=$!',
    'step types_and_lint', 'step npm test --silent', 'step name_services', 'step npm run --silent test:real', 'step npm run --silent test:smoke',
    '  export SCAIWAVE_TEST_REQUIRE=postgres,redis,nats',
    'node .ci/total.js "$SCAIWAVE_TEST_REPORT_DIR" ${failed_steps[@]+"${failed_steps[@]}"}',
  ];
  const script = readFileSync(join(ROOT, '.ci/run'), 'utf8');
  const holds = (text: string): void => void expect(text.split('\n')).to.include.members(LINES);

  it('takes every step, and asks for what the guards need', () => {
    holds(script);
    expect(script.trimEnd().split('\n').at(-1)).to.equal(LINES.at(-1));
  });

  it('is seen to lack any of it', () => {
    for (const line of LINES) expect(() => holds(script.replace(`${line}\n`, '\n')), line).to.throw();
  });
});

describe('the total of a run of CI', () => {
  let folder: string;

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The lines it ends with, and how. */
  function total(tallies: Readonly<Record<string, string>>, ...failedSteps: readonly string[]): { readonly status: number | null; readonly lines: readonly string[] } {
    for (const [run, tally] of Object.entries(tallies)) {
      mkdirSync(join(folder, run));
      writeFileSync(join(folder, run, 'tally.json'), tally);
    }
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, '.ci/total.js'), folder, ...failedSteps], { encoding: 'utf8' });
    return { status, lines: stdout.trimEnd().split('\n') };
  }

  const GREEN = { embedded: counted(5), real: counted(3), smoke: counted(2) };

  it('is green when every run is', () => {
    expect(total(GREEN)).to.deep.equal({ status: 0, lines: ['10 passed, 0 failed'] });
  });

  it('is red on a failed test, which it names, and counts its step once', () => {
    expect(total({ ...GREEN, real: counted(2, ['rooms are closed']) }, 'npm run --silent test:real')).to.deep.equal({
      status: 1,
      lines: ['FAILED real: rooms are closed', 'FAILED step: npm run --silent test:real', '9 passed, 1 failed'],
    });
  });

  it('is red on a run that left no tally', () => {
    const { smoke: _none, ...others } = GREEN;
    expect(total(others)).to.deep.equal({ status: 1, lines: ['FAILED smoke: smoke left no tally', '8 passed, 1 failed'] });
  });

  it('is red on a run with fewer tests than its floor', () => {
    expect(total({ ...GREEN, smoke: JSON.stringify(addUp([judge(counted(2), '0')], 15)) })).to.deep.equal({
      status: 1,
      lines: ['FAILED smoke: 2 tests ran, test/floor asks for 15', '10 passed, 1 failed'],
    });
  });

  it('is red on a step that failed although no test did', () => {
    expect(total(GREEN, 'npm run --silent lint')).to.deep.equal({ status: 1, lines: ['FAILED step: npm run --silent lint', '10 passed, 1 failed'] });
  });

  it('is red on a tally that cannot be read', () => {
    expect(total({ ...GREEN, real: '{' }).status).to.equal(1);
  });
});

describe('the environment of a run', () => {
  const given = { SCAIWAVE_TEST_DB_URL: 'postgres://lent', SCAIWAVE_TEST_REQUIRE: 'postgres', HOME: '/root' };

  it('leaves what was lent to the runs on real services', () => {
    expect(environmentOf('real', { SCAIWAVE_TEST_STACK: 'real' }, { ...given, CI: 'true' })).to.deep.equal({ ...given, CI: 'true', SCAIWAVE_TEST_STACK: 'real' });
    expect(environmentOf('embedded', { SCAIWAVE_TEST_STACK: 'embedded' }, given)).to.deep.equal({ HOME: '/root', SCAIWAVE_TEST_STACK: 'embedded' });
  });

  it('asks in CI for the servers that the embedded run starts and kills', () => {
    expect(environmentOf('embedded', {}, { ...given, CI: 'true' })).to.deep.equal({ HOME: '/root', CI: 'true', SCAIWAVE_TEST_REQUIRE: 'redis,nats' });
    expect(environmentOf('unit', {}, { ...given, CI: 'true' })).to.deep.equal({ HOME: '/root', CI: 'true' });
  });
});

describe('a run of mocha in CI', function () {
  this.timeout(30_000);
  let folder: string;

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs one planted file under the settings of the real runs. */
  function runPlanted(code: string, env: NodeJS.ProcessEnv = {}): Tally {
    const file = join(folder, 'planted.test.ts');
    writeFileSync(file, code);
    const args = ['--import=tsx', 'node_modules/mocha/bin/mocha.js', '--config', 'config/mocha.json', '--forbid-only', '--forbid-pending', file];
    const { status } = spawnSync(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env, SCAIWAVE_TEST_REPORT_DIR: folder } });
    return addUp([judge(readIfThere(join(folder, 'tally.json')), String(status))], 1);
  }

  function readIfThere(path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  }

  it('is green on a test that passes', () => {
    expect(runPlanted("it('a', () => {});")).to.include({ passed: 1, failed: 0 });
  });

  for (const [title, code] of [
    ['a test that fails', "it('a', () => { throw new Error('x'); });"],
    ['a skipped test', `it('a', () => {}); it.${'skip'}('b', () => {});`],
    ['a test that runs alone', `it.${'only'}('a', () => {}); it('b', () => {});`],
    ['a suite that skips itself', `describe('a', () => { before(function () { this.${'skip'}(); }); it('b', () => {}); });`],
    ['a file that cannot be loaded', "import './nowhere.js'; it('a', () => {});"],
    ['a promise that nobody caught in a test', "it('a', () => { Promise.reject(new Error('x')); }); it('b', (done) => { setTimeout(done, 50); });"],
    ['a promise that nobody caught beside the tests', "it('a', () => {}); Promise.reject(new Error('x'));"],
    ['a process that leaves early', "it('a', () => { process.exit(0); });"],
  ] as const) {
    it(`is red on ${title}`, () => {
      expect(runPlanted(code).failed).to.be.greaterThan(0);
    });
  }

  it('is red on a suite whose service is required and missing', () => {
    const services = join(ROOT, 'test/support/services.ts');
    const code = `import { describeWithOwn } from '${services}'; describeWithOwn('redis', 'planted', () => { it('a', () => {}); });`;
    expect(runPlanted(code, { SCAIWAVE_TEST_REQUIRE: 'redis', PATH: folder }).failed).to.equal(1);
    expect(runPlanted(`${code} it('b', () => {});`, { SCAIWAVE_TEST_REQUIRE: '', PATH: folder })).to.include({ passed: 1, failed: 0 });
    expect(readFileSync(join(folder, 'not-run.txt'), 'utf8')).to.contain('planted (put redis-server on the PATH)');
  });

  it('is red on a suite for which a service must be lent and is not', () => {
    const services = join(ROOT, 'test/support/services.ts');
    const lent = { SCAIWAVE_TEST_STACK: 'real', SCAIWAVE_TEST_REDIS_URL: 'redis://127.0.0.1:1', SCAIWAVE_TEST_NATS_URL: undefined, PATH: folder };
    for (const suite of ["describeLent(['redis', 'nats'],", "describeWith('nats',"]) {
      const code = `import { describeLent, describeWith } from '${services}'; ${suite} 'planted', () => { it('a', () => {}); });`;
      expect(runPlanted(code, { ...lent, SCAIWAVE_TEST_REQUIRE: 'nats' }).failed, suite).to.equal(1);
      expect(runPlanted(`${code} it('b', () => {});`, { ...lent, SCAIWAVE_TEST_REQUIRE: '' }), suite).to.include({ passed: 1, failed: 0 });
    }
  });
});
