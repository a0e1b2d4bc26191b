import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../../support/sources.js';

describe('npm run services', () => {
  it('says without docker what to install and which names to set, and starts and installs nothing', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Readonly<Record<string, string>> };
    expect(scripts['services']).to.equal('node config/services.js');
    // On an empty path there is neither docker nor anything that could install it.
    const { status, stdout, stderr } = spawnSync(process.execPath, ['config/services.js'], { cwd: ROOT, encoding: 'utf8', env: { PATH: '' } });
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^Docker does not answer, and nothing is installed for you\./);
    for (const name of ['DB', 'REDIS', 'NATS']) expect(stdout).to.match(new RegExp(`export SCAIWAVE_TEST_${name}_URL=\\S+`));
  });
});
