import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { serveNode, type NodeProcess } from '../support/node-process.js';
import { freePort } from '../support/processes.js';
import { pasted, startsOf } from '../support/readme.js';
import { describeWithPrograms, ranAgainst } from '../support/services.js';

/** Runs what a person would paste. Anything that fails, curl's own failures included, is an error. */
async function shell(script: string): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, complaint, status] = await Promise.all([text(child.stdout), text(child.stderr), new Promise((resolve) => child.once('close', resolve))]);
  expect(status, `${complaint}\n${output}`).to.equal(0);
  expect(output).not.to.contain('"error"');
  return output;
}

describeWithPrograms(['curl', 'openssl'], 'what people paste', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'));
  // As root, a data folder that is closed to the account of the database would not be used.
  chmodSync(folder, 0o755);
  const running: NodeProcess[] = [];

  const start = async (settings: Readonly<Record<string, string>>): Promise<NodeProcess> => {
    const node = serveNode({ SCAIWAVE_DATA_DIR: join(folder, String(running.length)), ...settings });
    running.push(node);
    await node.ready();
    return node;
  };

  before(() => ranAgainst('the README', 'curl and openssl of this machine'));

  after(async () => {
    await Promise.all(running.map((node) => node.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  describe('of what a node prints', () => {
    let printed: readonly string[];
    let url: string;
    before(async () => {
      const node = await start({});
      url = await node.ready();
      printed = node.output.split('\n').map((line) => line.trim());
    });

    it('has tokens of an administrator and of a member, of the server that it names', async () => {
      const after = (words: string): string => printed.find((line) => line.startsWith(words))?.slice(words.length).trim() ?? '';
      const whoIs = async (token: string): Promise<unknown> => {
        const reply = await fetch(`${url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
        const { role, server_name: server } = ((await reply.json()) as { data: { role: string; server_name: string } }).data;
        return { role, server };
      };
      const server = after('Tenant first: server name');
      expect(await whoIs(after('an administrator'))).to.deep.equal({ role: 'tenant_admin', server });
      expect(await whoIs(after('a member'))).to.deep.equal({ role: 'member', server });
    });

    it('makes a room, says something and reads it back', async () => {
      const calls = printed.filter((line) => /^(ROOM=|curl )/.test(line));
      expect(calls).to.have.length(3);
      expect(await shell(calls.join('\n'))).to.match(/"body":"Hello, world"[\s\S]*"body":"Hello, world"/);
    });

    it('does the same without curl', async () => {
      const call = printed.find((line) => line.startsWith('node ')) ?? '';
      expect(await shell(call)).to.contain('"body":"Hello, world"');
    });
  });

  describe('of the README', () => {
    /** Only the ports are others: the written ones may be taken. */
    const ports = new Map<string, string>();
    const here = (written: string): string => written.replaceAll(/\b808[0-2]\b/g, (port) => ports.get(port) ?? port);

    before(async () => {
      for (const port of ['8080', '8081', '8082']) ports.set(port, String(await freePort()));
    });

    it('makes a room, shares a file in it, a plan and a task, and bridges a signed message into it', async () => {
      await start({ SCAIWAVE_PORT: ports.get('8080') ?? '' });
      const output = await shell(here(pasted('First calls', 'A file', 'Plans and sidekicks', 'A bridge')));
      expect(output).to.contain('"msgtype":"swp.media"').and.contain('Minutes of today');
      expect(output).to.contain('"status":"accepted"').and.contain('"goal":"Find a date"').and.contain('"status":"spawning"');
      expect(output.slice(output.lastIndexOf('accepted'))).to.contain('Hello, world').and.contain('Ticket 7 is open').and.contain('Grace');
    });

    it('lets the admin of a partner act for a customer, under their own name', async () => {
      // The node of the test before answers there.
      const output = await shell(here(pasted('Partners')));
      expect(output).to.contain('"name":"Widget Partners"').and.contain('"allowed_peers":["b.example"]');
      expect(output).to.match(/"actor":\{[^}]*"name":"@pia:/);
    });

    it('shares a room between two nodes on one machine', async () => {
      const starts = startsOf('Two nodes on one machine');
      expect(starts).to.have.length(2);
      await Promise.all(starts.map((settings) => {
        const { SCAIWAVE_DATA_DIR: _theirs, ...others } = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, here(value)]));
        return start(others);
      }));
      const output = await shell(here(pasted('Two nodes on one machine')));
      expect(output).to.contain('Hello from B').and.contain('"phase":"hosted"').and.contain('"phase":"mirrored"').and.contain('"receipt":{"seq":');
    });
  });
});
