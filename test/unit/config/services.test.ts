import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../../support/sources.js';

const NAMES = ['DB', 'REDIS', 'NATS'];

describe('npm run services', () => {
  it('says without docker what to install and which names to set, and starts and installs nothing', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Readonly<Record<string, string>> };
    expect(scripts['services']).to.equal('node config/services.js');
    // On an empty path there is neither docker nor anything that could install it.
    const { status, stdout, stderr } = spawnSync(process.execPath, ['config/services.js'], { cwd: ROOT, encoding: 'utf8', env: { PATH: '' } });
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^Docker does not answer, and nothing is installed for you\./);
    for (const name of NAMES) expect(stdout).to.match(new RegExp(`export SCAIWAVE_TEST_${name}_URL=\\S+`));
  });

  describe('where docker answers', () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'))));
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    /** A docker that writes down what it is asked for, and ends `up` as told. */
    function services(upStatus: number): { readonly status: number | null; readonly stdout: string; readonly asked: readonly string[] } {
      const asked = join(folder, 'asked');
      writeFileSync(join(folder, 'docker'), `#!/bin/sh\necho "$*" >> '${asked}'\ncase "$*" in *up*) exit ${upStatus};; esac\n`, { mode: 0o755 });
      const { status, stdout } = spawnSync(process.execPath, ['config/services.js'], { cwd: ROOT, encoding: 'utf8', env: { PATH: folder } });
      return { status, stdout, asked: readFileSync(asked, 'utf8').trimEnd().split('\n') };
    }

    it('starts the compose file, waits for it, and says which names to set', () => {
      const { status, stdout, asked } = services(0);
      expect(status).to.equal(0);
      expect(asked).to.deep.equal(['info', 'compose version', `compose -f ${join(ROOT, 'config/services.compose.yaml')} up --detach --wait`]);
      for (const name of NAMES) expect(stdout).to.contain(`export SCAIWAVE_TEST_${name}_URL=`);
    });

    it('fails as docker failed, and names nothing that is not there', () => {
      const { status, stdout } = services(7);
      expect([status, stdout]).to.deep.equal([7, '']);
    });
  });
});
