import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { serveNode, type NodeProcess } from '../support/node-process.js';

describe('a node that is started for the first time', function () {
  this.timeout(90_000);
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'));
  const dataDir = join(folder, 'data');
  const key = join(dataDir, 'master.key');
  let placed = '';

  /** Where the data is depends on who we are; the node says so. */
  const placeIn = (output: string): string => /^Data: (\S+), sealed with (\S+)$/m.exec(output)?.[1] ?? '';

  after(() => {
    for (const path of [folder, placed, placed && `${placed}.log`]) if (path !== '') rmSync(path, { recursive: true, force: true });
  });

  const started = async (then: (node: NodeProcess) => Promise<void> = async () => {}): Promise<string> => {
    const node = serveNode({ SCAIWAVE_DATA_DIR: dataDir });
    try {
      await node.ready();
      await then(node);
    } finally {
      await node.stop();
    }
    return node.output;
  };

  it('says where the data and its key are, and prints no log', async () => {
    const output = await started();
    placed = placeIn(output);
    expect(existsSync(placed), placed).to.equal(true);
    expect(output).to.contain(`sealed with ${key}`).and.not.match(/^\{/m);
  });

  it('is refused without its master key, in a sentence, and makes no other', async () => {
    renameSync(key, `${key}.away`);
    const node = serveNode({ SCAIWAVE_DATA_DIR: dataDir });
    expect(await node.exit()).to.equal(1);
    expect(node.output.trim().split('\n')).to.have.length(1);
    expect(node.output).to.contain(key).and.contain(placed);
    expect(existsSync(key)).to.equal(false);
  });

  it('starts again when the key is back', async () => {
    renameSync(`${key}.away`, key);
    await started(async (node) => {
      expect((await fetch(`${await node.ready()}/health`)).status).to.equal(200);
    });
  });

  it('goes on, and stops in order, when nobody reads any more what it prints', async () => {
    const node = serveNode({ SCAIWAVE_DATA_DIR: dataDir, SCAIWAVE_LOG_LEVEL: 'debug' });
    const url = await node.ready();
    node.stopReading();
    for (let call = 0; call < 3; call += 1) expect((await fetch(`${url}/v1/nothing`)).status).to.equal(404);
    expect(await node.stop()).to.equal(0);
  });
});
