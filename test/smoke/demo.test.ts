import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { signOnCommandLine } from '../demo/sign.js';
import { holds, Story, StepFailed } from '../demo/story.js';
import { NodeProcess } from '../support/node-process.js';
import { isOnPath } from '../support/processes.js';
import { ranAgainst } from '../support/services.js';
import { ROOT } from '../support/sources.js';

describe('npm run demo', function () {
  this.timeout(180_000);

  const demo = async (...words: string[]): Promise<{ readonly code: number | null; readonly output: string }> => {
    const child = new NodeProcess('npm', ['run', '--silent', 'demo', '--', ...words], { cwd: ROOT, env: {} });
    const code = await child.exit();
    return { code, output: child.output };
  };

  it('holds every step, and says so with 0', async () => {
    const { code, output } = await demo();
    expect(code, output).to.equal(0);
    expect(output).to.contain('Every step held.').and.contain('14. ').and.contain('scaiwave-receipt+jws by b.example');
    expect(output).to.contain(isOnPath('openssl') ? 'signed with openssl' : 'signed with node');
    ranAgainst('npm run demo', 'two processes with embedded PostgreSQL');
  });

  it('ends with 1 when what came out is not signed as the receiver expects', async () => {
    const { code, output } = await demo('--spoil=outbound-secret');
    expect(code, output).to.equal(1);
    expect(output).to.match(/^ 9\. [\s\S]*FAILED after \d+ ms: .*signature/m).and.contain('NOT every step held.').and.not.contain('Every step held.');
  });

  it('ends with 1 when what comes in is signed with another secret', async () => {
    const { code, output } = await demo('--spoil=inbound-secret');
    expect(code, output).to.equal(1);
    expect(output).to.match(/FAILED after \d+ ms: .*SW_BRIDGE_SIGNATURE/).and.contain('NOT every step held.').and.not.contain('Every step held.');
  });

  describe('tells', () => {
    const told = (): [Story, string[]] => {
      const lines: string[] = [];
      return [new Story((line) => lines.push(line)), lines];
    };

    it('what failed, by number, and goes no further', async () => {
      const [story, lines] = told();
      await story.step('first', async () => undefined);
      const failed = await story.step('second', async () => holds(1 > 2, 'one is not more than two')).catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(StepFailed).and.to.include({ step: 2 });
      expect(lines.at(-1)).to.match(/FAILED after \d+ ms: one is not more than two/);
    });

    it('what was seen before how long it took', async () => {
      const [story, lines] = told();
      expect(await story.step('first', async (saw) => (saw('this'), 7))).to.equal(7);
      expect(lines.map((line) => line.replace(/\d+ ms/, 'n ms'))).to.deep.equal([' 1. first', '      this', '      ok, n ms']);
    });
  });

  describe('signs', () => {
    const body = '{"text":"quotes \' and \\" and $HOME and ☃"}';
    for (const by of ['node', ...(isOnPath('openssl') ? (['openssl'] as const) : [])] as const) {
      it(`with ${by} what any other tool would`, () => {
        const { header } = signOnCommandLine('whsec_test-only', body, by);
        const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? [];
        expect(v1).to.equal(createHmac('sha256', 'whsec_test-only').update(`${t}.${body}`).digest('hex'));
      });
    }
  });
});
