import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Figure } from '../bench/report.js';
import { NodeProcess } from '../support/node-process.js';
import { ranAgainst } from '../support/services.js';
import { ROOT } from '../support/sources.js';

const FIGURES = [
  /^inbound federation, runs of 50$/,
  /^inbound federation, single events$/,
  /^bridge inbound$/,
  /^local send$/,
  /^A to B, sent to seen$/,
  /^B to A, sent to seen /,
  /^drain after an outage, /,
];

/** How fast the machine is that runs this, nobody knows: only that there is something to see. */
describe('the bench', function () {
  this.timeout(180_000);
  let folder: string;

  before(() => (folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('measures every figure and its floor, in the smallest run there is', async () => {
    const file = join(folder, 'bench.json');
    const bench = new NodeProcess(process.execPath, ['--import=tsx', 'test/bench/bench.ts', file, '--scale', '0.005', '--rounds', '1'], { cwd: ROOT, env: {} });
    expect(await bench.exit(), bench.output).to.equal(0);
    const { figures } = JSON.parse(readFileSync(file, 'utf8')) as { readonly figures: readonly Figure[] };
    expect(figures).to.have.length(FIGURES.length);
    for (const [index, name] of FIGURES.entries()) expect(figures[index]?.name).to.match(name);
    for (const figure of figures) {
      for (const part of ['value', 'floor', 'ofFloor', ...(figure.p50Ms === null ? [] : (['p50Ms', 'p99Ms'] as const))] as const) expect(figure[part], `${figure.name}: ${part}`).to.be.above(0);
      expect(bench.output).to.contain(`${figure.name}\n  bounded by  ${figure.bound}\n`);
      expect(figure.bound, figure.name).to.match(/^(the |all |cores |waiting: |not told by )/);
    }
    ranAgainst('npm run bench', 'two processes and a floor on an embedded PostgreSQL; figures are there, no speed was asked for');
  });
});
